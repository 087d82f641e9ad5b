"""The project in production: gunicorn on the pinned production requirements, with PostgreSQL and Redis that fail."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.support.combinations import ALL_ON
from tests.support.production_site import Site, children, production, started
from tests.support.servers import Server, find, free_port, postgresql, redis, wait_until

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# A session of the form that a browser sends; it is looked up in the database.
SESSION = {"Cookie": f"__Host-sessionid={'x' * 32}"}
# Requests, and the status of the error that each gets, from Django, its middleware and REST framework.
ERRORS: dict[str, tuple[str, str, dict[str, str], bytes, int]] = {
    "unknown host": ("GET", "/", {"Host": "10.1.2.3"}, b"", 400),
    "unknown host of the API": ("GET", "/api/v1/users/", {"Host": "10.1.2.3"}, b"", 400),
    "invalid JSON": ("POST", "/api/v1/auth/token/", JSON, b"{", 400),
    "no login": ("GET", "/api/v1/users/", {}, b"", 401),
    "CSRF": ("POST", "/admin/logout/", FORM, b"a=b", 403),
    "CSRF of the API": ("POST", "/api/docs/", FORM, b"a=b", 403),
    "unknown page": ("GET", "/nowhere/", {}, b"", 404),
    "HEAD of an unknown page": ("HEAD", "/nowhere/", {}, b"", 404),
    "unknown URL of the API": ("GET", "/api/nowhere/", {}, b"", 404),
    "HEAD of an unknown URL of the API": ("HEAD", "/api/nowhere/", {}, b"", 404),
    "method of a probe": ("POST", "/health/", {}, b"", 405),
    "method of a page": ("GET", "/csp-report/", {}, b"", 405),
    "method of the API": ("DELETE", "/api/v1/auth/token/", {}, b"", 405),
    "method of the API docs": ("OPTIONS", "/api/docs/", {}, b"", 405),
    "large report": ("POST", "/csp-report/", {"Content-Type": "application/csp-report"}, b"x" * 20_000, 413),
    "form for the API": ("POST", "/api/v1/auth/token/", FORM, b"a=b", 415),
}
# The same while the site is read-only, and while the tables of users and sessions are gone.
REFUSED = {
    "page": ("POST", "/accounts/login/", FORM, b"a=b", 503),
    "API": ("POST", "/api/v1/auth/token/", JSON, b"{}", 503),
}
FAILED = {
    "page": ("GET", "/accounts/", SESSION, b"", 500),
    "API": ("GET", "/api/schema/", SESSION, b"", 500),
    "HEAD of the API": ("HEAD", "/api/schema/", SESSION, b"", 500),
}


# A view of which each request leaks 10 MiB.
LEAK = """

leaked = []


def leak(request):
    from django.http import HttpResponse

    leaked.append(b"x" * (10 * 2**20))
    return HttpResponse()


urlpatterns.insert(0, path("leak/", leak))
"""


class WithServers:
    """A site, and the servers that it uses."""

    def __init__(self, site: Site, database: Server, cache: Server, lock: Path) -> None:
        self.get = site.get
        self.port = site.port
        self.process = site.process
        self.log = site.log
        self.database = database
        self.cache = cache
        self.lock = lock

    def ask_twice(self, method: str, path: str, headers: dict[str, str], body: bytes) -> http.client.HTTPResponse:
        """Send a request; read its response, of the length that it declares, and another one on the same connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        default = {"Host": "www.example.com", "X-Forwarded-Proto": "https"}
        connection.request(method, path, body=body or None, headers=default | headers)
        response = connection.getresponse()
        response.content = response.read()  # type: ignore[attr-defined]
        assert not response.will_close
        # A body that is longer than declared would be taken for the head of this one.
        connection.request("GET", "/health/", headers=default)
        other = connection.getresponse()
        assert (other.status, json.loads(other.read())["status"]) == (200, "healthy")
        connection.close()
        return response

    def check_error(self, method: str, path: str, headers: dict[str, str], body: bytes, status: int) -> None:
        """Fail unless a request gets an error of this status, whose body is of its kind and of the declared length."""
        response = self.ask_twice(method, path, headers, body)
        content: bytes = response.content  # type: ignore[attr-defined]
        assert response.status == status, content
        if path.startswith("/api/"):
            assert response.headers["Content-Type"] == "application/problem+json"
            assert method == "HEAD" or json.loads(content)["status"] == status
        assert method != "HEAD" or content == b""
        assert response.headers["X-Request-ID"]
        assert response.headers.get_all("X-Frame-Options") == ["DENY"]

    def ready(self) -> tuple[int, dict[str, bool], float]:
        """Return the status of /ready/, the outcome of its checks, and how many seconds the answer took."""
        start = time.perf_counter()
        response = self.get("/ready/", host="10.1.2.3", scheme="http")
        checks = json.loads(response.read())["checks"]
        return response.status, checks, time.perf_counter() - start


@pytest.fixture(scope="module")
def site(
    bake: Callable[..., Project], install: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WithServers]:
    """The project with everything on and a view that leaks, with servers of its own."""
    folder = tmp_path_factory.mktemp("site")
    project = Project(shutil.copytree(bake(**ALL_ON).path, folder / "project"))
    with (project.path / "config/urls.py").open("a") as urls:
        urls.write(LEAK)
    python = install(project, "production")
    with postgresql() as database, redis() as cache:
        environment = production(database, cache) | {"STATIC_ROOT": str(folder / "static")}
        environment["READ_ONLY_LOCK_FILE"] = str(folder / ".read-only.lock")
        check = ["check", "--deploy", "--fail-level", "WARNING"]
        project.run(python, "manage.py", *check, DJANGO_SETTINGS_MODULE="config.settings.production", **environment)
        with started(project, python, folder / "log", **environment) as running:
            yield WithServers(running, database, cache, folder / ".read-only.lock")


def test_a_visitor_sees_the_first_page_with_its_protection(site: WithServers) -> None:
    response = site.get("/")
    page = response.read().decode()
    assert response.status == 200
    assert "<h1>My Project</h1>" in page
    assert "README.md" not in page
    assert response.headers["Strict-Transport-Security"] == "max-age=3600"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")


def test_a_visitor_over_http_is_sent_to_https(site: WithServers) -> None:
    response = site.get("/admin/", scheme="http")
    assert (response.status, response.headers["Location"]) == (301, "https://www.example.com/admin/")


def test_an_unknown_host_is_refused(site: WithServers) -> None:
    response = site.get("/", host="10.1.2.3")
    assert response.status == 400
    assert "The request was not understood" in response.read().decode()


def test_the_admin_asks_for_an_address_and_a_password(site: WithServers) -> None:
    response = site.get("/admin/login/")
    assert response.status == 200
    assert "Email address" in response.read().decode()
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-csrftoken=")
    assert "Secure" in cookie
    assert "SameSite=Lax" in cookie
    assert "; Path=/;" in cookie
    assert "Domain" not in cookie


@pytest.mark.parametrize("name", ERRORS)
def test_error_has_a_body_of_the_declared_length(site: WithServers, name: str) -> None:
    site.check_error(*ERRORS[name])


def test_refusals_and_failures_have_bodies_of_the_declared_length(site: WithServers) -> None:
    site.lock.touch()
    for request in REFUSED.values():
        site.check_error(*request)
    site.lock.unlink()
    psql = [find("psql", "postgresql-client"), "--no-psqlrc", "--quiet", site.database.url, "--command"]
    subprocess.run([*psql, "ALTER TABLE django_session RENAME TO away"], check=True)
    try:
        for request in FAILED.values():
            site.check_error(*request)
    finally:
        subprocess.run([*psql, "ALTER TABLE away RENAME TO django_session"], check=True)


def test_refused_attempts_have_bodies_of_the_declared_length(site: WithServers) -> None:
    """At the limits of django-axes and of the API, each for an address of its own."""
    login = site.ask_twice("GET", "/accounts/login/", {}, b"")
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', login.content)  # type: ignore[attr-defined]
    assert token
    form = b"csrfmiddlewaretoken=%s&username=ann@example.com&password=wrong" % token[1]
    headers = FORM | {"Cookie": login.headers["Set-Cookie"].split(";")[0], "Referer": "https://www.example.com/"}
    page = ("POST", "/accounts/login/", headers | {"X-Forwarded-For": "203.0.113.1"}, form)
    while (status := site.ask_twice(*page).status) == 200:
        pass
    assert status == 429
    site.check_error(*page, 429)
    # Each time from another address of one client's IPv6 network.
    api = ("POST", "/api/v1/auth/token/")
    sources = [JSON | {"X-Forwarded-For": f"2001:db8:0:1:{number}::1"} for number in range(11)]
    assert [site.ask_twice(*api, source, b"{}").status for source in sources] == [400] * 10 + [429]
    site.check_error(*api, sources[0], b"{}", 429)
    assert site.ask_twice(*api, JSON | {"X-Forwarded-For": "2001:db8:0:2::1"}, b"{}").status == 400


def test_static_files_are_cached_for_ever_under_their_hashed_name(site: WithServers) -> None:
    page = site.get("/").read().decode()
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    response = site.get(address)
    assert (response.status, response.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert response.headers["Cache-Control"] == "max-age=315360000, public, immutable"


def test_an_unknown_page_has_the_look_of_the_project(site: WithServers) -> None:
    response = site.get("/nowhere/")
    assert response.status == 404
    assert "There is no such page" in response.read().decode()
    assert site.get("/static/css/site.css").status == 200


def test_development_is_not_there(site: WithServers) -> None:
    assert site.get("/documents/README.md").status == 404


def test_a_probe_by_address_over_http_is_answered(site: WithServers) -> None:
    response = site.get("/health/", host="127.0.0.1", scheme="http")
    assert (response.status, json.loads(response.read())["status"]) == (200, "healthy")
    status, checks, _ = site.ready()
    assert (status, checks) == (200, {"database": True, "cache": True, "broker": True})


@pytest.mark.parametrize(
    ("name", "failing"), [("database", {"database"}), ("cache", {"cache", "broker"})], ids=["PostgreSQL", "Redis"]
)
def test_ready_tells_of_a_frozen_server_in_time_and_of_its_return(
    site: WithServers, name: str, failing: set[str]
) -> None:
    process = getattr(site, name).process
    pids = [process.pid, *children(process.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        # Until then a process repeats what it has found before.
        frozen = time.monotonic()
        wait_until(lambda: time.monotonic() > frozen + 1, 60, "the end of the outcomes that were kept")
        for _ in range(3):
            status, checks, seconds = site.ready()
            assert status == 503
            assert {check for check, passed in checks.items() if not passed} == failing
            assert seconds < 2
        # The process itself lives, and says so.
        assert site.get("/health/", host="127.0.0.1", scheme="http").status == 200
    finally:
        for pid in pids:
            # One that was at its end already is gone as soon as the first goes on.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
    wait_until(lambda: site.ready()[0] == 200, 15, "readiness's return")


def test_slow_requests_do_not_keep_others_waiting(site: WithServers) -> None:
    """More of them than there are threads, which stop in a body, in a chunk and in the headers."""
    start = b"Host: www.example.com\r\nX-Forwarded-Proto: https\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    form = b"POST /accounts/login/ HTTP/1.1\r\n" + start
    halves = [
        (form + b"Content-Length: 3\r\n\r\na", b"=b", b"HTTP/1.1 403"),
        (form + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x=y\r\n=", b"b\r\n0\r\n\r\n", b"HTTP/1.1 403"),
        (b"GET / HTTP/1.1\r\n" + start + b"X-Slow", b": x\r\n\r\n", b"HTTP/1.1 200"),
    ] * 10
    with contextlib.ExitStack() as stack:
        slow = []
        for first, _, _ in halves:
            connection = socket.create_connection(("127.0.0.1", site.port), timeout=60)
            slow.append(stack.enter_context(connection))
            connection.sendall(first)
        assert {site.get("/health/", scheme="http").status for _ in range(20)} == {200}
        # They are served when they have said everything.
        for connection, (_, second, status) in zip(slow, halves, strict=True):
            connection.sendall(second)
            assert connection.recv(12) == status


def test_requests_are_received_in_every_form(site: WithServers) -> None:
    def say(*parts: bytes) -> bytes:
        """Send parts of requests, the last of which ends the connection; return all that is answered."""
        with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
            answered = connection.makefile("rb")
            for part in parts:
                connection.sendall(part)
            return answered.read()

    start = b"Host: www.example.com\r\nX-Forwarded-Proto: https\r\n"
    end = b"Connection: close\r\n\r\n"
    get = b"GET /health/ HTTP/1.1\r\n" + start
    assert say(get + b"\r\n" + get + end).count(b"HTTP/1.1 200 OK") == 2
    # The second begins beyond what gunicorn reads at once.
    long = b"GET /health/ HTTP/1.1\r\n" + start + b"X-Long: " + b"x" * 7000 + b"\r\n"
    assert say(long + b"\r\n" + long + b"\r\n" + long[:100], long[100:] + end).count(b"HTTP/1.1 200 OK") == 3
    report = b"POST /csp-report/ HTTP/1.1\r\n" + start + b"Content-Type: application/csp-report\r\n" + end[:-2]
    body = b'{"csp-report": {"effective-directive": "img-src"}}'
    length = b"Content-Length: %d\r\n" % len(body)
    assert say(report, length, b"\r\n" + body[:5], body[5:]).startswith(b"HTTP/1.1 204")
    chunks = b"".join(b"%x\r\n%c\r\n" % (1, byte) for byte in body) + b"0\r\nX-Trailer: x\r\n\r\n"
    parts = [chunks[place : place + 7] for place in range(0, len(chunks), 7)]
    # It reaches the application, which takes no body of unknown length.
    assert b"This is no report" in say(report + b"Transfer-Encoding: chunked\r\n\r\n", *parts)
    expecting = say(report + length + b"Expect: 100-continue\r\n\r\n", body)
    assert expecting.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert b"HTTP/1.1 204" in expecting
    # What gunicorn refuses is refused at once, with what follows it unread.
    for wrong in (length + length, b"Content-Length: x\r\n", length + b"Transfer-Encoding: chunked\r\n"):
        assert say(report + wrong + b"\r\n" + body).startswith(b"HTTP/1.1 400")
    assert say(report + b"Transfer-Encoding: chunked\r\n\r\nx\r\n" + body).startswith(b"HTTP/1.1 4")


def test_many_probes_open_few_connections(site: WithServers) -> None:
    """Each process opens one for itself, and then none for a second."""
    psql = [find("psql", "postgresql-client"), "--no-psqlrc", "--tuples-only", site.database.url, "--command"]

    def sessions() -> int:
        query = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
        return int(subprocess.run([*psql, query], check=True, capture_output=True, text=True).stdout)

    before, start = sessions(), time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert 200 in {status for status, _, _ in pool.map(lambda _: site.ready(), range(200))}
    seconds = time.monotonic() - start
    # The two of psql count too.
    assert sessions() - before <= 2 + len(children(site.process.pid)) * (seconds + 1)


def test_a_frozen_redis_does_not_hold_a_page(site: WithServers) -> None:
    os.kill(site.cache.process.pid, signal.SIGSTOP)
    try:
        start = time.perf_counter()
        assert site.get("/admin/login/").status == 200
        assert time.perf_counter() - start < 1
    finally:
        os.kill(site.cache.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "REDIS_URL"])
def test_ready_tells_of_a_wrong_password_and_of_a_server_that_is_gone(
    bake: Callable[..., Project], install: Callable[..., Path], site: WithServers, variable: str
) -> None:
    ask = "from ops.health.readiness import run_checks; import json; print(json.dumps(run_checks()[0]))"
    urls = {"DATABASE_URL": site.database.url, "REDIS_URL": site.cache.url}
    failing = {"DATABASE_URL": {"database"}, "REDIS_URL": {"cache", "broker"}}[variable]
    for url in (urls[variable].replace("secret", "wrong"), f"{urls[variable].rsplit(':', 1)[0]}:{free_port()}/0"):
        settings: dict[str, Any] = urls | {variable: url, "DJANGO_SETTINGS_MODULE": "config.settings.development"}
        python = install(bake(**ALL_ON), "production")
        result = bake(**ALL_ON).run(python, "manage.py", "shell", "--no-imports", "--command", ask, **settings)
        checks = json.loads(result.stdout.splitlines()[-1])
        assert {check for check, passed in checks.items() if not passed} == failing
        assert "secret" not in result.stdout + result.stderr


def test_process_is_replaced_when_it_has_grown_and_not_after_many_requests(site: WithServers) -> None:
    before = set(children(site.process.pid))
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    for _ in range(1500):
        # All to one process, to which the connection is.
        connection.request("GET", "/health/", headers={"Host": "www.example.com", "X-Forwarded-Proto": "https"})
        assert connection.getresponse().read()
    connection.close()
    assert set(children(site.process.pid)) == before
    end = time.monotonic() + 60
    # No request is lost, of whichever process.
    while before <= set(children(site.process.pid)) and time.monotonic() < end:
        assert site.get("/leak/").status == 200
    assert not before <= set(children(site.process.pid))
    assert "since its first request; it is replaced" in site.log.read_text()
