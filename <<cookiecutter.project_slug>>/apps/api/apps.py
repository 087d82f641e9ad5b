"""The app, and what manage.py check says of it in production."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks


class ApiConfig(AppConfig):
    """The REST API."""

    name = "apps.api"

    def ready(self) -> None:
        """Let ``manage.py check --deploy`` say what production should not do."""
        checks.register(check_auth_enforced, checks.Tags.security, deploy=True)


def check_auth_enforced(**kwargs: Any) -> list[checks.CheckMessage]:
    """Return a warning if views without permission classes are public. A release stops at a warning."""
    if settings.AUTH_ENFORCED:
        return []
    hint = "Unset AUTH_ENFORCED. A view that is for everybody says so itself: permission_classes = (AllowAny,)."
    return [checks.Warning("AUTH_ENFORCED is false: anybody may read the API.", hint=hint, id="api.W001")]
