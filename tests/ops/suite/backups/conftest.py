"""A PostgreSQL of the tests' own, of the very version of the programs that make backups and read them."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker, Settings

from apps.users.models import User
from ops.read_only import database as maintenance
from tests.conftest import leave_out

PASSWORD = "a-secret-of-the-tests"
# Who owns the database of a project, and may create others beside it.
OWNER = "app"


class Server:
    """A running PostgreSQL on a port of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def connect(self, database: str = "postgres", user: str = "postgres") -> psycopg.Connection[Any]:
        """Connect as a role; each statement takes effect by itself."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=user, password=PASSWORD, dbname=database, autocommit=True
        )

    def run(self, statement: str, database: str = "postgres", user: str = "postgres") -> list[Any]:
        """Return the rows that a statement gives."""
        with self.connect(database, user) as connected:
            cursor = connected.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def run_each(self, statements: str, database: str, user: str) -> None:
        """Run statements that are separated by semicolons, each in a transaction of its own."""
        with self.connect(database, user) as connected:
            for statement in statements.split(";"):
                connected.execute(statement)

    def databases(self) -> set[str]:
        """Return the names of the databases of the project."""
        return {name for [name] in self.run("SELECT datname FROM pg_database WHERE datname LIKE 'app%'")}

    def environment(self) -> dict[str, str]:
        """Return what a command of manage.py needs in its environment to work with the database of a test."""
        return os.environ | {"DATABASE_URL": f"postgres://{OWNER}:{PASSWORD}@127.0.0.1:{self.port}/app"}


def find_folder() -> Path:
    """Return the folder of the programs of the newest PostgreSQL here."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version)
    found = [folder for folder in folders if (folder / "initdb").exists()]
    if not found:
        leave_out("initdb is missing; install PostgreSQL (on Debian the package postgresql).")
    return found[-1]


def version(folder: Path) -> int:
    """Return the version whose programs are in a folder of Debian's."""
    return int(folder.parent.name)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server with a database ``migrated``, which the tests copy."""
    folder = find_folder()
    if not shutil.which("pg_dump"):
        leave_out("pg_dump is missing; install PostgreSQL (on Debian the package postgresql).")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    # PostgreSQL refuses to run as root.
    account: dict[str, Any] = {"user": "postgres"} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        (place / "password").write_text(PASSWORD, encoding="ascii")
        if account:
            for path in (place, place / "password"):
                os.chown(path, pwd.getpwnam("postgres").pw_uid, -1)
        initdb: list[str | Path] = [
            folder / "initdb",
            "--pgdata",
            place / "data",
            "--username",
            "postgres",
            "--encoding",
            "UTF8",
        ]
        initdb += ["--locale", "C.UTF-8", "--auth", "scram-sha-256", "--pwfile", place / "password", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=place, **account)
        command: list[str | Path] = [folder / "postgres", "-D", place / "data", "-p", str(port), "-k", place, "-F"]
        # Two-phase transactions are off by default.
        command += ["-c", "max_prepared_transactions=2"]
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=place, **account)
        try:
            running = Server(port)
            wait_for(running)
            running.run(f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            yield running
        finally:
            process.terminate()
            process.wait()


def wait_for(server: Server) -> None:
    """Return when a server takes connections."""
    end = time.monotonic() + 30
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return


def django_on(server: Server, database: str) -> contextlib.AbstractContextManager[None]:
    """Let Django's connection lead to a database of the server."""
    place = {"USER": OWNER, "PASSWORD": PASSWORD, "HOST": "127.0.0.1", "PORT": str(server.port)}
    engine = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"connect_timeout": 2}}
    return django_with(NAME=database, **engine, **place)


@contextlib.contextmanager
def django_with(**options: Any) -> Iterator[None]:
    """Let Django have another connection."""
    former = connections["default"]
    connections["default"] = ConnectionHandler({"default": options})["default"]
    try:
        yield
    finally:
        connection.close()
        connections["default"] = former


@pytest.fixture(scope="session")
def migrated(server: Server, django_db_blocker: DjangoDbBlocker) -> str:
    """A database with the tables of this code and one account, which others are copied from."""
    server.run(f"CREATE DATABASE migrated OWNER {OWNER}")
    with django_db_blocker.unblock(), django_on(server, "migrated"):
        call_command("migrate", interactive=False, verbosity=0)
        User.objects.create_user("ann@example.com", "correct horse battery")
    return "migrated"


@pytest.fixture
def database(
    server: Server,
    migrated: str,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Server]:
    """The server, with a database ``app`` for this test, to which Django's connection leads."""
    # Seconds that read-only mode lets sessions have.
    monkeypatch.setattr(maintenance, "WAIT", 0.5)
    settings.BACKUPS_DIR = tmp_path / "backups"
    settings.BACKUPS_MAX_AGE_HOURS = 26
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.READ_ONLY_LOCK_FILE = tmp_path / ".read-only.lock"
    server.run(f"CREATE DATABASE app TEMPLATE {migrated} OWNER {OWNER}")
    with django_db_blocker.unblock(), django_on(server, "app"):
        yield server
    for name in server.databases():
        server.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command of manage.py, and return what it prints."""

    def command(name: str, *arguments: str) -> str:
        capsys.readouterr()
        call_command(name, *arguments)
        return capsys.readouterr().out

    return command
