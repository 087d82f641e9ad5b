"""What every page knows."""

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, str]:
    """Return the site's name, for titles and headers."""
    return {"site_name": settings.SITE_NAME}
