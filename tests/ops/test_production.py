"""The project in production: gunicorn on the pinned production requirements, with PostgreSQL and Redis that fail."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.support.combinations import ALL_ON
from tests.support.production_site import Site, children, production, started
from tests.support.servers import Server, free_port, postgresql, redis, wait_until


class WithServers:
    """A site, and the servers that it uses."""

    def __init__(self, site: Site, database: Server, cache: Server) -> None:
        self.get = site.get
        self.database = database
        self.cache = cache

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
    """The project with everything on, with servers of its own."""
    project = bake(**ALL_ON)
    python = install(project, "production")
    folder = tmp_path_factory.mktemp("site")
    with postgresql() as database, redis() as cache:
        environment = production(database, cache) | {"STATIC_ROOT": str(folder / "static")}
        check = ["check", "--deploy", "--fail-level", "WARNING"]
        project.run(python, "manage.py", *check, DJANGO_SETTINGS_MODULE="config.settings.production", **environment)
        with started(project, python, folder / "log", **environment) as running:
            yield WithServers(running, database, cache)


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
