"""What is reported to Sentry."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from config.urls import urlpatterns as project_urls
from ops.contracts import Finding, Severity, Target
from ops.observability import preflight
from ops.observability.management.commands import sentry_test
from ops.observability.sentry import start
from tests.ops.sentry_server import SentryServer

SECRET = "hunter2hunter"
Reported = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def server() -> Iterator[SentryServer]:
    """A server that stands in for Sentry."""
    with SentryServer() as running:
        yield running


@pytest.fixture
def reported(server: SentryServer) -> Iterator[Reported]:
    """Return the events that have arrived."""
    start(server.dsn(SECRET), "trial", "my_project@1.2.3")

    def events() -> list[dict[str, Any]]:
        sentry_sdk.flush()
        return server.events()

    yield events
    # Nothing is reported any more.
    sentry_sdk.init()


def fail(request: HttpRequest) -> HttpResponse:
    password = SECRET
    logging.getLogger("shop").warning("Paying with token=%s", password)
    raise RuntimeError(f"planted, with password={password}")


def say(request: HttpRequest) -> HttpResponse:
    structlog.get_logger("shop").error("order_lost", order=7, api_key=SECRET)
    logging.getLogger("shop").error("Lost, with password=%s", SECRET)
    return HttpResponse()


urlpatterns = [*project_urls, path("fail/", fail), path("say/", say)]


@pytest.mark.urls(__name__)
def test_a_failure_is_one_event_that_the_log_knows(client: Client, reported: Reported) -> None:
    client.raise_request_exception = False
    headers = {"X-Request-ID": "0123-abcd", "Authorization": f"Bearer {SECRET}", "Cookie": f"sessionid={SECRET}"}
    client.post(f"/fail/?token={SECRET}", {"password": SECRET}, headers=headers)
    [event] = reported()
    assert event["exception"]["values"][0]["value"] == "planted, with password=[redacted]"
    assert event["tags"]["request_id"] == "0123-abcd"
    assert (event["release"], event["environment"]) == ("my_project@1.2.3", "trial")
    assert event["transaction"] == "/fail/"
    assert "Paying with token=[redacted]" in str(event["breadcrumbs"])
    assert SECRET not in json.dumps(event)
    assert "user" not in event


@pytest.mark.urls(__name__)
def test_what_is_logged_as_an_error_is_an_event(client: Client, reported: Reported) -> None:
    client.get("/say/", headers={"X-Request-ID": "0123-abcd"})
    lost, said = reported()
    assert lost["logentry"]["message"] == "order_lost"
    assert (lost["extra"]["order"], lost["extra"]["api_key"]) == (7, "[redacted]")
    assert said["logentry"]["formatted"] == "Lost, with password=[redacted]"
    assert {event["tags"]["request_id"] for event in (lost, said)} == {"0123-abcd"}
    assert SECRET not in json.dumps([lost, said])


def test_what_a_visitor_does_wrong_is_no_event(client: Client, reported: Reported) -> None:
    assert client.get("/nowhere/").status_code == 404
    assert client.post("/").status_code == 405
    assert reported() == []


def test_a_test_says_that_it_has_arrived(
    reported: Reported, server: SentryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("sentry_test")
    [event] = reported()
    said = capsys.readouterr().out
    assert said.startswith(f"127.0.0.1:{server.server_port} has taken the event {event['event_id']}, ")
    assert SECRET not in said


def test_a_test_says_that_it_was_refused(reported: Reported, server: SentryServer) -> None:
    server.status = 403
    with pytest.raises(CommandError, match=r"refused the event \(status_403\)"):
        call_command("sentry_test")


def test_a_test_says_that_nobody_is_there(refusing_server: str) -> None:
    start(f"http://{SECRET}@{refusing_server}/1", "trial", "1")
    with pytest.raises(CommandError, match=r"refused the event \(network\)"):
        call_command("sentry_test")
    sentry_sdk.init()


def test_a_test_says_that_there_is_no_answer(frozen_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentry_test, "TIMEOUT", 0.5)
    start(f"http://{SECRET}@{frozen_server}/1", "trial", "1")
    with pytest.raises(CommandError, match=r"refused the event \(no answer in 0.5 s\)"):
        call_command("sentry_test")
    sentry_sdk.init()


def test_preflight_sees_whether_it_is_reached(settings: Settings, server: SentryServer, refusing_server: str) -> None:
    def look() -> Finding:
        return preflight.check(Target("https://example.com"))

    settings.SENTRY_DSN = ""
    assert (look().severity, "SENTRY_DSN" in look().hint) == (Severity.NOTE, True)
    settings.SENTRY_DSN = server.dsn(SECRET)
    assert look().severity == Severity.OK
    settings.SENTRY_DSN = f"http://{SECRET}@{refusing_server}/1"
    assert (look().severity, look().hint.endswith(" sentry_test")) == (Severity.WARNING, True)
    assert SECRET not in str(look())


def test_without_an_address_nothing_is_reported_and_a_test_says_so(client: Client) -> None:
    sentry_sdk.init()
    with pytest.raises(CommandError, match="SENTRY_DSN is not set"):
        call_command("sentry_test")


@pytest.mark.parametrize("dsn", ["nonsense", f"https://errors.example.com/{SECRET}", f"https://{SECRET}@"])
def test_an_address_that_cannot_be_read_is_refused(dsn: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SENTRY_DSN must be a URL") as refusal:
        start(dsn, "trial", "1")
    assert SECRET not in str(refusal.value)
