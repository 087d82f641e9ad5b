"""A restore, backup or drill is killed at each of its steps: a whole database is in service, and the next run works.

What is killed is the command, the program of PostgreSQL that it runs, or the server.
"""

import contextlib
import os
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from ops.backups import create, databases, media, programs, restore, status
from ops.backups.files import Backup, existing
from ops.backups.restore import REASON
from ops.read_only_state import read_only_state
from tests.ops.backups.conftest import Server, wait_for
from tests.ops.backups.test_restore import OWNER, Run, give_checksum, state, wait_until

pytestmark = pytest.mark.servers

# The function before which a command stops, and which of its calls it is.
STEPS: dict[str, tuple[Any, str, int]] = {
    "read-only": (restore, "replace_contents", 0),
    "created": (restore, "fill", 0),
    "loaded": (programs.Program, "warnings", 0),
    "migrating": (databases, "migrate", 0),
    "missing media": (media, "_save", 0),
    "swapping": (databases, "swap", 0),
    "dumping": (create, "create_private", 0),
    "changed media": (media, "put_back_others", 0),
    "half of the changed media": (media, "_save", 1),
    "named": (create, "finish", 0),
}
# Steps at which PostgreSQL waits for an advisory lock, by its number: the archive has statements that take it.
LOCKS = {"loading": 1, "committing": 2}
FIRST, LAST = b"COPY app.parent ", b"-- PostgreSQL database dump complete"
# A deferred trigger waits within COMMIT itself.
AT_COMMIT = b"""
CREATE TEMPORARY TABLE stop ();
CREATE FUNCTION pg_temp.stop() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN PERFORM pg_catalog.pg_advisory_lock(2); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER stop AFTER INSERT ON pg_temp.stop DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION pg_temp.stop();
INSERT INTO pg_temp.stop DEFAULT VALUES;
"""
CONTENT = {"a.txt": b"as it was", "b.txt": b"as it was"}
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'backup'"
BLOCKED = "SELECT pid FROM pg_locks WHERE locktype IN ('advisory', 'object', 'relation') AND NOT granted"


State = tuple[str, list[Any]]


@dataclass
class Prepared:
    """A database of all kinds of objects that has changed since it was backed up."""

    # With the backup.
    folder: Path
    # What pg_dump tells of it, as it was and as it is.
    restored: State
    former: State


@pytest.fixture(scope="module")
def known() -> dict[str, Prepared]:
    """What is prepared already, by the attribute of the role: it is the same for each test."""
    return {}


@pytest.fixture
def prepare(
    database: Server, run: Run, known: dict[str, Prepared], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Prepared]:
    """Fill the database as a role with an attribute, back it up, and change it."""

    def prepare_as(role: str) -> Prepared:
        database.run(f"ALTER ROLE app {role}")
        connection.close()
        database.run_each(OWNER, "app", "app")
        for name, content in CONTENT.items():
            default_storage.save(name, ContentFile(content))
        folder: Path = project_settings.BACKUPS_DIR
        if role in known:
            shutil.copytree(known[role].folder, folder)
            change_all(database)
            return known[role]
        run("backup_database", "--compression", "none")
        stop_at_locks(existing()[0])
        restored = whole(database)
        change_all(database)
        kept = shutil.copytree(folder, tmp_path_factory.mktemp("prepared") / "backups")
        known[role] = Prepared(kept, restored, whole(database))
        return known[role]

    return prepare_as


def stop_at_locks(backup: Backup) -> None:
    """Have PostgreSQL wait, when it restores a backup, for the locks that another session holds."""
    text = backup.path.read_bytes()
    assert text.count(FIRST) == text.count(LAST) == 1
    text = text.replace(FIRST, b"SELECT pg_catalog.pg_advisory_lock(1);\n" + FIRST)
    backup.path.write_bytes(text.replace(LAST, AT_COMMIT + LAST))
    give_checksum(backup.path)


def change_all(database: Server) -> None:
    """Change the database and the uploaded files after their backup."""
    with database.connect("app", "app") as owner:
        owner.execute("INSERT INTO app.parent (name) VALUES ('late')")
        # PostgreSQL logs the next values of a sequence in advance, which are left out after a crash.
        owner.execute("SELECT setval('app.parent_n_seq', 9)")
        owner.execute("CREATE TYPE app.late AS (n int)")
    for name in CONTENT:
        default_storage.delete(name)
    default_storage.save("b.txt", ContentFile(b"as it is"))


@pytest.fixture
def others(database: Server) -> Iterator[None]:
    """Another role, which has privileges."""
    database.run("CREATE ROLE reporting LOGIN")
    yield
    wait_for(database)
    connection.close()
    database.run("ALTER ROLE app CREATEDB")
    for name in database.databases():
        database.run(f"DROP DATABASE {name} WITH (FORCE)")
    database.run("DROP ROLE reporting")


class Command:
    """A command in a process of its own, which stops before a function."""

    def __init__(self, arguments: list[str], step: tuple[Any, str, int], said: Path) -> None:
        """Start it, and return when it has stopped. Args: ``said``, the file that takes what it prints."""
        self.said = said
        connection.close()
        self.ours, theirs = socket.socketpair()
        self.ours.settimeout(120)
        # A fork has Django loaded already.
        self.process = ForkProcess(target=self._run, args=(arguments, step, theirs))
        self.process.start()
        theirs.close()
        assert self.ours.recv(1), self.end()

    def _run(self, arguments: list[str], step: tuple[Any, str, int], theirs: socket.socket) -> None:
        self.ours.close()
        owner, name, call = step
        function, calls = getattr(owner, name), count()

        def stop(*args: Any, **options: Any) -> Any:
            if next(calls) == call:
                theirs.send(b".")
                theirs.recv(1)
            return function(*args, **options)

        setattr(owner, name, stop)
        with self.said.open("w", buffering=1) as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                call_command(*arguments)
            except CommandError as error:
                print(f"CommandError: {error}")
                sys.exit(1)
            except Exception:
                traceback.print_exc()
                raise

    def go_on(self) -> None:
        """Let it call the function."""
        self.ours.send(b".")

    def child(self) -> int:
        """Return the process ID of the program that it runs."""
        pid = self.process.pid
        [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(child)

    def end(self) -> str:
        """Return what it has said when it has ended."""
        self.ours.close()
        self.process.join(120)
        assert self.process.exitcode is not None
        return self.said.read_text()


@contextlib.contextmanager
def held(database: Server, name: str, statements: str) -> Iterator[None]:
    """Hold what statements lock in a database within the block, or until the server ends."""
    holding = database.connect(name, "app")
    holding.execute(statements)
    try:
        yield
    finally:
        holding.close()


@contextlib.contextmanager
def stopped(database: Server, arguments: list[str], step: str, filled: str, said: Path) -> Iterator[Command]:
    """Start a command, and stop it at a step until the end of the block."""
    command = Command(arguments, STEPS["created" if step in LOCKS else step], said)
    try:
        with contextlib.ExitStack() as stack:
            if step in LOCKS:
                stack.enter_context(held(database, filled, f"SELECT pg_advisory_lock({LOCKS[step]})"))
            elif step == "swapping":
                stack.enter_context(held(database, "postgres", f"BEGIN; COMMENT ON DATABASE {filled} IS 'held'"))
            elif step == "dumping":
                stack.enter_context(held(database, "app", "BEGIN; LOCK TABLE app.parent"))
            if step in {*LOCKS, "swapping", "dumping"}:
                # It goes on, to where PostgreSQL waits.
                command.go_on()
                with database.connect() as session:
                    wait_until(lambda: session.execute(BLOCKED).fetchall())
            yield command
    except BaseException:
        command.process.kill()
        raise


def require_same(found: State, expected: State) -> None:
    """Fail, and show the lines that differ, unless two states of a database are the same."""
    assert set(found[0].splitlines()) ^ set(expected[0].splitlines()) == set()
    assert found == expected


def whole(database: Server) -> State:
    """Return what is in the database in service, and its properties but for read-only mode, after a command's end."""
    wait_for(database)
    wait_until(lambda: not database.run(SESSIONS))
    dump, [[*properties, settings]] = state(database)
    return dump, [(*properties, [text.replace(",default_transaction_read_only=on", "") for text in settings])]


def may_reconnect(victim: str, step: str) -> bool:
    """Return whether a command that has nothing under way in PostgreSQL may not notice its crash."""
    return victim == "server" and step not in {*LOCKS, "swapping", "dumping"}


def kill(victim: str, command: Command, database: Server, step: str) -> None:
    """Kill the command, the program that it runs, or a process of the server, which then begins anew."""
    if victim == "command":
        command.process.kill()
    elif victim == "program":
        os.kill(command.child(), signal.SIGKILL)
    else:
        with database.connect("app" if step != "swapping" else "postgres", "app") as session:
            # A crash leaves it behind.
            session.execute("BEGIN READ WRITE; CREATE TEMPORARY TABLE temporary (); COMMIT")
            pid = session.info.backend_pid
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not Path(f"/proc/{pid}").exists())


RESTORES = [
    ("beside", "created", "command", "former"),
    ("beside", "created", "server", "former"),
    ("beside", "loading", "command", "former"),
    ("beside", "loading", "program", "former"),
    ("beside", "migrating", "server", "former"),
    ("beside", "missing media", "command", "former"),
    ("beside", "swapping", "command", "former"),
    ("beside", "swapping", "server", "former"),
    ("beside", "changed media", "command", "restored"),
    ("beside", "half of the changed media", "command", "restored"),
    ("in place", "read-only", "server", "former"),
    ("in place", "loading", "program", "former"),
    ("in place", "loading", "server", "former"),
    ("in place", "committing", "command", "restored"),
    ("in place", "committing", "program", "restored"),
    ("in place", "committing", "server", "former"),
    ("in place", "loaded", "command", "restored"),
    ("in place", "loaded", "server", "restored"),
    ("in place", "migrating", "command", "restored"),
]


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(("way", "step", "victim", "expected"), RESTORES)
def test_killed_restore_leaves_a_whole_database(
    database: Server,
    prepare: Callable[[str], Prepared],
    run: Run,
    tmp_path: Path,
    way: str,
    step: str,
    victim: str,
    expected: str,
) -> None:
    prepared = prepare("CREATEDB" if way == "beside" else "NOCREATEDB")
    [backup] = existing()
    arguments = ["restore_database", "latest", "--yes", "--migrate"]
    with stopped(
        database, arguments, step, "app_restoring" if way == "beside" else "app", tmp_path / "said"
    ) as command:
        kill(victim, command, database, step)
    said = command.end()
    if has_reconnected := may_reconnect(victim, step) and command.process.exitcode == 0:
        expected = "restored"
    require_same(whole(database), getattr(prepared, expected))
    is_on = read_only_state()
    if victim == "command":
        assert command.process.exitcode == -signal.SIGKILL
        assert is_on is None or is_on.reason.endswith(REASON)
    elif not has_reconnected:
        assert command.process.exitcode == 1, said
        assert "Traceback" not in said
        if step == "committing":
            assert "whether the database app was restored is not known. " in said
            assert f"Restore it again: restore_database {backup.path}" in said
        else:
            serves = "The database app is unchanged and" if expected == "former" else f"{backup.path.name} is"
            assert f"{serves} in service." in said
    if victim != "command":
        assert is_on is None

    if victim != "command":
        # A restore in place that has ended has created a newer backup.
        arguments[1] = backup.path.name
    said = run(*arguments)
    assert ("An interrupted restore has left the site read-only." in said) == (is_on is not None)
    require_same(whole(database), prepared.restored)
    assert {name: default_storage.open(name).read() for name in CONTENT} == CONTENT
    assert "app_restoring" not in database.databases()
    assert read_only_state() is None
    database.run("CREATE TABLE app.written ()", "app", "app")


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("name", "step", "victim"),
    [
        ("backup_database", "dumping", "server"),
        ("backup_database", "named", "command"),
        ("verify_backup", "loading", "server"),
        ("verify_backup", "migrating", "command"),
    ],
)
def test_killed_backup_or_drill_leaves_the_database_as_it_was(
    database: Server, prepare: Callable[[str], Prepared], run: Run, tmp_path: Path, name: str, step: str, victim: str
) -> None:
    prepared = prepare("CREATEDB")
    [before] = existing()
    arguments = [name, *(["latest"] if name == "verify_backup" else [])]
    with stopped(database, arguments, step, "app_drill", tmp_path / "said") as command:
        kill(victim, command, database, step)
    said = command.end()
    assert command.process.exitcode == (-signal.SIGKILL if victim == "command" else 1), said
    assert "Traceback" not in said
    require_same(whole(database), prepared.former)
    assert existing() == [before]
    assert before.verified() is None
    assert (status.failure() is not None) == (name == "backup_database")

    said = run(*arguments)
    require_same(whole(database), prepared.former)
    assert database.databases() == {"app"}
    if name == "backup_database":
        assert status.failure() is None
        assert len(existing()) == 2
        run("verify_backup", "latest")
    assert existing()[0].verified()
    assert not list(before.path.parent.glob("*.partial"))
