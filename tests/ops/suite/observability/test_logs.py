"""What is written for a request."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client
from django.urls import path
from django_structlog import signals

from apps.users.models import User
from config.urls import urlpatterns as project_urls
from ops.observability.logs import Output

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


def bind(request: HttpRequest) -> HttpResponse:
    structlog.contextvars.bind_contextvars(tenant="seven")
    return HttpResponse("bound")


urlpatterns = [*project_urls, *(path(f"{view.__name__}/", view) for view in (speak, fail, stream, bind))]


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


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """Standard output, where every line goes."""
    [console] = [handler for handler in logging.getLogger().handlers if type(handler) is Output]
    stream = io.StringIO()
    former = console.setStream(stream)
    yield stream
    console.setStream(former)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, output: io.StringIO) -> Callable[[], None]:
    """Return what lets lines go there alone, as in production: pytest has other handlers, anew for each test."""

    def run() -> None:
        root = logging.getLogger()
        monkeypatch.setattr(root, "handlers", [handler for handler in root.handlers if type(handler) is Output])

    return run


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("address", ["/", "/nowhere/", "/stream/", f"/token={SECRET}/", "/4111111111111111/"])
def test_line_does_not_depend_on_other_handlers(
    client: Client, output: io.StringIO, alone: Callable[[], None], logged: Logged, address: str
) -> None:
    client.get(address, headers={"X-Request-ID": "0123-abcd"})
    alone()
    client.get(address, headers={"X-Request-ID": "0123-abcd"})
    [first], [second, third] = logged(), map(json.loads, output.getvalue().splitlines())
    assert list(first) == list(second) == list(third)
    for line in (first, second, third):
        del line["timestamp"], line["duration_ms"]
    assert first == second == third
    assert SECRET not in output.getvalue()
    assert "4111111111111111" not in output.getvalue()


@pytest.mark.urls(__name__)
def test_bound_values_and_additions_of_a_project_are_in_the_line(
    client: Client, output: io.StringIO, alone: Callable[[], None]
) -> None:
    def add(log_kwargs: dict[str, Any], **signal: Any) -> None:
        log_kwargs["shop"] = "example"

    alone()
    signals.bind_extra_request_finished_metadata.connect(add)
    client.get("/bind/")
    client.get("/")
    signals.bind_extra_request_finished_metadata.disconnect(add)
    client.get("/")
    bound, added, plain = map(json.loads, output.getvalue().splitlines())
    assert (bound["tenant"], bound["shop"], added["shop"]) == ("seven", "example", "example")
    assert "tenant" not in added
    assert "shop" not in plain


def test_line_has_the_level_of_its_status_and_is_left_out_below_the_logger_s(
    client: Client, output: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    logger = "django_structlog.middlewares.request"
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        with caplog.at_level(level, logger):
            client.get("/")
            client.get("/nowhere/")
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        *(("request_started", "debug"), ("request_finished", "info")),
        *(("request_started", "debug"), ("request_finished", "warning")),
        *(("request_finished", "info"), ("request_finished", "warning")),
        ("request_finished", "warning"),
    ]


def test_response_does_not_depend_on_the_log(
    client: Client, output: io.StringIO, alone: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    alone()
    output.close()
    assert client.get("/").status_code == 200
    assert "I/O operation on closed file" in capsys.readouterr().err


class Slow:
    """A value whose text takes until the end of the test."""

    def __init__(self) -> None:
        self.is_wanted, self.may_end = threading.Event(), threading.Event()

    def __str__(self) -> str:
        self.is_wanted.set()
        assert self.may_end.wait(timeout=20)
        return "slow"


def test_line_that_takes_long_keeps_no_other_thread_waiting(output: io.StringIO, alone: Callable[[], None]) -> None:
    alone()
    slow = Slow()
    logger = logging.getLogger("shop")
    threads = [threading.Thread(target=logger.warning, args=args) for args in (("%s", slow), ("quick",))]
    threads[0].start()
    assert slow.is_wanted.wait(timeout=20)
    threads[1].start()
    threads[1].join(timeout=10)
    was_quick = not threads[1].is_alive()
    slow.may_end.set()
    for thread in threads:
        thread.join(timeout=20)
    assert was_quick
    assert [json.loads(line)["event"] for line in output.getvalue().splitlines()] == ["quick", "slow"]
