"""Backups and restores of a database that is not small, interrupted at any moment, and as a person sees them."""

import contextlib
import os
import pty
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import Project, clean_environment
from tests.support.combinations import ALL_ON
from tests.support.servers import Server, find, wait_until

# Rows, each of some two hundred bytes that hardly compress.
ROWS = 300_000
FILL = """
    CREATE TABLE bulk (n integer PRIMARY KEY, text text);
    INSERT INTO bulk SELECT n, encode(sha512((n || 'a')::bytea), 'hex') || encode(sha512((n || 'b')::bytea), 'base64')
    FROM generate_series(1, %d) AS n
"""
# Bytes by which memory may differ between a small and a large database; the latter has ten times as many.
SLACK = 8_000_000


class Site:
    """A project with a database of its own, whose commands are run as a person runs them."""

    def __init__(self, project: Project, python: Path, server: Server, folder: Path) -> None:
        self.project = project
        self.python = python
        self.name = f"site_{os.getpid()}"
        self.url = urlsplit(server.url)._replace(path=f"/{self.name}").geturl()
        self.server = server.url
        self.environment = clean_environment(
            DATABASE_URL=self.url,
            BACKUPS_DIR=str(folder / "backups"),
            MEDIA_ROOT=str(folder / "media"),
            READ_ONLY_LOCK_FILE=str(folder / "lock"),
        )
        self.backups = folder / "backups"

    def start(self, *command: str, **streams: Any) -> "subprocess.Popen[bytes]":
        """Start a command of manage.py."""
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | streams
        options |= {"cwd": self.project.path, "env": self.environment}
        return subprocess.Popen([self.python, "manage.py", *command], **options)

    def run(self, *command: str) -> str:
        """Return what a command of manage.py prints."""
        return self.project.run(self.python, "manage.py", *command, **self.environment).stdout

    def memory(self, *command: str) -> int:
        """Return how many bytes of memory a command of manage.py has taken at most, or a program that it started."""
        process = self.start(*command)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss * 1024

    def ask(self, statement: str, url: str = "") -> str:
        """Return what the database answers."""
        psql = [find("psql", "postgresql-client"), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only"]
        command = [*psql, "--set", "ON_ERROR_STOP=1", "--dbname", url or self.url, "--command", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def databases(self) -> list[str]:
        """Return the names of its databases."""
        return [name for name in self.ask("SELECT datname FROM pg_database", self.server).split() if self.name in name]


@pytest.fixture(scope="module")
def site(
    bake: Callable[..., Project],
    install: Callable[..., Path],
    postgresql: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """A project with everything on, which has its tables."""
    project = bake(**ALL_ON)
    found = Site(project, install(project, "test"), postgresql, tmp_path_factory.mktemp("site"))
    found.ask(f"CREATE DATABASE {found.name}", found.server)
    found.run("migrate", "--verbosity", "0")
    yield found
    for name in found.databases():
        found.ask(f"DROP DATABASE {name} WITH (FORCE)", found.server)


def test_memory_does_not_grow_with_the_database(site: Site) -> None:
    commands = [["backup_database", "--compression", form, "--keep", "1"] for form in ("gz", "none", "pgcustom")]
    commands += [["verify_backup", "latest"], ["restore_database", "latest", "--yes"]]
    small = [site.memory(*command) for command in commands]
    site.ask(FILL % ROWS)
    large = [site.memory(*command) for command in commands]
    size = int(site.ask("SELECT pg_total_relation_size('bulk')"))
    grown = [after - before for before, after in zip(small, large, strict=True)]
    print(f"{size} bytes in the table; memory {small}, then {grown} more")
    assert size > 10 * SLACK
    assert max(grown) < SLACK, grown
    assert site.ask("SELECT count(*) FROM bulk") == str(ROWS)


def test_it_is_shown_how_far_it_has_come(site: Site) -> None:
    own, theirs = pty.openpty()
    process = site.start("backup_database", "--compression", "none", "--keep", "1", stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while True:
            shown += os.read(own, 4096)
    os.close(own)
    process.wait()
    assert process.returncode == 0
    for what in (b"Backing up the database: ", b"Reading the backup: ", b" MB", b" %"):
        assert what in shown.replace(b"\xc2\xa0", b" "), shown[-300:]


def test_killed_at_any_moment_a_restore_leaves_a_whole_database(site: Site) -> None:
    """The one before or the restored one; and the next restore goes through."""
    for name in site.databases():
        if name != site.name:
            site.run("retained_databases", "--drop", name)
    site.ask("DELETE FROM bulk WHERE n > 50000; CREATE TABLE IF NOT EXISTS late (n int)")
    site.run("backup_database", "--compression", "pgcustom", "--keep", "1")
    site.ask("INSERT INTO late VALUES (1)")
    start = time.monotonic()
    site.run("restore_database", "latest", "--yes")
    seconds = time.monotonic() - start
    outcomes = set()
    random.seed(7)
    for part in range(6):
        site.ask("TRUNCATE late; INSERT INTO late VALUES (1)")
        process = site.start("restore_database", "latest", "--yes")
        time.sleep(seconds * (0.35 + 0.65 * part / 6 + random.random() / 20))  # noqa: S311
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Its psql ends with it, or soon.
        wait_until(
            lambda: "_restoring" not in site.ask("SELECT datname FROM pg_stat_activity", site.server),
            20,
            "the end of what was killed",
        )
        assert site.ask("SELECT count(*) FROM bulk") == "50000"
        outcomes.add(site.ask("SELECT count(*) FROM late"))
        site.run("read_only", "off")
        site.ask("INSERT INTO late VALUES (2)")
    print(f"rows that came after the backup, when it was killed: {outcomes}")
    assert "1" in outcomes
    site.run("restore_database", "latest", "--yes")
    assert site.ask("SELECT count(*) FROM late") == "0"
    assert f"{site.name}_restoring" not in site.databases()
