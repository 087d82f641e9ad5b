"""Logging in by the API, going on and logging out."""

import base64
import json
import logging
import re
import statistics
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as project
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.management import call_command
from django.db import connection
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from apps.api.tokens.classes import AccessToken, RefreshToken, signing_key
from apps.users.models import User
from config.settings import base
from tests.integration.api.conftest import PASSWORD

pytestmark = pytest.mark.django_db
COOKIE = "refresh_token"


def ask_for_token(client: Client, email: str = "ada@example.com", password: str = PASSWORD, **headers: str) -> Any:
    body = {"email": email, "password": password}
    return client.post("/api/v1/auth/token/", body, content_type="application/json", headers=headers)


def refresh(client: Client, token: str | None = None) -> Any:
    """Refresh with the client's cookie, or with another in its place."""
    if token is not None:
        client.cookies[COOKIE] = token
    return client.post("/api/v1/auth/refresh/")


def me(client: Client, access: str) -> Any:
    return client.get("/api/v1/users/me/", headers={"Authorization": f"Bearer {access}"})


class TestLoggingIn:
    def test_the_access_token_is_in_the_body_and_the_refresh_token_in_a_cookie(
        self, client: Client, user: User, settings: Settings
    ) -> None:
        settings.SESSION_COOKIE_SECURE = True
        response = ask_for_token(client, "Ada@Example.com")
        assert response.status_code == 200
        assert set(response.json()) == {"access"}
        assert "no-store" in response.headers["Cache-Control"]
        cookie = response.cookies["__Secure-refresh_token"]
        assert {name: cookie[name] for name in ("path", "secure", "httponly", "samesite", "domain", "max-age")} == {
            "path": "/api/v1/auth/",
            "secure": True,
            "httponly": True,
            "samesite": "Lax",
            "domain": "",
            "max-age": 14 * 24 * 3600,
        }
        assert me(client, response.json()["access"]).json()["email"] == "ada@example.com"

    def test_no_session_comes_of_it(self, client: Client, user: User) -> None:
        assert set(ask_for_token(client).cookies) == {COOKIE}

    def test_it_counts_as_a_login_of_django(self, client: Client, user: User) -> None:
        seen: list[str] = []

        def note(signal: Any, request: Any, **more: Any) -> None:
            seen.append(type(request).__name__)

        for signal in (user_logged_in, user_login_failed):
            signal.connect(note)
        try:
            ask_for_token(client)
            ask_for_token(client, password="wrong")
        finally:
            for signal in (user_logged_in, user_login_failed):
                signal.disconnect(note)
        assert seen == ["WSGIRequest", "WSGIRequest"]
        user.refresh_from_db()
        assert user.last_login

    def test_what_is_wrong_is_not_told(self, client: Client, user: User, settings: Settings) -> None:
        User.objects.create_user("idle@example.com", PASSWORD, is_active=False)
        User.objects.create_user("none@example.com")
        answers = [
            ask_for_token(client, *credentials)
            for credentials in (
                ("ada@example.com", "wrong"),
                ("nobody@example.com", PASSWORD),
                ("idle@example.com", PASSWORD),
                ("none@example.com", PASSWORD),
            )
        ]
        assert {response.status_code for response in answers} == {401}
        assert len({response.content for response in answers}) == 1
        assert answers[0].headers["WWW-Authenticate"].startswith("Bearer ")
        assert not answers[0].cookies

    @pytest.mark.performance
    def test_an_address_that_nobody_has_takes_as_long(self, client: Client, settings: Settings) -> None:
        settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS
        settings.REST_FRAMEWORK = project.REST_FRAMEWORK
        User.objects.create_user("ada@example.com", PASSWORD)

        def median(email: str) -> float:
            measured = []
            for number in range(7):
                # Of this process alone: a busy machine makes single requests three times as slow.
                start = time.process_time()
                ask_for_token(client, email, "wrong", **{"X-Forwarded-For": f"192.0.2.{number}"})
                measured.append(time.process_time() - start)
            return statistics.median(measured)

        known, unknown = median("ada@example.com"), median("nobody@example.com")
        assert 0.4 < known / unknown < 2.5

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "email"),
            ({"email": "ada@example.com"}, "password"),
            ({"email": ["ada@example.com"], "password": "x"}, "email"),
            ({"email": "ada@example.com", "password": {"a": 1}}, "password"),
            ({"email": "ada@example.com", "password": "x" * 5000}, "password"),
            ({"email": "a\0b", "password": "x"}, "email"),
            ([], ""),
        ],
    )
    def test_what_is_not_credentials_is_refused(self, client: Client, body: Any, field: str) -> None:
        response = client.post("/api/v1/auth/token/", body, content_type="application/json")
        assert response.status_code == 400
        assert field in [error["field"] for error in response.json()["errors"]]

    def test_a_form_is_refused(self, client: Client, user: User) -> None:
        response = client.post("/api/v1/auth/token/", {"email": "ada@example.com", "password": PASSWORD})
        assert response.status_code == 415


class TestAccess:
    @pytest.fixture
    def claims(self, user: User) -> dict[str, Any]:
        return AccessToken.for_user(user).payload

    def test_it_is_valid_for_twenty_minutes(self, client: Client, user: User) -> None:
        claims = jwt.decode(ask_for_token(client).json()["access"], options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 20 * 60

    def test_one_that_has_expired_is_refused(self, client: Client, user: User) -> None:
        token = AccessToken.for_user(user)
        token.set_exp(lifetime=timedelta(seconds=-1))
        assert me(client, str(token)).status_code == 401

    @pytest.mark.filterwarnings("ignore:The HMAC key")
    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    def test_only_ours_are_taken(self, client: Client, claims: dict[str, Any], algorithm: str) -> None:
        """Neither another key's, nor that of the key for everything else, nor another algorithm's."""
        own = signing_key(project.SECRET_KEY)
        for key in (own, "another-" * 8, project.SECRET_KEY):
            token = jwt.encode(claims, key, algorithm=algorithm)
            is_ours = (key, algorithm) == (own, "HS256")
            assert me(client, token).status_code == (200 if is_ours else 401)

    def test_one_without_a_signature_is_refused(self, client: Client, claims: dict[str, Any]) -> None:
        def encoded(part: dict[str, Any]) -> str:
            return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")

        for algorithm in ("none", "None", "NONE", "HS256", "RS256"):
            token = f"{encoded({'alg': algorithm, 'typ': 'JWT'})}.{encoded(claims)}."
            assert me(client, token).status_code == 401

    @pytest.mark.parametrize("text", ["", "x", "a.b.c", "eyJ.eyJ.", "é", "Bearer", " ", "x y"])
    def test_what_is_no_token_is_refused(self, client: Client, text: str) -> None:
        assert me(client, text).status_code == 401

    def test_a_refresh_token_is_none(self, client: Client, user: User) -> None:
        assert me(client, str(RefreshToken.for_user(user))).status_code == 401

    def test_it_ends_with_the_account(self, client: Client, user: User) -> None:
        access = ask_for_token(client).json()["access"]
        user.is_active = False
        user.save()
        assert me(client, access).status_code == 401
        assert refresh(client).status_code == 401
        user.delete()
        assert me(client, access).status_code == 401
        assert refresh(client).status_code == 401

    def test_it_ends_with_the_password(self, client: Client, user: User) -> None:
        access = ask_for_token(client).json()["access"]
        user.set_password("another horse battery")
        user.save()
        assert me(client, access).status_code == 401
        assert refresh(client).status_code == 401

    def test_a_session_is_not_enough(self, admin_client: Client) -> None:
        assert admin_client.get("/api/v1/users/").status_code == 401


class TestRefreshing:
    def test_each_refresh_brings_new_tokens_and_ends_the_former(self, client: Client, user: User) -> None:
        ask_for_token(client)
        first = client.cookies[COOKIE].value
        response = refresh(client)
        assert response.status_code == 200
        assert set(response.json()) == {"access"}
        assert me(client, response.json()["access"]).status_code == 200
        assert client.cookies[COOKIE].value != first
        assert refresh(client).status_code == 200

    def test_using_one_twice_ends_all_of_the_same_login(
        self, client: Client, user: User, caplog: pytest.LogCaptureFixture
    ) -> None:
        elsewhere = Client()
        ask_for_token(elsewhere)
        ask_for_token(client)
        stolen = client.cookies[COOKIE].value
        assert refresh(client).status_code == 200
        current = client.cookies[COOKIE].value
        response = refresh(Client(), stolen)
        assert response.status_code == 401
        assert response.cookies[COOKIE]["max-age"] == 0
        assert "used again" in caplog.text
        assert refresh(client, current).status_code == 401
        # What is over cannot end what begins anew, nor what somebody does elsewhere.
        ask_for_token(client)
        assert refresh(Client(), stolen).status_code == 401
        assert refresh(client).status_code == 200
        assert refresh(elsewhere).status_code == 200

    def test_one_that_the_database_does_not_know_is_refused(self, client: Client, user: User) -> None:
        ask_for_token(client)
        OutstandingToken.objects.all().delete()
        assert refresh(client).status_code == 401

    def test_an_access_token_is_none(self, client: Client, user: User) -> None:
        assert refresh(client, str(AccessToken.for_user(user))).status_code == 401

    def test_one_that_has_expired_is_refused(self, client: Client, user: User) -> None:
        token = RefreshToken.for_user(user)
        token.set_exp(lifetime=timedelta(seconds=-1))
        assert refresh(client, str(token)).status_code == 401

    def test_without_one_it_is_refused(self, client: Client) -> None:
        response = refresh(client)
        assert response.status_code == 401
        assert response.headers["Content-Type"] == "application/problem+json"

    def test_the_database_keeps_no_token(self, client: Client, user: User) -> None:
        ask_for_token(client)
        refresh(client)
        assert set(OutstandingToken.objects.values_list("token", flat=True)) == {""}
        assert set(OutstandingToken.objects.values_list("user", flat=True)) == {user.pk}


@pytest.mark.servers
@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_one_at_once_at_most_one_gets_on(user: User) -> None:
    """However it goes, in the end the login is over: one token was in several hands."""
    token = str(RefreshToken.for_user(user))
    clients = [Client() for _ in range(8)]
    statuses: list[int] = []

    def run(client: Client) -> None:
        statuses.append(refresh(client, token).status_code)
        connection.close()

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[401] * 7]
    assert {refresh(client).status_code for client in clients} == {401}


class TestLoggingOut:
    def test_it_ends_the_login_and_its_cookie(self, client: Client, user: User) -> None:
        ask_for_token(client)
        token = client.cookies[COOKIE].value
        response = client.post("/api/v1/auth/logout/")
        assert (response.status_code, response.content) == (204, b"")
        assert (response.cookies[COOKIE]["max-age"], response.cookies[COOKIE]["path"]) == (0, "/api/v1/auth/")
        assert refresh(client, token).status_code == 401

    def test_it_does_not_matter_whether_there_is_one(self, client: Client, user: User) -> None:
        for _ in range(2):
            assert client.post("/api/v1/auth/logout/").status_code == 204
        client.cookies[COOKIE] = "x"
        assert client.post("/api/v1/auth/logout/").status_code == 204

    def test_other_logins_go_on(self, client: Client, user: User) -> None:
        elsewhere = Client()
        ask_for_token(elsewhere)
        ask_for_token(client)
        client.post("/api/v1/auth/logout/")
        assert refresh(elsewhere).status_code == 200


class TestWithoutTheCookie:
    @pytest.fixture(autouse=True)
    def in_the_body(self, settings: Settings) -> None:
        settings.COOKIE_REFRESH_AUTH = False

    def test_the_refresh_token_is_in_the_body(self, api: APIClient, user: User) -> None:
        response = ask_for_token(Client())
        assert not response.cookies
        first = response.json()["refresh"]
        second = api.post("/api/v1/auth/refresh/", {"refresh": first}).json()
        assert set(second) == {"access", "refresh"}
        # A cookie counts for nothing then.
        api.cookies[COOKIE] = second["refresh"]
        assert api.post("/api/v1/auth/refresh/").status_code == 401
        assert api.post("/api/v1/auth/logout/", {"refresh": second["refresh"]}).status_code == 204
        assert api.post("/api/v1/auth/refresh/", {"refresh": second["refresh"]}).status_code == 401

    @pytest.mark.parametrize("token", [1, None, {}, ["x"], "x\0", "x" * 5000])
    def test_what_is_no_token_is_refused(self, api: APIClient, token: Any) -> None:
        assert api.post("/api/v1/auth/refresh/", {"refresh": token}).status_code in (400, 401)
        assert api.post("/api/v1/auth/logout/", {"refresh": token}).status_code in (204, 400)


class TestOrigin:
    @pytest.mark.parametrize("view", ["token", "refresh", "logout"])
    @pytest.mark.parametrize(
        ("origin", "is_let_in"),
        [
            ("http://testserver", True),
            ("https://app.example.com", True),
            ("https://forms.example.com", True),
            ("https://testserver", False),
            ("https://evil.example.com", False),
            ("null", False),
            ("", False),
        ],
    )
    def test_a_page_of_another_site_may_not_ask(
        self, client: Client, user: User, settings: Settings, view: str, origin: str, is_let_in: bool
    ) -> None:
        settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
        settings.CSRF_TRUSTED_ORIGINS = ["https://forms.example.com"]
        ask_for_token(client)
        body = {"email": "ada@example.com", "password": PASSWORD}
        address = f"/api/v1/auth/{view}/"
        response = client.post(address, body, content_type="application/json", headers={"Origin": origin})
        assert (response.status_code != 403) is is_let_in


class TestKeys:
    def test_a_new_key_ends_nothing_while_the_former_is_a_fallback(
        self, client: Client, user: User, settings: Settings
    ) -> None:
        access = ask_for_token(client).json()["access"]
        settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-" * 8
        assert me(client, access).status_code == 200
        renewed = refresh(client).json()["access"]
        # What is given out from then on does not need the former.
        settings.SECRET_KEY_FALLBACKS = []
        assert me(client, access).status_code == 401
        assert me(client, renewed).status_code == 200
        assert refresh(client).status_code == 200

    def test_a_new_key_without_the_former_ends_all(self, client: Client, user: User, settings: Settings) -> None:
        access = ask_for_token(client).json()["access"]
        settings.SECRET_KEY = "another-" * 8
        assert me(client, access).status_code == 401
        assert refresh(client).status_code == 401


class TestCleaning:
    def test_what_has_expired_is_removed(self, client: Client, user: User) -> None:
        ask_for_token(client)
        refresh(client)
        assert (OutstandingToken.objects.count(), BlacklistedToken.objects.count()) == (2, 1)
        used = BlacklistedToken.objects.get().token
        OutstandingToken.objects.filter(pk=used.pk).update(expires_at=used.created_at)
        call_command("flushexpiredtokens")
        assert (OutstandingToken.objects.count(), BlacklistedToken.objects.count()) == (1, 0)
        assert refresh(client).status_code == 200


def test_nothing_of_a_token_is_logged(
    client: Client, user: User, logged: Callable[[], list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = ask_for_token(client)
    access, cookie = response.json()["access"], client.cookies[COOKIE].value
    me(client, access)
    refresh(client)
    logging.getLogger("shop").warning("sent %s", response.json(), extra={"refresh": cookie, "all": client.cookies})
    logging.getLogger("shop").warning("Cookie: __Secure-refresh_token=%s", cookie)
    written = json.dumps(logged())
    for secret in (access, cookie, client.cookies[COOKIE].value, PASSWORD):
        assert secret.rpartition(".")[2] not in written
    assert re.search(r"/api/v1/auth/token/", written)


# >> if cookiecutter.use_celery
def test_only_expired_tokens_are_removed_and_a_second_run_does_no_more(user: User) -> None:
    from django.utils import timezone

    from apps.api.tasks import flush_expired_tokens

    for days in (-1, 1):
        token = RefreshToken.for_user(user)
        OutstandingToken.objects.filter(jti=token["jti"]).update(expires_at=timezone.now() + timedelta(days=days))
    for _ in range(2):
        flush_expired_tokens.delay()
        [left] = OutstandingToken.objects.all()
        assert left.expires_at > timezone.now()


# >> endif
def test_the_admin_shows_who_is_logged_in(admin_client: Client, client: Client, user: User) -> None:
    ask_for_token(client)
    page = admin_client.get("/admin/token_blacklist/outstandingtoken/").content.decode()
    assert "ada@example.com" in page
    token = OutstandingToken.objects.get()
    assert admin_client.get(f"/admin/token_blacklist/outstandingtoken/{token.pk}/change/").status_code == 200
