"""What every answer says of what browsers may do with it."""

import re
import runpy
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from pytest_django import Settings

from config.urls import urlpatterns as project_urls
from tests.unit.test_environment import SETTINGS


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("planted")


@csp_override({"default-src": [CSP.SELF, CSP.NONCE]})
def decorate(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


urlpatterns = [*project_urls, path("fail/", fail), path("decorate/", decorate)]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]

# A project may add addresses to it, but nothing that lets in whatever stands in a page.
POLICY = (
    r"default-src 'none'; script-src 'self'( 'nonce-[\w-]{22}')?( http[^;]+)?; style-src 'self'( 'nonce-[\w-]{22}')?"
    r"(?!.*'unsafe-)(?=.*; frame-ancestors )(?=.*; base-uri 'none';)(?=.*; form-action ).*; object-src 'none'.*"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": r"([a-z-]+=\(\), )+[a-z-]+=\(\)",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def with_variables(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, Any]:
    """Return the settings for headers in an environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(SETTINGS / "components" / "headers.py"))


def take(settings: Settings, found: dict[str, Any]) -> None:
    """Use the policies of ``found``."""
    settings.SECURE_CSP, settings.SECURE_CSP_REPORT_ONLY = found["SECURE_CSP"], found["SECURE_CSP_REPORT_ONLY"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/", 200),
        ("/health/", 200),
        ("/admin/login/", 200),
        ("/admin/", 302),
        ("/favicon.ico", 302),
        ("/nowhere/", 404),
        ("/csp-report/", 405),
        ("/fail/", 500),
    ],
)
def test_every_answer_has_each_header_once(address: str, status: int) -> None:
    response = Client(raise_request_exception=False).get(address)
    assert response.status_code == status
    for name, pattern in HEADERS.items():
        [value] = [value for other, value in response.items() if other.lower() == name.lower()]
        assert re.fullmatch(pattern, value), name
    assert "Content-Security-Policy-Report-Only" not in response


def test_an_unknown_host_is_told_them_too(client: Client) -> None:
    response = client.get("/", headers={"host": "unknown.example.org"})
    assert response.status_code == 400
    assert set(HEADERS) <= set(response.headers)


def test_what_leads_to_https_has_them_too(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    response = client.get("/")
    assert response.status_code == 301
    assert set(HEADERS) <= set(response.headers)


def test_each_page_of_the_admin_has_a_nonce_of_its_own(admin_client: Client) -> None:
    found = set()
    for _ in range(2):
        response = admin_client.get("/admin/users/user/")
        [nonce] = set(re.findall("'nonce-(.*?)'", response.headers["Content-Security-Policy"]))
        assert f'nonce="{nonce}"' in response.content.decode()
        found.add(nonce)
    assert len(found) == 2


def test_a_policy_can_be_only_reported(client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    take(settings, with_variables(monkeypatch, CSP_REPORT_ONLY="true"))
    response = client.get("/admin/login/")
    assert "Content-Security-Policy" not in response
    policy = response.headers["Content-Security-Policy-Report-Only"]
    assert re.fullmatch(POLICY, policy)
    assert "; report-uri /csp-report/" in policy
    assert policy.count("'nonce-") == 2


def test_view_may_have_a_policy_of_its_own(client: Client) -> None:
    policies = [client.get(address).headers["Content-Security-Policy"] for address in ("/", "/decorate/", "/")]
    assert policies[1] == "default-src 'self'"
    assert policies[0] == policies[2] != policies[1]


def test_a_policy_can_be_off(client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    take(settings, with_variables(monkeypatch, CSP_ENABLED="false", CSP_REPORT_ONLY="true"))
    response = client.get("/admin/login/")
    assert not any(name.startswith("Content-Security") for name in response.headers)
    assert response.headers["Permissions-Policy"]


@pytest.mark.parametrize("address", ["/csp-report/", "https://reports.example.com:8443/api/1/?key=ab~c&x=%20"])
def test_reports_go_where_one_wants_them(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    take(settings, with_variables(monkeypatch, CSP_REPORT_URI=address))
    assert f"; report-uri {address}" in client.get("/").headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["/x; script-src *", "/x, /y", "javascript:x", "x", "/$x", '/"', "//x y/", "/x\n"])
def test_what_would_change_the_policy_is_no_address_for_reports(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^CSP_REPORT_URI must be "):
        with_variables(monkeypatch, CSP_REPORT_URI=address)
