"""PostgreSQL's own programs, which are given the way to the database in their environment.

A command line is everybody's to read, an environment is not.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from django.db import connection
from psycopg.pq import Conninfo

from ops.backups.files import BackupError

# What sessions of backups are called; the read-only mode leaves them alone.
APPLICATION_NAME = "backup"
# Seconds; a server that has just made a database, or dropped one, may be busy writing.
CONNECT_TIMEOUT = 30
# What becomes of a process that the kernel ends, which has no last words.
KILLED_BY_SYSTEM = "was killed, usually because memory ran out. See docs/runbooks/back-up.md."


def require_postgresql() -> None:
    """Raise BackupError unless the database is a PostgreSQL; wait for it longer, from now on, than a visitor may."""
    if connection.vendor != "postgresql":
        raise BackupError(
            "Backups need PostgreSQL, and DATABASE_URL names another database. Copy db.sqlite3 to back it up."
        )
    connection.settings_dict["OPTIONS"] |= {"connect_timeout": CONNECT_TIMEOUT}


def parameters() -> dict[str, str]:
    """Return what libpq needs to know to reach the database, by its own keywords, from Django's settings."""
    keywords = {option.keyword.decode() for option in Conninfo.get_defaults()}
    given = connection.get_connection_params()
    known = {name: str(value) for name, value in given.items() if name in keywords and value is not None}
    return known | {"application_name": APPLICATION_NAME}


def environment(database: str) -> dict[str, str]:
    """Return the environment in which libpq's programs reach a database of the same server."""
    variables = {option.keyword.decode(): option.envvar for option in Conninfo.get_defaults()}
    given = parameters() | {"dbname": database}
    ours = {envvar.decode(): given[name] for name, envvar in variables.items() if envvar and name in given}
    return os.environ | ours


def find_program(name: str) -> str:
    """Return the path of a program of PostgreSQL's; raise BackupError when it is not there."""
    path = shutil.which(name)
    if path is None:
        raise BackupError(f"{name} is missing. Install PostgreSQL's client (on Debian the package postgresql-client).")
    return path


def require_restrictable_psql() -> None:
    """Raise BackupError unless psql can be restricted, so that a script runs no shell command after ``\\!``."""
    command = [find_program("psql"), "--help=commands"]
    if "\\restrict" not in subprocess.run(command, check=True, capture_output=True, text=True).stdout:  # noqa: S603
        raise BackupError(
            "psql has no restricted mode, so a backup could run shell commands. Update PostgreSQL's client to 15.14, "
            "16.10, 17.6, 18.0 or newer."
        )


class Program:
    """A program that runs, whose messages are kept; leaving the block waits for it, or ends it after an error."""

    def __init__(self, name: str, *arguments: str | Path, database: str, **streams: Any) -> None:
        """Start it; ``streams`` are stdin and stdout, as subprocess.Popen takes them."""
        self.name = name
        # Not a pipe, which nobody would read while it fills.
        self.messages: IO[bytes] = TemporaryFile()  # noqa: SIM115 - closed in __exit__
        command = [find_program(name), *arguments]
        streams |= {"env": environment(database), "stderr": self.messages}
        self.process = subprocess.Popen(command, **streams)  # noqa: S603

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Raise BackupError with its last words when it has failed, or when it did not take what it was given."""
        with self.messages:
            if kind is not None and not issubclass(kind, BrokenPipeError):
                # Before its input ends, which psql would take for the end of what it has to do.
                self.process.terminate()
            self._close()
            status = self.process.wait()
            if (kind is None and status != 0) or (kind is not None and issubclass(kind, BrokenPipeError)):
                raise BackupError(f"{self.name} failed: {self.last_words(status)}") from None

    def _close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                try:
                    stream.close()
                except BrokenPipeError:
                    # It has ended before it had read everything; its status tells.
                    continue

    def warnings(self) -> list[str]:
        """Return the warnings that it has printed."""
        self.messages.seek(0)
        lines = self.messages.read().decode(errors="replace").splitlines()
        return [line.partition("WARNING:")[2].strip() for line in lines if "WARNING:" in line]

    def last_words(self, status: int) -> str:
        """Return what it has said last, on one line. Args: ``status``, with which it has ended."""
        if status == -signal.SIGKILL:
            return f"it {KILLED_BY_SYSTEM}"
        self.messages.seek(0)
        lines = [line.strip() for line in self.messages.read().decode(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if re.search("error:|fatal:", line, re.IGNORECASE)]
        return "; ".join(errors or lines)[-1000:].rstrip(".") + "." if lines else "it gave no reason."
