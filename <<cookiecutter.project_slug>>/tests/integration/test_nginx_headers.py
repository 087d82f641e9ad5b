"""The headers that nginx is told to send are those of the application's own answers."""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings


@pytest.fixture(autouse=True)
def hsts(settings: Settings) -> None:
    """Have HTTPS send a header more than HTTP, as in production."""
    settings.SECURE_HSTS_SECONDS = 3600


def printed(context: str) -> str:
    out = StringIO()
    call_command("nginx_headers", context, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("is_https", [True, False], ids=["HTTPS", "HTTP"])
def test_a_page_has_the_same_headers(client: Client, is_https: bool) -> None:
    pattern = r'map (?:"\$\w+_scheme )?\$upstream_http_(\w+)"? .*\n.*\n    "(https )?" "(.*)";'
    found = re.findall(pattern, printed("http"))
    expected = {name.replace("_", "-"): value for name, https_only, value in found if is_https or not https_only}
    answer = client.get("/", secure=is_https)
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert ("strict-transport-security" in expected) == is_https
    assert {"x-frame-options", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy"} <= set(
        expected
    )


def test_each_line_uses_a_variable_that_is_there() -> None:
    used = re.findall(r"^add_header [A-Za-z-]+ (\$\w+) always;$", printed("server"), re.MULTILINE)
    made = re.findall(r"^map .* (\$\w+) \{$", printed("http"), re.MULTILINE)
    assert used == made
    assert len(used) == 5
