"""What manage.py check says of the paths of the site."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.urls import URLPattern, URLResolver, get_resolver

# What is answered without a pattern, or in development alone.
ELSEWHERE = {
    "documents",
    # >> if cookiecutter.use_metrics
    "metrics",
    # >> endif
}


def check_admin_path(**kwargs: Any) -> list[CheckMessage]:
    """Return an error when ADMIN_PATH begins as another path of the site does."""
    first = settings.ADMIN_PATH.partition("/")[0]
    others = [pattern for pattern in get_resolver().url_patterns if getattr(pattern, "app_name", None) != "admin"]
    files = {url.strip("/").partition("/")[0] for url in (settings.STATIC_URL, settings.MEDIA_URL)}
    if first not in {*beginnings(others), *files, *ELSEWHERE}:
        return []
    message = f"ADMIN_PATH begins with {first}/, which the site has already."
    return [Error(message, hint="Set it to another path, such as manage/.", id="security_paths.E001")]


def beginnings(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    """Yield the first part of each URL; where it is in what is included, of those."""
    for pattern in patterns:
        route = str(pattern.pattern).lstrip("^")
        if not route and isinstance(pattern, URLResolver):
            yield from beginnings(pattern.url_patterns)
        else:
            yield route.partition("/")[0]
