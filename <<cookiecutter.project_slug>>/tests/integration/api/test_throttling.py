"""How often somebody may ask."""

import logging
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.api.throttling import UserThrottle
from apps.users.models import User

pytestmark = pytest.mark.django_db


def attempt(client: Client, address: str = "") -> Any:
    """Try to log in, from an address that the proxy has seen, to an account that was not tried before."""
    body = {"email": f"{uuid4().hex}@example.com", "password": "wrong"}
    headers = {"X-Forwarded-For": address} if address else {}
    return client.post("/api/v1/auth/token/", body, content_type="application/json", headers=headers)


def test_an_address_may_try_ten_passwords_a_minute(client: Client) -> None:
    statuses = [attempt(client, "192.0.2.1").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    response = attempt(client, "192.0.2.1")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert response.json()["title"] == "Too Many Requests"
    assert attempt(client, "192.0.2.2").status_code == 401


def test_what_a_visitor_says_of_his_address_does_not_count(client: Client) -> None:
    """The proxy's word stands last, where there are several."""
    statuses = {attempt(client, f"198.51.100.{number}, 192.0.2.1").status_code for number in range(11)}
    assert statuses == {401, 429}


def test_behind_a_socket_without_a_proxy_all_count_as_one(client: Client) -> None:
    client.defaults["REMOTE_ADDR"] = ""
    assert [attempt(client).status_code for _ in range(11)] == [401] * 10 + [429]


def test_who_is_not_logged_in_may_ask_sixty_times_a_minute(api: APIClient) -> None:
    statuses = [api.post("/api/v1/auth/refresh/").status_code for _ in range(61)]
    assert statuses == [401] * 60 + [429]


def test_users_count_for_themselves(api: APIClient, user: User, log_in: Callable[[User], APIClient]) -> None:
    member = log_in(user)
    for _ in range(61):
        api.post("/api/v1/auth/refresh/")
    # All but the last of what a user has in a minute.
    key = UserThrottle.cache_format % {"scope": UserThrottle.scope, "ident": user.pk}
    cache.set(key, [time.time()] * 599)
    assert member.get("/api/v1/users/me/").status_code == 200
    assert member.get("/api/v1/users/me/").status_code == 429


@pytest.mark.parametrize("server", ["frozen_server", "refusing_server"])
def test_while_the_cache_is_down_nobody_is_counted(
    client: Client, settings: Settings, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, server: str
) -> None:
    caplog.set_level(logging.WARNING)
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://{request.getfixturevalue(server)}/0",
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},
        }
    }
    start = time.monotonic()
    assert attempt(client).status_code == 401
    assert time.monotonic() - start < 3
    assert "the cache is down" in caplog.text
