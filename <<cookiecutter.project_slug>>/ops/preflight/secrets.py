"""Keeps what is secret out of what is told."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from django.conf import settings

SECRET_NAME = re.compile(r"secret|password$|token$|access_key", re.IGNORECASE)
USER_INFO = re.compile(r"(?<=://)[^\s/@]+@")
# What is shorter stands in many a word by chance.
SHORTEST = 4


def hide(text: str) -> str:
    """Return a text without any secret of the settings, and without the user and password of any URL."""
    everything = {name: getattr(settings, name) for name in dir(settings) if name.isupper()}
    for secret in sorted(set(_secrets(everything)), key=len, reverse=True):
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "…")
    return hide_in_urls(text)


def hide_in_urls(text: str) -> str:
    """Return a text without the user and password of any URL; this needs no settings."""
    return USER_INFO.sub("…@", text)


def _secrets(value: Any, is_secret: bool = False) -> Iterator[str]:
    """Yield what is secret in a value of the settings: by its name, or as the password of a URL."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _secrets(part, is_secret or bool(SECRET_NAME.search(str(name))))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _secrets(part, is_secret)
    elif isinstance(value, str):
        if is_secret:
            yield value
        if "://" in value and (password := _password(value)):
            yield from (password, unquote(password))


def _password(url: str) -> str | None:
    try:
        return urlsplit(url).password
    except ValueError:
        return None
