"""What a probe is told, however the services fail."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.db import connections
from django.test import Client
from pytest_django import Settings

from ops.health import readiness

pytestmark = pytest.mark.django_db(transaction=True)

# Seconds within which a probe has to be answered.
LIMIT = 2.0


@pytest.fixture(autouse=True)
def server(client: Client) -> None:
    """A server that has loaded its application, as it does before anybody asks."""
    client.get("/health/")


def ready(client: Client) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of /ready/, which must come in time."""
    start = time.perf_counter()
    response = client.get("/ready/")
    assert time.perf_counter() - start < LIMIT
    assert "no-store" in response.headers["Cache-Control"]
    return response.status_code, response.json()


def test_health_touches_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        response = client.get("/health/")
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    assert response.json() == {"status": "healthy", "service": settings.SERVICE_NAME, "version": settings.SITE_VERSION}


def test_ready_names_every_check(client: Client) -> None:
    status, body = ready(client)
    assert status == 200
    assert body["status"] == "ready"
    assert body["service"] == settings.SERVICE_NAME
    assert body["checks"] == dict.fromkeys(settings.READINESS_CHECKS, True)


@pytest.mark.parametrize("address", ["/health/", "/ready/"])
def test_a_probe_may_come_by_ip_address(client: Client, settings: Settings, address: str) -> None:
    settings.ALLOWED_HOSTS = ["www.example.com"]
    assert client.get(address, headers={"host": "10.1.2.3:8000"}).status_code == 200
    assert client.head(address, headers={"host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/", headers={"host": "10.1.2.3:8000"}).status_code == 400
    assert client.get(address + "more", headers={"host": "10.1.2.3:8000"}).status_code == 400


@pytest.mark.parametrize("address", ["/health/", "/ready/"])
def test_a_probe_only_reads(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


@pytest.mark.parametrize(
    ("token", "sent", "is_told"),
    [
        ("token", {"Authorization": "Bearer token"}, True),
        ("token", {"Authorization": "Bearer another"}, False),
        ("token", {"Authorization": "Basic token"}, False),
        ("token", {}, False),
        ("", {"Authorization": "Bearer "}, False),
        ("", {}, False),
    ],
)
def test_operators_alone_are_told_more(
    client: Client, settings: Settings, token: str, sent: dict[str, str], is_told: bool
) -> None:
    settings.OPERATOR_TOKEN = token
    body = client.get("/ready/", headers=sent).json()
    assert ("details" in body) is is_told
    if is_told:
        assert set(body["details"]) == {*settings.READINESS_DETAILS, "request"}
        assert body["details"]["read_only"]["on"] is False


def test_nobody_else_has_it_looked_up(client: Client, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.OPERATOR_TOKEN = "token"
    settings.READINESS_DETAILS = {"broken": "tests.ops.health.test_health.broken"}
    assert client.get("/ready/").status_code == 200
    assert "broken" not in caplog.text


def test_what_operators_are_told_does_not_make_a_site_unready(client: Client, settings: Settings) -> None:
    settings.OPERATOR_TOKEN = "token"
    settings.READINESS_DETAILS = {"broken": "tests.ops.health.test_health.broken"}
    response = client.get("/ready/", headers={"Authorization": "Bearer token"})
    assert (response.status_code, response.json()["details"]["broken"]) == (200, None)


def test_operators_are_told_what_the_application_sees_of_their_request(client: Client, settings: Settings) -> None:
    settings.OPERATOR_TOKEN = "token"
    sent = {
        "Authorization": "Bearer token",
        "X-Forwarded-For": "203.0.113.7",
        "X-Request-ID": "0123-abcd",
        "Host": "a.example",
    }
    response = client.get("/ready/", headers=sent, secure=True)
    assert response.json()["details"]["request"] == {
        "scheme": "https",
        "host": "a.example",
        "forwarded_for": "203.0.113.7",
        "request_id": "0123-abcd",
    }


def broken() -> None:
    """Fail, as what tells operators something may."""
    raise RuntimeError("nothing to tell")


@pytest.fixture
def kept(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let outcomes be kept for a minute; return when the one check, which is slow, has run."""
    monkeypatch.setattr(readiness, "_latest", readiness._Latest())
    settings.READINESS_CACHE_SECONDS = 60
    settings.READINESS_CHECKS = {"slow": "tests.ops.health.test_health.slow"}
    settings.READINESS_DETAILS = {"slow": "tests.ops.health.test_health.slow"}
    settings.OPERATOR_TOKEN = "token"
    runs.clear()
    return runs


runs: list[float] = []


def slow() -> float:
    """Note the time, and take a while."""
    runs.append(time.monotonic())
    time.sleep(0.2)
    return runs[-1]


def test_many_probes_at_once_run_each_check_once(client: Client, kept: list[float]) -> None:
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: client.get("/ready/").json(), range(16)))
    assert len(kept) == 1
    assert all(response["checks"] == {"slow": True} for response in responses)


def test_operators_are_told_new_details_with_an_outcome_that_was_kept(client: Client, kept: list[float]) -> None:
    operator = {"Authorization": "Bearer token", "X-Request-ID": "0123-abcd"}
    first = client.get("/ready/", headers=operator).json()
    second = client.get("/ready/", headers=operator | {"X-Request-ID": "4567-abcd"}).json()
    # One run of the check, and one of the details for each.
    assert len(kept) == 3
    assert first["checks"] == second["checks"] == {"slow": True}
    assert first["details"]["slow"] < second["details"]["slow"]
    assert second["details"]["request"]["request_id"] == "4567-abcd"
    assert "details" not in client.get("/ready/").json()


def test_a_failure_is_kept_as_long(client: Client, kept: list[float], settings: Settings) -> None:
    settings.READINESS_CHECKS = {"broken": "tests.ops.health.test_health.broken"}
    assert client.get("/ready/").status_code == 503
    settings.READINESS_CHECKS = {"slow": "tests.ops.health.test_health.slow"}
    assert client.get("/ready/").json()["checks"] == {"broken": False}
    assert kept == []


def move_database(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Point the connections that a check opens to another place, as when the server changed under the project."""
    for key, value in zip(("HOST", "PORT"), place.split(":"), strict=True):
        monkeypatch.setitem(connections["default"].settings_dict, key, value)


@pytest.mark.servers
class TestDatabaseFailures:
    def test_refused(self, client: Client, monkeypatch: pytest.MonkeyPatch, refusing_server: str) -> None:
        move_database(monkeypatch, refusing_server)
        status, body = ready(client)
        assert status == 503
        assert body["status"] == "unavailable"
        assert body["checks"]["database"] is False
        assert body["checks"]["cache"] is True

    def test_frozen(self, client: Client, monkeypatch: pytest.MonkeyPatch, frozen_server: str) -> None:
        move_database(monkeypatch, frozen_server)
        for _ in range(3):
            status, body = ready(client)
            assert (status, body["checks"]["database"]) == (503, False)


@pytest.mark.parametrize("state", ["refusing", "frozen"])
def test_a_cache_that_fails(
    client: Client, settings: Settings, refusing_server: str, frozen_server: str, state: str
) -> None:
    place = refusing_server if state == "refusing" else frozen_server
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://{place}/0",
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1, "retry": None},
        }
    }
    status, body = ready(client)
    assert status == 503
    assert body["checks"] | {"database": True, "cache": False} == body["checks"]


@pytest.mark.servers
def test_the_settings_let_a_frozen_redis_hold_a_request_for_seconds_only(
    settings: Settings, frozen_server: str
) -> None:
    from redis.exceptions import RedisError

    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": f"redis://{frozen_server}/0"}}
    start = time.perf_counter()
    with pytest.raises(RedisError):
        caches["default"].get("anything")
    assert time.perf_counter() - start < 2.5
