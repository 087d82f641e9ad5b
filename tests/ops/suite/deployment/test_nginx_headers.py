"""The headers that nginx is told to send are those of the application's own answers."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from tests.ops.answers import USES_S3


@pytest.fixture(autouse=True)
def hsts(settings: Settings) -> None:
    """Have HTTPS send a header more than HTTP, as in production."""
    settings.SECURE_HSTS_SECONDS = 3600


def printed(context: str) -> str:
    out = StringIO()
    call_command("nginx_headers", context, stdout=out)
    return out.getvalue()


def test_a_folder_gets_the_lines_of_both_contexts(tmp_path: Path) -> None:
    (tmp_path / "headers-http.conf").write_text("former")
    call_command("nginx_headers", folder=tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {"headers-http.conf": printed("http"), "headers-server.conf": printed("server")}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"cannot be written: .*{tmp_path}/none/headers-http.conf"):
        call_command("nginx_headers", folder=tmp_path / "none")


@pytest.mark.parametrize("is_https", [True, False], ids=["HTTPS", "HTTP"])
def test_a_page_has_the_same_headers(client: Client, settings: Settings, is_https: bool) -> None:
    pattern = rf'map ".*" \${settings.SERVICE_NAME}_(\w+) .*\n.*\n    "(https )?" "(.*)";'
    found = re.findall(pattern, printed("http"))
    expected = {name.replace("_", "-"): value for name, https_only, value in found if is_https or not https_only}
    response = client.get("/", secure=is_https)
    assert {name: response.headers.get(name) for name in expected} == expected
    assert ("strict-transport-security" in expected) == is_https
    assert {"x-frame-options", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy"} | {
        *("content-security-policy", "permissions-policy", "cross-origin-resource-policy")
    } <= set(expected)


def test_nothing_is_added_to_what_the_application_has_answered(client: Client, settings: Settings) -> None:
    # Such as a page whose view wants no policy, or all of them, from a restart until nginx is told.
    settings.SECURE_CSP = {}
    response = client.get("/")
    assert "Content-Security-Policy" not in response
    assert response.headers["X-Request-ID"]
    sources = re.findall('^map "(.*)"', printed("http"), re.MULTILINE)
    assert sources
    assert all(source.endswith("$upstream_http_x_request_id") for source in sources)


def test_a_policy_has_no_nonce_which_would_be_the_same_for_all() -> None:
    assert "content_security_policy" in printed("http")
    assert "nonce" not in printed("http")


@pytest.mark.parametrize("only", [True, False], ids=["only reported", "off"])
def test_a_policy_that_is_not_enforced_is_not_printed(settings: Settings, only: bool) -> None:
    settings.SECURE_CSP, settings.SECURE_CSP_REPORT_ONLY = {}, settings.SECURE_CSP if only else {}
    names = re.findall("^add_header (Content-Security.*?) ", printed("server"), re.MULTILINE)
    assert names == (["Content-Security-Policy-Report-Only"] if only else [])


def test_uploaded_files_have_their_own_policy_alone(settings: Settings) -> None:
    [given] = re.findall(r'^map (".*") \$\w+_content_security_policy \{$', printed("http"), re.MULTILINE)
    media_policy = "" if USES_S3 else f"${settings.SERVICE_NAME}_media_policy"
    assert given == f'"{media_policy}$upstream_http_x_request_id"'


def test_quotes_in_a_value_stay_within_it(settings: Settings) -> None:
    settings.SECURITY_HEADERS = {"Permissions-Policy": 'camera=("https://example.com")'}
    assert r'"camera=(\"https://example.com\")";' in printed("http")


def test_each_line_uses_a_variable_that_is_there() -> None:
    used = re.findall(r"^add_header [A-Za-z-]+ (\$\w+) always;$", printed("server"), re.MULTILINE)
    made = re.findall(r"^map .* (\$\w+) \{$", printed("http"), re.MULTILINE)
    assert used == made
    assert len(used) == 8
