"""The API as production has it."""

import json

from django.contrib.staticfiles.finders import get_finders

from tests.integration.test_production_config import python, settings

# What a token is called in a cookie, with what kind, and what the settings say of it.
PRINT = """
import django, json
django.setup()
from django.http import HttpResponse
from apps.api.tokens import cookie
from apps.api.tokens.classes import AccessToken, RefreshToken
from apps.users.models import User
answer = HttpResponse()
cookie.put(answer, RefreshToken())
access = AccessToken.for_user(User(pk=1))
print(json.dumps([answer.cookies.output(), access["exp"] - access["iat"]]))
"""


def test_the_cookie_comes_over_https_alone_and_to_what_needs_it() -> None:
    run = python("-c", PRINT, JWT_ACCESS_MINUTES="5")
    assert run.returncode == 0, run.stderr
    cookie, seconds = json.loads(run.stdout.splitlines()[-1])
    name, *attributes = cookie.removeprefix("Set-Cookie: ").split("; ")
    assert name.startswith("__Secure-refresh_token=ey")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/api/v1/auth/"} <= set(attributes)
    assert not any(attribute.startswith("Domain") for attribute in attributes)
    assert seconds == 5 * 60


def test_it_is_closed_at_first() -> None:
    production = settings()
    expected = {
        "AUTH_ENFORCED": True,
        "OPENAPI_PUBLIC": False,
        "COOKIE_REFRESH_AUTH": True,
        "CORS_ALLOWED_ORIGINS": [],
    }
    assert {name: production[name] for name in expected} == expected
    assert not any(name.startswith("CORS_ALLOW_ALL") or name.endswith("_REGEXES") for name in production)


def test_a_release_stops_where_anybody_may_read() -> None:
    run = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", AUTH_ENFORCED="false")
    assert run.returncode == 1
    assert "(api.W001) AUTH_ENFORCED is false: anybody may read the API." in run.stderr


def test_an_origin_that_is_none_is_refused() -> None:
    run = python("manage.py", "check", CORS_ALLOWED_ORIGINS="app.example.com")
    assert run.returncode == 1
    assert "CORS_ALLOWED_ORIGINS must list origins such as https://example.com" in run.stderr


def test_of_the_libraries_files_those_that_a_page_asks_for_are_collected() -> None:
    names = {name for finder in get_finders() for name, _ in finder.list(None)}
    libraries = {name for name in names if name.startswith(("drf_spectacular", "rest_framework"))}
    folder = "drf_spectacular_sidecar/swagger-ui-dist"
    assert {f"{folder}/swagger-ui-bundle.js", f"{folder}/swagger-ui.css"} < libraries
    assert len(libraries) < 9
    assert {"js/api-docs.js", "css/api-docs.css", "admin/css/base.css"} < names
