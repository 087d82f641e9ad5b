"""Attacks on the API of a deployed site, over the wire, each with the answer that it is to get.

A test module inherits from ApiAttackChecks, and has two fixtures: ``server``, the machine, and ``deployment``.
"""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any, NamedTuple

import pytest

from tests.deploy.site_checks import PASSWORD, Deployment
from tests.support.machine import Machine

TOKEN, REFRESH = "/api/v1/auth/token/", "/api/v1/auth/refresh/"
ME, USERS = "/api/v1/users/me/", "/api/v1/users/"
# As one who was made for this, who is neither administrator nor anything else.
BOB = {"email": "bob@example.com", "password": PASSWORD}


class Tokens(NamedTuple):
    """What somebody has who has logged in."""

    access: str
    cookie: str


def ask(server: Machine, path: str, method: str = "GET", body: Any = None, **headers: str) -> HTTPResponse:
    """Return the response to a request with JSON, for which nginx may want some time to pass since the last."""
    content = {} if body is None else {"Content-Type": "application/json"}
    for _ in range(30):
        response = server.get(
            path, method=method, headers=content | headers, body=json.dumps(body) if content else None
        )
        if response.status != 429:
            break
        time.sleep(3)
    return response


def log_in(server: Machine) -> Tokens:
    """Log in, and return what that brings."""
    response = ask(server, TOKEN, "POST", BOB)
    assert response.status == 200
    return Tokens(json.loads(response.read())["access"], response.headers["Set-Cookie"].split(";")[0])


def bearer(token: str) -> dict[str, str]:
    """Return the header that a token goes along in."""
    return {"Authorization": f"Bearer {token}"}


def encoded(content: dict[str, Any]) -> str:
    """Return a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def payload_of(token: str) -> dict[str, Any]:
    """Return what a token says."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class ApiAttackChecks:
    """What an attacker asks the API for, and does not get."""

    @pytest.fixture(scope="class")
    @classmethod
    def tokens(cls, server: Machine, deployment: Deployment) -> Iterator[Tokens]:
        """What the one has who is there meanwhile."""
        users = "from apps.users.models import User; User.objects"
        shell = f"{deployment.manage} shell --no-imports --command"
        server.run(f"{shell} \"{users}.create_user('{BOB['email']}', '{PASSWORD}')\"")
        yield log_in(server)
        server.run(f"{shell} \"{users}.get(email='{BOB['email']}').delete()\"")

    def test_nothing_is_told_to_who_is_not_logged_in(self, server: Machine, tokens: Tokens) -> None:
        for path in (ME, USERS, "/api/schema/", "/api/docs/"):
            response = ask(server, path)
            assert response.status in (401, 403), path
            assert "@example.com" not in response.read().decode()
        assert ask(server, "/api/v1/nowhere/").headers["Content-Type"] == "application/problem+json"

    def test_a_token_that_is_forged_is_refused(self, server: Machine, tokens: Tokens) -> None:
        assert ask(server, ME, **bearer(tokens.access)).status == 200
        head, body, signature = tokens.access.split(".")
        said = payload_of(tokens.access)
        forged = [
            f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{body}.",
            f"{encoded({'alg': 'None', 'typ': 'JWT'})}.{body}.{signature}",
            f"{encoded({'alg': 'RS256', 'typ': 'JWT'})}.{body}.{signature}",
            f"{encoded({'alg': 'HS512', 'typ': 'JWT'})}.{body}.{signature}",
            f"{head}.{encoded(said | {'user_id': '1'})}.{signature}",
            f"{head}.{encoded(said | {'exp': said['exp'] + 86_400})}.{signature}",
            f"{head}.{body}.",
        ]
        for key in ("", "secret", "development-only-never-in-production"):
            unsigned = f"{head}.{encoded(said | {'user_id': '1'})}"
            digest = hmac.digest(key.encode(), unsigned.encode(), "sha256")
            forged.append(f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}")
        # A refresh token is none for access either.
        forged.append(tokens.cookie.partition("=")[2])
        for token in forged:
            assert ask(server, ME, **bearer(token)).status == 401, token

    def test_nobody_becomes_what_he_is_not(self, server: Machine, tokens: Tokens) -> None:
        wanted = {"is_staff": True, "is_superuser": True, "is_active": False, "email": "eve@example.com", "id": 1}
        ask(server, ME, "PATCH", wanted | {"groups": [1], "password": "x"}, **bearer(tokens.access))
        me = json.loads(ask(server, ME, **bearer(tokens.access)).read())
        assert me["email"] == BOB["email"]
        assert ask(server, USERS, **bearer(tokens.access)).status == 403
        assert log_in(server).access

    def test_a_list_takes_no_writes(self, server: Machine, tokens: Tokens) -> None:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert ask(server, USERS, method, {}, **bearer(tokens.access)).status in (403, 405)

    def test_a_refresh_token_that_is_used_again_ends_the_login(self, server: Machine, tokens: Tokens) -> None:
        stolen = log_in(server).cookie
        first = ask(server, REFRESH, "POST", Cookie=stolen)
        assert first.status == 200
        fresh = first.headers["Set-Cookie"].split(";")[0]
        assert ask(server, REFRESH, "POST", Cookie=stolen).status == 401
        assert ask(server, REFRESH, "POST", Cookie=fresh).status == 401

    def test_a_page_of_another_site_gets_nothing(self, server: Machine, tokens: Tokens) -> None:
        cookie, origin = log_in(server).cookie, {"Origin": "https://other.example.org"}
        response = ask(server, REFRESH, "POST", Cookie=cookie, **origin)
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (403, None)
        asked = ask(server, ME, "OPTIONS", **origin, **{"Access-Control-Request-Method": "GET"})
        assert asked.headers["Access-Control-Allow-Origin"] is None

    def test_no_answer_tells_who_has_an_account(self, server: Machine, tokens: Tokens) -> None:
        answers = [
            ask(server, TOKEN, "POST", {"email": email, "password": "wrong"})
            for email in (BOB["email"], "x@example.com")
        ]
        assert len({(response.status, response.read()) for response in answers}) == 1

    def test_a_bomb_of_json_is_refused(self, server: Machine, tokens: Tokens) -> None:
        for body in (b"[" * 100_000, b'{"email":' * 50_000, b"\xff\xfe", b"1" * 5000, b'{"email": NaN}'):
            headers = {"Content-Type": "application/json", **bearer(tokens.access)}
            assert server.get(ME, method="PATCH", headers=headers, body=body).status == 400

    def test_guessing_from_one_address_locks_nobody_out_at_another(self, server: Machine, tokens: Tokens) -> None:
        body = json.dumps(BOB | {"password": "wrong"})
        guess = (
            "curl --silent --output /dev/null --write-out '%{http_code} ' --resolve example.com:443:127.0.0.1"
            f" https://example.com{TOKEN} --json '{body}'"
        )
        statuses = server.say(f"for number in $(seq 12); do {guess}; done").split()
        assert (statuses[0], statuses[-1]) == ("401", "429")
        assert log_in(server).access
