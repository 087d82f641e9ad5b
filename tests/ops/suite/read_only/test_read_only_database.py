"""The read-only mode on a real PostgreSQL, which itself refuses to write."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import InternalError, OperationalError, connection
from django.db.utils import ConnectionHandler
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from apps.users.models import User
from config.urls import urlpatterns as project_urls
from ops.read_only import database
from ops.read_only_state import lock_state, unlock

ROOT = Path(__file__).resolve().parents[3]
WRITE = "INSERT INTO auth_group (name) VALUES ('written')"
OVERRIDE = "-c default_transaction_read_only=off"


def write(request: HttpRequest) -> HttpResponse:
    """Write to the database, whatever the method."""
    Group.objects.create(name=request.GET["name"])
    return HttpResponse("written")


urlpatterns = [*project_urls, path("write/", write)]


def connect(**parameters: Any) -> psycopg.Connection[Any]:
    """Open a session that is none of Django's."""
    place = {key: connection.settings_dict[key.upper()] for key in ("host", "port", "user", "password")}
    place["dbname"] = connection.settings_dict["NAME"]
    return psycopg.connect(**place | parameters, autocommit=True)


def command(*arguments: str) -> str:
    """Run the command, and return what it says."""
    out = StringIO()
    call_command("read_only", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def names() -> set[str]:
    """Return what has been written."""
    return set(Group.objects.values_list("name", flat=True))


@pytest.fixture
def _writable(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A lock file of its own, and a database that can be written afterwards, whatever happens."""
    settings.READ_ONLY_LOCK_FILE = tmp_path / ".read-only.lock"
    yield
    settings.READ_ONLY_MODE = False
    connection.close()
    with closing(connect(options=OVERRIDE)) as session:
        session.execute(f'ALTER DATABASE "{session.info.dbname}" RESET default_transaction_read_only')


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell at once that a session is waited for."""
    monkeypatch.setattr(database, "SOON", 0.1)


on_postgresql = [pytest.mark.servers, pytest.mark.usefixtures("_writable")]


class TestDatabase:
    pytestmark = on_postgresql

    def test_it_refuses_every_session_until_it_is_off(self) -> None:
        with closing(connect()) as before:
            before.execute(WRITE)
            assert command("on", "--reason", "Moving") == "Read-only mode is on.\n"
            with pytest.raises(psycopg.OperationalError):
                before.execute("SELECT 1")
        with closing(connect()) as during:
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                during.execute(WRITE)
            assert names() == {"written"}
            with pytest.raises(InternalError):
                Group.objects.create(name="refused")
            assert command("off") == "Read-only mode is off.\n"
            with pytest.raises(psycopg.OperationalError):
                during.execute("SELECT 1")
        Group.objects.create(name="afterwards")
        assert names() == {"written", "afterwards"}

    def test_a_connection_that_is_kept_comes_back(self) -> None:
        kept = connection.copy()
        kept.settings_dict["CONN_MAX_AGE"] = 600
        try:
            for action, is_refused in (("on", True), ("off", False)):
                with kept.cursor() as cursor:
                    cursor.execute("SELECT 1")
                command(action)
                # As when a request begins.
                kept.close_if_unusable_or_obsolete()
                with kept.cursor() as cursor:
                    cursor.execute("SHOW transaction_read_only")
                    assert cursor.fetchone() == ("on" if is_refused else "off",)
        finally:
            kept.close()

    @pytest.mark.usefixtures("_soon")
    def test_a_transaction_may_end(self) -> None:
        with closing(connect()) as other:
            other.execute("BEGIN")
            other.execute(WRITE)
            commit = threading.Timer(0.7, other.commit)
            commit.start()
            assert command("on") == ("Waiting, 10 s at most, for sessions that are at work.\nRead-only mode is on.\n")
            commit.join()
            assert names() == {"written"}
            with pytest.raises(psycopg.OperationalError):
                other.execute(WRITE)

    @pytest.mark.usefixtures("_soon")
    def test_one_that_does_not_end_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "WAIT", 0.3)
        with closing(connect()) as other:
            other.execute("BEGIN")
            other.execute(WRITE)
            assert "Ending those that are still at work.\nRead-only mode is on.\n" in command("on")
            with pytest.raises(psycopg.OperationalError):
                other.commit()
        assert names() == set()

    def test_backups_go_on(self) -> None:
        with closing(connect(application_name="backup_database")) as backup:
            backup.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            command("on")
            command("off")
            backup.execute("SELECT 1")

    def test_who_must_write_can(self, monkeypatch: pytest.MonkeyPatch) -> None:
        command("on")
        monkeypatch.setenv("PGOPTIONS", OVERRIDE)
        connection.close()
        Group.objects.create(name="migrated")
        monkeypatch.delenv("PGOPTIONS")
        connection.close()
        with pytest.raises(InternalError):
            Group.objects.create(name="refused")


class TestCommand:
    pytestmark = on_postgresql

    def test_it_says_what_is(self) -> None:
        assert command("status") == "Read-only mode: off\nDatabase refuses to write: no\n"
        command("on", "--reason", "Moving")
        state = lock_state()
        assert state is not None
        assert state.since is not None
        assert command("status").splitlines() == [
            "Read-only mode: on",
            "Reason: Moving",
            f"Since: {state.since.isoformat()}",
            "Database refuses to write: yes",
        ]

    def test_a_second_time_changes_no_more_than_the_reason(self) -> None:
        command("on", "--reason", "Moving")
        first = lock_state()
        assert first is not None
        assert command("on") == "Read-only mode was on already.\n"
        assert lock_state() == first
        assert command("on", "--reason", "Still moving") == "Read-only mode was on already.\n"
        second = lock_state()
        assert second is not None
        assert (second.reason, second.since) == ("Still moving", first.since)
        command("off")
        assert command("off") == "Read-only mode was off already.\n"

    def test_what_is_on_in_part_is_made_whole(self, settings: Settings) -> None:
        settings.READ_ONLY_LOCK_FILE.touch()
        assert command("on") == "Read-only mode is on.\n"
        assert command("status").endswith("Database refuses to write: yes\n")
        unlock()
        assert command("off") == "Read-only mode is off.\n"
        assert command("status") == "Read-only mode: off\nDatabase refuses to write: no\n"

    @pytest.mark.usefixtures("_soon")
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption_leaves_it_off(self, number: signal.Signals) -> None:
        with closing(connect()) as other:
            other.execute("BEGIN")
            other.execute(WRITE)
            interruption = threading.Timer(0.5, os.kill, (os.getpid(), number))
            interruption.start()
            out = StringIO()
            with pytest.raises(SystemExit):
                call_command("read_only", "on", stdout=out, stderr=out)
            interruption.join()
            assert out.getvalue() == (
                "Waiting, 10 s at most, for sessions that are at work.\n"
                "Switching it off again, for it did not come on as a whole.\n"
            )
            other.commit()
        assert command("status") == "Read-only mode: off\nDatabase refuses to write: no\n"
        assert names() == {"written"}

    def test_off_that_fails_says_that_it_is_on(self, monkeypatch: pytest.MonkeyPatch, refusing_server: str) -> None:
        command("on")
        out = StringIO()
        with monkeypatch.context() as patch:
            connection.close()
            patch.setitem(connection.settings_dict, "PORT", refusing_server.partition(":")[2])
            with pytest.raises(OperationalError):
                call_command("read_only", "off", stdout=out, stderr=out)
        assert out.getvalue() == "Read-only mode is still on.\n"
        assert command("status").startswith("Read-only mode: on\n")

    def test_on_that_fails_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch, refusing_server: str) -> None:
        with monkeypatch.context() as patch:
            connection.close()
            patch.setitem(connection.settings_dict, "PORT", refusing_server.partition(":")[2])
            with pytest.raises(OperationalError):
                command("on")
        assert lock_state() is None


class TestVariable:
    pytestmark = on_postgresql

    def test_the_process_that_has_it_is_refused(self, settings: Settings) -> None:
        settings.READ_ONLY_MODE = True
        connection.close()
        with pytest.raises(InternalError):
            Group.objects.create(name="refused")
        with closing(connect()) as other:
            other.execute(WRITE)
        assert names() == {"written"}
        assert command("status") == (
            "Read-only mode: on\nReason: READ_ONLY_MODE is set\nSince: the start\nDatabase refuses to write: yes\n"
        )

    def test_off_says_what_to_do(self, settings: Settings) -> None:
        command("on")
        settings.READ_ONLY_MODE = True
        with pytest.raises(CommandError, match=r"READ_ONLY_MODE is set\. Unset it, and restart"):
            command("off")
        settings.READ_ONLY_MODE = False
        assert command("status") == "Read-only mode: off\nDatabase refuses to write: no\n"

    def test_a_command_that_writes_says_so_in_a_line(self) -> None:
        place = connection.settings_dict
        url = f"postgres://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}/{place['NAME']}"
        run = subprocess.run(
            [sys.executable, "manage.py", "clearsessions"],
            cwd=ROOT,
            env=os.environ | {"READ_ONLY_MODE": "true", "DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == (1, "Error: cannot execute DELETE in a read-only transaction\n")


class TestSite:
    pytestmark = [*on_postgresql, pytest.mark.urls(__name__)]

    def test_it_is_read_with_sessions_and_all(self, client: Client, admin_user: User, settings: Settings) -> None:
        settings.SESSION_SAVE_EVERY_REQUEST = True
        client.force_login(admin_user)
        command("on")
        assert client.get("/admin/users/user/").status_code == 200
        assert client.get("/ready/").json()["status"] == "ready"
        assert client.post("/write/?name=posted").status_code == 503
        assert client.get("/write/?name=got").status_code == 503
        # On a machine that has no lock file.
        unlock()
        assert client.post("/write/?name=posted").status_code == 503
        command("off")
        assert client.post("/write/?name=afterwards").status_code == 200
        assert names() == {"afterwards"}


@pytest.mark.django_db
class TestSQLite:
    @pytest.fixture
    def sqlite(self) -> Iterator[Any]:
        """A database in memory."""
        connections = ConnectionHandler({"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
        with closing(connections["default"]) as sqlite:
            yield sqlite

    def test_it_refuses_while_the_variable_is_set(self, sqlite: Any, settings: Settings) -> None:
        settings.READ_ONLY_MODE = True
        with sqlite.cursor() as cursor, pytest.raises(OperationalError, match="attempt to write a readonly database"):
            cursor.execute("CREATE TABLE anything (number integer)")

    def test_the_command_says_that_only_the_site_keeps_from_writing(
        self, sqlite: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.READ_ONLY_LOCK_FILE = tmp_path / ".read-only.lock"
        monkeypatch.setattr(database, "connection", sqlite)
        assert command("on") == (
            "Only the site keeps from writing; the database will not refuse it, for SQLite has no such setting.\n"
            "Read-only mode is on.\n"
        )
        assert command("status").endswith("Database refuses to write: no\n")
        assert command("off") == "Read-only mode is off.\n"
        assert lock_state() is None
