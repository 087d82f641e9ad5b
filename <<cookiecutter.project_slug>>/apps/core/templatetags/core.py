"""Template filters: ``{% load core %}``."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import template

from apps.core.sanitizing import sanitize_html

register = template.Library()
register.filter("sanitize_html", sanitize_html)


@register.filter
def get_item(mapping: Mapping[Any, Any], key: Any) -> Any:
    """Return ``mapping[key]``, or None: ``{{ totals|get_item:user.pk }}``."""
    return mapping.get(key)


@register.filter
def duration(value: timedelta | float) -> str:
    """Return a length of time, given as a timedelta or in seconds, as text: ``1 d 2 h``, ``3 min 5 s``, ``250 ms``.

    The two largest units are named, which is what a reader needs; a negative length has a minus sign in front.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    rest = round(abs(seconds))
    parts: list[tuple[int, str]] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        amount, rest = divmod(rest, length)
        if amount or parts:
            parts.append((amount, unit))
    text = " ".join(f"{amount} {unit}" for amount, unit in parts[:2] if amount)
    return f"-{text}" if seconds < 0 else text
