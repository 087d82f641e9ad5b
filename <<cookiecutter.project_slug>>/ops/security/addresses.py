"""Which addresses of the site are taken."""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver

# What is answered without a pattern, or in development alone.
ELSEWHERE = {
    "documents",
    # >> if cookiecutter.use_metrics
    "metrics",
    # >> endif
}


def refuse_taken(name: str, patterns: Iterable[URLPattern | URLResolver]) -> None:
    """Raise ImproperlyConfigured when the setting ``name``, a path, begins as one of ``patterns`` does."""
    first = getattr(settings, name).partition("/")[0]
    files = {url.strip("/").partition("/")[0] for url in (settings.STATIC_URL, settings.MEDIA_URL)}
    if first in {*beginnings(patterns), *files, *ELSEWHERE}:
        raise ImproperlyConfigured(f"{name} begins with {first}/, which the site has already; use another, as manage/.")


def beginnings(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    """Yield the first part of each address; where it is in what is included, of those."""
    for pattern in patterns:
        route = str(pattern.pattern).lstrip("^")
        if not route and isinstance(pattern, URLResolver):
            yield from beginnings(pattern.url_patterns)
        else:
            yield route.partition("/")[0]
