from datetime import timedelta

import pytest
from django.template import Context, Template

from apps.core.templatetags.core import duration


@pytest.mark.parametrize(("key", "text"), [("a", "1"), ("b", "None")])
def test_get_item_looks_a_key_up(key: str, text: str) -> None:
    page = Template("{% load core %}{{ numbers|get_item:key }}").render(Context({"numbers": {"a": 1}, "key": key}))
    assert page == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ms"),
        (0.25, "250 ms"),
        (59.6, "1 min"),
        (185, "3 min 5 s"),
        (3600, "1 h"),
        (timedelta(days=1, hours=2, minutes=3), "1 d 2 h"),
        (86400 + 60, "1 d"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_duration_names_its_two_largest_units(value: timedelta | float, text: str) -> None:
    assert duration(value) == text
