"""What a read-only site answers, and what still goes on."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import InternalError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from psycopg.errors import ReadOnlySqlTransaction
from pytest_django import Settings

import ops.read_only_state as state_module
from apps.users.models import User
from config.urls import urlpatterns as project_urls
from ops.postgres import is_failed_connection, is_refused_write
from ops.read_only.details import read_only
from ops.read_only_state import ReadOnly, lock, lock_state, read_only_state, unlock

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def note(request: HttpRequest) -> HttpResponse:
    """Write into the session and the cache, as reading a page may."""
    request.session["seen"] = request.session.get("seen", 0) + 1
    cache.set("seen", "it")
    return HttpResponse(str(request.session["seen"]))


def save(request: HttpRequest) -> HttpResponse:
    """Save, change and end the session explicitly."""
    request.session["seen"] = 1
    request.session.save()
    request.session.cycle_key()
    request.session.flush()
    return HttpResponse("saved")


def refused(request: HttpRequest) -> HttpResponse:
    """Fail as PostgreSQL lets what writes fail, wrapped by Django and once more."""
    try:
        raise InternalError("cannot execute UPDATE in a read-only transaction") from ReadOnlySqlTransaction()
    except InternalError as error:
        raise UpdateError from error


def cut_off(request: HttpRequest) -> HttpResponse:
    """Fail as a connection that was ended does."""
    raise OperationalError("terminating connection due to administrator command")


def cut_off_once(request: HttpRequest) -> HttpResponse:
    """Fail so the first time that a request is answered."""
    if not hasattr(request, "was_cut_off"):
        raise OperationalError("terminating connection due to administrator command")
    return HttpResponse(str(request.session.get("seen", "nothing")))


def switched_on(request: HttpRequest) -> HttpResponse:
    """Become read-only in the midst of it."""
    request.session["seen"] = 1
    lock("While it is read")
    return HttpResponse("read")


def broken(request: HttpRequest) -> HttpResponse:
    """Fail for a reason of its own."""
    raise RuntimeError("planted")


VIEWS = (note, save, refused, cut_off, cut_off_once, switched_on, broken)
urlpatterns = [*project_urls, *(path(f"{view.__name__}/", view) for view in VIEWS)]

pytestmark = pytest.mark.urls(__name__)


@pytest.fixture(autouse=True)
def lock_file(settings: Settings, tmp_path: Path) -> Path:
    """A place for the lock file, where there is none yet."""
    settings.READ_ONLY_LOCK_FILE = tmp_path / ".read-only.lock"
    return Path(settings.READ_ONLY_LOCK_FILE)


def make_touched(file: Path, settings: Settings) -> None:
    file.touch()


def make_written(file: Path, settings: Settings) -> None:
    lock("Moving")


def set_variable(file: Path, settings: Settings) -> None:
    settings.READ_ONLY_MODE = True


class TestState:
    def test_it_is_off_without_anything(self) -> None:
        assert read_only_state() is None
        assert read_only() == {"on": False, "reason": None, "since": None}

    def test_what_was_written_is_read(self, lock_file: Path) -> None:
        before = datetime.now(tz=UTC).replace(microsecond=0)
        lock("Moving")
        state = read_only_state()
        assert state is not None
        assert state.since is not None
        assert (state.reason, before <= state.since <= datetime.now(tz=UTC)) == ("Moving", True)
        assert read_only() == {"on": True, "reason": "Moving", "since": state.since.isoformat()}
        assert lock_file.stat().st_mode & 0o777 == 0o644
        assert os.listdir(lock_file.parent) == [lock_file.name]
        unlock()
        unlock()
        assert read_only_state() is None

    def test_former_name_of_the_lock_file_counts_until_unlock(self, lock_file: Path) -> None:
        former = lock_file.with_name(".restore.lock")
        former.touch()
        assert read_only_state() is not None
        assert read_only()["on"]
        unlock()
        assert read_only_state() is None
        assert not former.exists()

    @pytest.mark.parametrize("content", ["", "restoring", "[]", '{"since": "yesterday", "reason": ""}', "\udcff"])
    def test_a_file_with_anything_else_in_it_counts_too(self, lock_file: Path, content: str) -> None:
        lock_file.write_bytes(content.encode(errors="surrogateescape"))
        os.utime(lock_file, (86400, 86400))
        assert read_only_state() == ReadOnly("", datetime(1970, 1, 2, tzinfo=UTC))

    def test_the_variable_counts_whatever_the_file_says(self, lock_file: Path, settings: Settings) -> None:
        settings.READ_ONLY_MODE = True
        lock("Moving")
        assert read_only_state() == ReadOnly("READ_ONLY_MODE is set", None)
        assert read_only() == {"on": True, "reason": "READ_ONLY_MODE is set", "since": None}

    @pytest.mark.django_db(transaction=True)
    def test_a_folder_that_is_missing_is_named(self, settings: Settings, tmp_path: Path) -> None:
        settings.READ_ONLY_LOCK_FILE = tmp_path / "missing" / "file"
        with pytest.raises(CommandError, match=r"missing/file \(No such file or directory\)"):
            call_command("read_only", "on")


class TestUnsafeMethods:
    @pytest.mark.parametrize("switch", [make_touched, make_written, set_variable])
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"])
    def test_each_is_refused(
        self, client: Client, lock_file: Path, settings: Settings, switch: Callable[..., None], method: str
    ) -> None:
        switch(lock_file, settings)
        response = client.generic(method, "/")
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "no-store" in response.headers["Cache-Control"]
        # Those of answers that come from a view.
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.django_db
    def test_nobody_logs_in(self, client: Client, admin_user: User, lock_file: Path) -> None:
        lock_file.touch()
        form = {"username": "root@example.com", "password": "correct horse battery"}
        assert client.post("/admin/login/", form).status_code == 503
        assert Session.objects.count() == 0
        unlock()
        assert client.post("/admin/login/", form).status_code == 302

    @pytest.mark.django_db
    def test_the_admin_changes_nothing(self, admin_client: Client, user: User, lock_file: Path) -> None:
        lock_file.touch()
        address = f"/admin/users/user/{user.pk}/delete/"
        assert admin_client.post(address, {"post": "yes"}).status_code == 503
        assert User.objects.filter(pk=user.pk).exists()
        assert admin_client.get(address).status_code == 200

    def test_a_page_says_why(self, client: Client) -> None:
        lock("Moving <b>today</b>")
        response = client.post("/", headers=HTML)
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "Nothing can be changed at the moment" in response.content.decode()
        assert "Moving &lt;b&gt;today&lt;/b&gt;" in response.content.decode()

    @pytest.mark.parametrize("accept", ["application/json", "application/json, text/html;q=0.5"])
    def test_json_says_why(self, client: Client, accept: str) -> None:
        lock("Moving")
        response = client.post("/", headers={"Accept": accept})
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json() == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "The site is read-only at the moment. Please try again later.",
            "instance": "/",
            "reason": "Moving",
        }

    @pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json; charset=utf-8"])
    def test_who_sends_json_gets_json(self, client: Client, lock_file: Path, content_type: str) -> None:
        lock_file.touch()
        response = client.post("/", b"{}", content_type=content_type, headers={"Accept": "*/*"})
        assert json.loads(response.content)["reason"] == ""

    def test_who_takes_anything_gets_a_page(self, client: Client, lock_file: Path) -> None:
        lock_file.touch()
        assert "html" in client.post("/", headers={"Accept": "*/*"}).headers["Content-Type"]


@pytest.mark.django_db
class TestReads:
    @pytest.fixture(autouse=True)
    def reader(self, client: Client, user: User, settings: Settings) -> User:
        """Somebody who has logged in, on a site that saves each session with each request."""
        settings.SESSION_SAVE_EVERY_REQUEST = True
        client.force_login(user)
        return user

    @pytest.mark.parametrize("address", ["/", "/admin/login/", "/health/", "/ready/", "/nowhere/"])
    def test_they_go_on(self, client: Client, lock_file: Path, address: str) -> None:
        before = client.get(address).status_code
        lock_file.touch()
        assert client.get(address).status_code == client.head(address).status_code == before
        assert client.options(address).status_code != 503

    @pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "signed_cookies", "file"])
    def test_what_they_write_into_the_session_is_for_the_moment(
        self, lock_file: Path, settings: Settings, reader: User, tmp_path: Path, engine: str
    ) -> None:
        settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
        settings.SESSION_FILE_PATH = str(tmp_path)
        client = Client()
        client.force_login(reader)
        assert client.get("/note/").content == b"1"
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].output()
        lock_file.touch()
        cache.delete("seen")
        for _ in range(2):
            response = client.get("/note/")
            assert response.content == b"2"
            assert response.headers["Vary"] == "Cookie"
            assert not response.cookies
            assert client.get("/save/").content == b"saved"
        # What goes into the cache does no harm.
        assert cache.get("seen") == "it"
        assert client.cookies[settings.SESSION_COOKIE_NAME].output() == cookie
        unlock()
        assert client.get("/note/").content == b"2"
        assert get_user(client) == reader

    def test_nobody_gets_a_session(self, lock_file: Path) -> None:
        lock_file.touch()
        response = Client().get("/note/")
        assert (response.content, bool(response.cookies)) == (b"1", False)

    def test_a_new_key_breaks_nothing(
        self, client: Client, reader: User, settings: Settings, lock_file: Path, admin_user: User
    ) -> None:
        """Django gives a session another key when a former SECRET_KEY has signed it: reading writes."""
        client.force_login(admin_user)
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "another-" * 8
        lock_file.touch()
        before = list(Session.objects.values_list("pk", flat=True))
        for _ in range(2):
            assert client.get("/admin/").status_code == 200
        assert list(Session.objects.values_list("pk", flat=True)) == before
        unlock()
        assert client.get("/admin/").status_code == 200
        assert list(Session.objects.values_list("pk", flat=True)) != before

    def test_one_that_it_comes_on_in_does_not_save_its_session(self, client: Client) -> None:
        before = list(Session.objects.values_list("session_data", flat=True))
        assert client.get("/switched_on/").content == b"read"
        assert list(Session.objects.values_list("session_data", flat=True)) == before


@pytest.mark.django_db
class TestFailures:
    @pytest.mark.parametrize("is_locked", [True, False], ids=["locked", "by another machine"])
    def test_a_refused_write_is_told_as_the_refusal_of_a_request(
        self, client: Client, lock_file: Path, is_locked: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        if is_locked:
            lock_file.touch()
        response = client.get("/refused/")
        assert (response.status_code, "Retry-After" in response.headers) == (503, True)
        assert "GET /refused/ failed" in caplog.text
        assert "cannot execute UPDATE in a read-only transaction" in caplog.text

    def test_a_connection_that_was_ended_is_told_likewise(
        self, client: Client, lock_file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        lock_file.touch()
        assert client.get("/cut_off/", headers={"Accept": "application/json"}).json()["reason"] == ""
        assert caplog.text.count("GET /cut_off/ failed") == 2
        assert "terminating connection due to administrator command" in caplog.text

    def test_what_reads_gets_another_connection_first(self, client: Client, lock_file: Path) -> None:
        lock_file.touch()
        response = client.get("/cut_off_once/")
        assert (response.status_code, response.content) == (200, b"nothing")

    def test_it_is_an_error_on_a_site_that_is_not_read_only(self) -> None:
        client = Client(raise_request_exception=False)
        assert client.get("/cut_off/").status_code == 500

    def test_other_errors_stay_what_they_are(self, lock_file: Path) -> None:
        lock_file.touch()
        assert Client(raise_request_exception=False).get("/broken/").status_code == 500

    def test_an_error_is_known_by_what_caused_it(self) -> None:
        refusal = InternalError()
        refusal.__cause__ = ReadOnlySqlTransaction()
        wrapped = UpdateError()
        wrapped.__context__ = refusal
        assert is_refused_write(wrapped)
        assert not is_failed_connection(wrapped)
        assert is_failed_connection(OperationalError())
        assert not is_refused_write(OperationalError())


class TestCachedState:
    """What a process serves until it looks again, and what it looks at the file for each time."""

    @pytest.fixture(autouse=True)
    def looked_up(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        """A process that has just looked, and does so again in a minute."""
        settings.READ_ONLY_CACHE_SECONDS = 60
        monkeypatch.setattr(state_module._Latest, "end", 0.0)
        assert Client().get("/").status_code == 200

    def test_what_only_reads_looks_once(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(state_module, "lock_state", lambda: pytest.fail("It has looked at the file."))
        for address in ("/", "/nowhere/", "/health/"):
            client.get(address)
        monkeypatch.setattr(state_module._Latest, "end", 0.0)
        with pytest.raises(pytest.fail.Exception, match="looked"):
            client.get("/")

    def test_what_would_write_is_refused_at_once(self, client: Client, lock_file: Path) -> None:
        lock_file.touch()
        assert client.post("/note/").status_code == 503
        lock_file.unlink()
        assert client.post("/csp-report/").status_code != 503

    @pytest.mark.django_db
    def test_session_is_not_saved_at_once(self, client: Client, user: User, lock_file: Path) -> None:
        client.force_login(user)
        before = list(Session.objects.values_list("session_data", flat=True))
        lock_file.touch()
        assert client.get("/note/").content == b"1"
        assert list(Session.objects.values_list("session_data", flat=True)) == before
        lock_file.unlink()
        client.get("/note/")
        assert list(Session.objects.values_list("session_data", flat=True)) != before


class TestLockFile:
    def test_a_change_of_the_reason_keeps_the_time(self, lock_file: Path) -> None:
        since = datetime(2026, 11, 26, 2, 15, tzinfo=UTC)
        lock("First", since)
        lock("Second", since)
        assert lock_state() == ReadOnly("Second", since)
