"""What is written for a request."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import path

from apps.users.models import User
from config.urls import urlpatterns as project_urls

Logged = Callable[[], list[dict[str, Any]]]
SECRET = "hunter2hunter"


def speak(request: HttpRequest) -> HttpResponse:
    logging.getLogger("shop").warning(
        "Paid by %s", f"token={SECRET}", extra={"api_key": SECRET, "order": 7, "status": f"token={SECRET}"}
    )
    return HttpResponse("said")


def fail(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(f"planted, with password={SECRET}")


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(iter([b"a", b"b"]))


urlpatterns = [*project_urls, path("speak/", speak), path("fail/", fail), path("stream/", stream)]


def test_a_request_is_a_line(client: Client, logged: Logged) -> None:
    headers = {"X-Request-ID": "0123-abcd", "X-Forwarded-For": "203.0.113.7"}
    response = client.get(f"/?token={SECRET}", headers=headers)
    assert response.headers["X-Request-ID"] == "0123-abcd"
    [line] = logged()
    assert line.pop("duration_ms") >= 0
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request_finished",
        "level": "info",
        "logger": "django_structlog.middlewares.request",
        "request_id": "0123-abcd",
        "method": "GET",
        "path": "/",
        "status": 200,
        "client": "203.0.113.7",
    }


@pytest.mark.parametrize("given", ["", "short", "with blank", "x" * 65, "a\nb-12345", "ü" * 8])
def test_malformed_request_id_is_replaced(client: Client, logged: Logged, given: str) -> None:
    response = client.get("/", headers={"X-Request-ID": given})
    request_id = response.headers["X-Request-ID"]
    assert len(request_id) == 32
    assert [line["request_id"] for line in logged()] == [request_id]


def test_each_request_has_its_own_request_id(client: Client) -> None:
    assert client.get("/").headers["X-Request-ID"] != client.get("/").headers["X-Request-ID"]


@pytest.mark.parametrize(("address", "status"), [("/nowhere/", 404), ("/admin/", 302), ("/health/", 200)])
def test_every_answer_is_one_line(client: Client, logged: Logged, address: str, status: int) -> None:
    client.get(address)
    assert [(line["path"], line["status"]) for line in logged()] == [(address, status)]


@pytest.mark.urls(__name__)
def test_what_is_logged_meanwhile_has_the_number_and_no_secret(client: Client, logged: Logged) -> None:
    client.get("/speak/", headers={"X-Request-ID": "0123-abcd"})
    said, line = logged()
    assert (said["event"], said["order"], said["api_key"]) == ("Paid by token=[redacted]", 7, "[redacted]")
    assert said["status"] == "token=[redacted]"
    assert {said["request_id"], line["request_id"]} == {"0123-abcd"}
    logging.getLogger("shop").warning("Nobody asks")
    assert "request_id" not in logged()[-1]


@pytest.mark.urls(__name__)
def test_a_failure_is_one_line_with_where_it_was(client: Client, logged: Logged) -> None:
    client.raise_request_exception = False
    assert client.get("/fail/").status_code == 500
    [line] = logged()
    assert (line["event"], line["level"], line["status"]) == ("request_failed", "error", 500)
    assert line["exception"].endswith("RuntimeError: planted, with password=[redacted]")
    assert "Traceback" in line["exception"]
    assert SECRET not in str(line)


def test_a_session_that_cannot_be_read_is_a_failure_like_any(client: Client, logged: Logged) -> None:
    """There is no database for this test."""
    client.raise_request_exception = False
    client.cookies["sessionid"] = "0123456789abcdef0123456789abcdef"
    assert client.get("/admin/").status_code == 500
    assert [(line["event"], line["path"], line["status"]) for line in logged()] == [("request_failed", "/admin/", 500)]


@pytest.mark.urls(__name__)
def test_what_is_sent_in_pieces_is_logged_too(client: Client, logged: Logged) -> None:
    answer = client.get("/stream/")
    assert b"".join(answer) == b"ab"
    assert logged()[0]["path"] == "/stream/"


@pytest.mark.django_db
def test_it_is_said_who_it_was(client: Client, user: User, logged: Logged) -> None:
    client.force_login(user)
    client.get("/admin/")
    client.get("/health/")
    admin, health = logged()
    assert admin["user_id"] == str(user.pk)
    # Nobody has looked who it is, and to look for the log alone would cost a query.
    assert "user_id" not in health


def test_a_path_makes_no_second_line(client: Client, logged: Logged) -> None:
    client.get("/a%0A%7B%22level%22:%22error%22%7D")
    [line] = logged()
    assert line["path"] == '/a\n{"level":"error"}'
