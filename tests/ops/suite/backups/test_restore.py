"""Restoring on a real PostgreSQL: what was backed up is there again, and until then what was there before."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as project_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from pytest_django import Settings

from apps.users.models import User
from ops.backups import archive, databases, files
from ops.backups.files import ENDINGS, Backup, existing
from ops.backups.preflight import check_restore
from ops.backups.restore import REASON
from ops.contracts import Severity, Target
from ops.read_only_state import read_only_state
from tests.ops.backups.conftest import PASSWORD, Server, django_with

pytestmark = pytest.mark.servers
Run = Callable[..., str]


@pytest.fixture
def backup(database: Server, run: Run) -> Backup:
    """A backup with one account, after which another was made."""
    default_storage.save("a.txt", ContentFile(b"as it was"))
    default_storage.save("b.txt", ContentFile(b"as it was"))
    run("backup_database", "--compression", "pgcustom")
    User.objects.create_user("late@example.com", "correct horse battery")
    return existing()[0]


def emails() -> set[str]:
    """Return the accounts that there are."""
    return set(User.objects.values_list("email", flat=True))


BOTH = {"ann@example.com", "late@example.com"}


@pytest.mark.parametrize("compression", ENDINGS)
def test_what_was_backed_up_is_there_again_and_what_was_there_is_kept(
    database: Server, run: Run, compression: str
) -> None:
    run("backup_database", "--compression", compression)
    User.objects.create_user("late@example.com", "correct horse battery")
    said = run("restore_database", "latest", "--yes")
    assert emails() == {"ann@example.com"}
    former = (database.databases() - {"app"}).pop()
    assert database.run("SELECT count(*) FROM users_user", former) == [(2,)]
    assert f"Drop it with: retained_databases --drop {former}\n" in said
    assert read_only_state() is None
    # Identity columns go on where they were.
    assert User.objects.create_user("next@example.com", "correct horse battery").pk == 2
    assert run("retained_databases").startswith(former)
    run("retained_databases", "--swap-back", former)
    assert emails() == BOTH
    User.objects.all().delete()
    [former] = database.databases() - {"app"}
    run("retained_databases", "--drop", former)
    assert database.databases() == {"app"}
    with pytest.raises(CommandError, match=f"No retained database is called {former}. List them with: "):
        run("retained_databases", "--drop", former)


def test_former_databases_still_swaps_back_and_names_its_successor(
    run: Run, backup: Backup, capsys: pytest.CaptureFixture[str]
) -> None:
    run("restore_database", "latest", "--yes")
    assert emails() == {"ann@example.com"}
    replaced = run("retained_databases").split()[0]
    capsys.readouterr()
    call_command("former_databases", "--bring-back", replaced)
    assert "former_databases is deprecated. Use retained_databases" in capsys.readouterr().err
    assert emails() == BOTH


def test_the_new_database_is_made_and_set_as_the_former(database: Server, run: Run, backup: Backup) -> None:
    database.run("ALTER DATABASE app SET statement_timeout TO '4321ms'")
    database.run('ALTER DATABASE app SET search_path TO "a, ""b""", public, "$user"')
    database.run("ALTER DATABASE app SET temp_tablespaces TO ''")
    set_to = "SELECT setconfig FROM pg_db_role_setting, pg_database AS d WHERE d.oid = setdatabase AND datname = 'app'"
    settings = database.run(set_to)
    form = "SELECT encoding, datlocprovider, datcollate, datctype, datdba FROM pg_database WHERE datname = 'app'"
    before = database.run(form)
    run("restore_database", "latest", "--yes")
    assert database.run(form) == before
    assert database.run(set_to) == settings
    assert emails() == {"ann@example.com"}


@pytest.mark.parametrize("way", ["beside", "in place"])
def test_a_database_in_which_django_finds_no_table_does_not_go_into_service(
    database: Server, run: Run, way: str
) -> None:
    """Nothing of it is in the archive: the tables are in a schema that is on the path of the former server alone."""
    database.run("CREATE SCHEMA site AUTHORIZATION app", "app")
    for [table] in database.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", "app"):
        database.run(f'ALTER TABLE public."{table}" SET SCHEMA site', "app")
    database.run("ALTER DATABASE app SET search_path TO site, public")
    connection.close()
    run("backup_database", "--no-media")
    assert "rows of site.users_user" in run("verify_backup", "latest")
    database.run("ALTER DATABASE app RESET search_path")
    database.run("ALTER DATABASE app SET search_path TO public")
    connection.close()
    database.run("CREATE TABLE marker ()", "app", "app")
    database.run(f"ALTER ROLE app {'CREATEDB' if way == 'beside' else 'NOCREATEDB'}")
    try:
        with pytest.raises(CommandError, match=r"Django does not find the table .* is unchanged and in service"):
            run("restore_database", "latest", "--yes", "--allow-unknown-migrations")
    finally:
        database.run("ALTER ROLE app CREATEDB")
    assert database.run("SELECT to_regclass('public.marker')::text", "app") == [("marker",)]


@pytest.mark.parametrize("way", ["lock file", "variable"])
def test_what_was_read_only_before_stays_so_and_nothing_else_does(
    database: Server, run: Run, backup: Backup, settings: Settings, way: str
) -> None:
    if way == "lock file":
        run("read_only", "on", "--reason", "Moving")
    settings.READ_ONLY_MODE = way == "variable"
    run("restore_database", "latest", "--yes")
    assert read_only_state() is not None
    expected = "on" if way == "lock file" else "off"
    assert database.run("SHOW transaction_read_only", "app", "app") == [(expected,)]
    settings.READ_ONLY_MODE = False
    run("read_only", "off")
    assert database.run("SHOW transaction_read_only", "app", "app") == [("off",)]
    assert emails() == {"ann@example.com"}


def test_uploaded_files_come_back_and_none_is_lost(database: Server, run: Run, backup: Backup) -> None:
    default_storage.delete("a.txt")
    default_storage.delete("b.txt")
    default_storage.save("b.txt", ContentFile(b"as it is"))
    default_storage.save("c.txt", ContentFile(b"new"))
    run("restore_database", backup.path.name, "--yes")
    content = {name: default_storage.open(name).read() for name in ("a.txt", "b.txt", "c.txt")}
    assert content == {"a.txt": b"as it was", "b.txt": b"as it was", "c.txt": b"new"}
    [aside] = project_settings.BACKUPS_DIR.glob("replaced_*/b.txt")
    assert aside.read_bytes() == b"as it is"


def test_nothing_happens_without_a_yes(
    database: Server, run: Run, backup: Backup, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "answer").write_text("y\n")
    with (tmp_path / "answer").open() as answer:
        monkeypatch.setattr(sys, "stdin", answer)
        with pytest.raises(CommandError, match=r'Nothing was changed\. To restore, type "yes" or add --yes'):
            run("restore_database", "latest")
    assert emails() == BOTH


def cut(path: Path) -> None:
    """Take the end from a file, as small as that may be."""
    os.truncate(path, path.stat().st_size - 20)


def give_checksum(path: Path) -> None:
    """Write the checksum that a file has now, and sign it as the site does."""
    with path.open("rb") as file:
        checksum = files.digest(file)
    signature = files.sign(path.name, checksum, files.signing_keys()[0])
    files.checksum_of(path).write_text(f"{checksum}  {path.name}\n# hmac-sha256 {signature}\n")


@pytest.mark.parametrize("compression", ENDINGS)
@pytest.mark.parametrize("has_checksum", [True, False], ids=["checksum right", "checksum wrong"])
def test_a_backup_that_is_not_whole_is_refused(
    database: Server, run: Run, compression: str, has_checksum: bool
) -> None:
    run("backup_database", "--compression", compression)
    [backup] = existing()
    cut(backup.path)
    if has_checksum:
        give_checksum(backup.path)
    for command in (["restore_database", "latest", "--yes"], ["verify_backup", "latest"]):
        with pytest.raises(CommandError, match=r"damaged|its end is missing|checksum mismatch|pg_restore failed"):
            run(*command)
    assert database.databases() == {"app"}
    assert emails() == {"ann@example.com"}


def test_uploaded_files_that_are_not_whole_are_refused(database: Server, run: Run, backup: Backup) -> None:
    backup.media.write_bytes(b"x" * 10)
    with pytest.raises(CommandError, match="checksum mismatch"):
        run("restore_database", "latest", "--yes")
    assert emails() == BOTH


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("backup_20200101_000000.sql.gz", "File not found: .*. List the backups with: list_backups"),
        ("dump.sql", "dump.sql is not a name of a backup"),
        ("backup_20200101_000000.sql.gz.age", "is encrypted. Decrypt it first: age --decrypt"),
    ],
)
def test_what_is_no_backup_is_refused(database: Server, run: Run, name: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run("restore_database", name, "--yes")


def test_a_checksum_that_is_missing_is_asked_for(database: Server, run: Run, backup: Backup) -> None:
    files.checksum_of(backup.path).unlink()
    with pytest.raises(CommandError, match=r"the checksum backup_\S+\.sha256 is missing\. Copy"):
        run("restore_database", "latest", "--yes")


def change(run: Run, old: bytes, new: bytes) -> Backup:
    """Make a backup, and change a text in it as another server or release would have written it."""
    run("backup_database", "--compression", "none", "--no-media")
    backup = existing()[0]
    text = backup.path.read_bytes()
    assert old in text
    backup.path.write_bytes(text.replace(old, new))
    give_checksum(backup.path)
    return backup


def test_a_newer_postgresql_is_refused(database: Server, run: Run) -> None:
    change(run, b"-- Dumped from database version ", b"-- Dumped from database version 9")
    with pytest.raises(
        CommandError, match=r"is from PostgreSQL 9\d+, and this server is PostgreSQL \d\d\. Restore it on"
    ):
        run("restore_database", "latest", "--yes")
    assert database.databases() == {"app"}


def test_migrations_of_another_code_are_refused_unless_they_are_allowed(database: Server, run: Run) -> None:
    change(run, b"users\t0001_initial", b"users\t0999_future")
    with pytest.raises(CommandError, match=r"has unknown migrations: users.0999_future"):
        run("restore_database", "latest", "--yes")
    assert database.databases() == {"app"}
    said = run("restore_database", "latest", "--yes", "--allow-unknown-migrations")
    assert "It lacks 1 migrations of this code. Apply them with: migrate" in said


def test_migrations_that_are_missing_are_applied_if_asked_for(database: Server, run: Run) -> None:
    database.run("DELETE FROM django_migrations WHERE app = 'sessions'; DROP TABLE django_session", "app", "app")
    run("backup_database", "--no-media")
    assert "It lacks 1 migrations" in run("restore_database", "latest", "--yes")
    assert "It lacks" not in run("restore_database", "latest", "--yes", "--migrate")
    assert database.run("SELECT count(*) FROM django_session", "app") == [(0,)]


def test_a_backup_that_postgresql_does_not_take_leaves_the_former_in_service(database: Server, run: Run) -> None:
    change(run, b"-- PostgreSQL database dump complete", b"SELECT 1/0;\n-- PostgreSQL database dump complete")
    with pytest.raises(CommandError, match=r"psql failed: .*division by zero.* The database app is unchanged and in"):
        run("restore_database", "latest", "--yes")
    assert database.databases() == {"app"}
    assert read_only_state() is None
    User.objects.create_user("late@example.com", "correct horse battery")


@pytest.mark.parametrize("role", ["CREATEDB", "NOCREATEDB"])
@pytest.mark.parametrize(
    "command", ["\\! touch {}", "SELECT 1 \\g |touch {}", "\\copy (SELECT 1) TO PROGRAM 'touch {}'"]
)
def test_a_command_of_psql_in_a_backup_is_not_run(
    database: Server, run: Run, tmp_path: Path, command: str, role: str
) -> None:
    """A person with write access to the backups can also write their checksums."""
    line = command.format(tmp_path / "run").encode()
    change(run, b"-- PostgreSQL database dump\n", line + b"\n-- PostgreSQL database dump\n")
    commands = [["restore_database", "latest", "--yes"]]
    commands += [["verify_backup", "latest"]] if role == "CREATEDB" else []
    database.run(f"ALTER ROLE app {role}")
    try:
        for arguments in commands:
            with pytest.raises(CommandError, match="backslash commands are restricted"):
                run(*arguments)
    finally:
        database.run("ALTER ROLE app CREATEDB")
    assert not (tmp_path / "run").exists()
    assert emails() == {"ann@example.com"}


def test_a_psql_without_a_restricted_mode_is_refused(
    database: Server, run: Run, backup: Backup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tmp_path / "psql"
    former.write_text(f'#!/bin/sh\n"{shutil.which("psql")}" "$@" | grep -v restrict\n')
    former.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(CommandError, match=r"psql has no restricted mode, .* Update PostgreSQL's client to 15\.14"):
        run("restore_database", "latest", "--yes")
    assert emails() == BOTH


def test_rows_that_are_missing_after_all_are_noticed(
    database: Server, run: Run, backup: Backup, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = archive.read

    def read_one_more(*arguments: Any) -> Any:
        contents = read(*arguments)
        contents.rows["public.users_user"] += 1
        return contents

    monkeypatch.setattr(archive, "read", read_one_more)
    with pytest.raises(CommandError, match=r"public.users_user has 1 rows instead of 2"):
        run("restore_database", "latest", "--yes")
    assert emails() == BOTH


def test_sessions_are_ended_and_come_back(database: Server, run: Run, backup: Backup) -> None:
    """One of the application that waits, one in the midst of a transaction, and those that keep coming."""
    idle = database.connect("app", "app")
    busy = database.connect("app", "app")
    busy.execute("BEGIN; SELECT 1")
    is_over = threading.Event()
    asked, failed = [], []

    def ask() -> None:
        while not is_over.is_set():
            try:
                asked.append(database.run("SELECT count(*) FROM users_user", "app", "app")[0][0])
            except psycopg.OperationalError as error:
                failed.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        run("restore_database", "latest", "--yes")
    finally:
        time.sleep(0.2)
        is_over.set()
        asking.join()
    for session in (idle, busy):
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
        session.close()
    assert asked[0] == 2
    assert asked[-1] == 1
    # Those that came in the very moment may have to come again.
    assert len(failed) < 10


def test_somebody_elses_session_is_told_and_nothing_changed(database: Server, run: Run, backup: Backup) -> None:
    with (
        database.connect("app"),
        pytest.raises(CommandError, match="The database app has sessions that this role may not end"),
    ):
        run("restore_database", "latest", "--yes")
    assert database.databases() == {"app"}
    assert emails() == BOTH


def test_a_role_that_may_not_create_databases_restores_in_one_transaction(
    database: Server, run: Run, backup: Backup
) -> None:
    database.run("ALTER ROLE app NOCREATEDB")
    try:
        database.run("CREATE TABLE later (n int REFERENCES users_user); CREATE TYPE mood AS ENUM ('a')", "app", "app")
        database.run("CREATE VIEW seen AS SELECT 1; CREATE SCHEMA more; CREATE TABLE more.t (n int)", "app", "app")
        database.run("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'", "app", "app")
        said = run("restore_database", backup.path.name, "--yes")
        assert ": its role may not create databases. Its contents are replaced in one transaction" in said
        assert database.databases() == {"app"}
        assert emails() == {"ann@example.com"}
        assert database.run("SELECT to_regclass('later'), to_regclass('seen'), to_regtype('mood')", "app") == [
            (None,) * 3
        ]
        # What was there is in a backup, with which it comes back.
        assert len(existing()) == 2
        run("restore_database", "latest", "--yes")
        assert emails() == BOTH
        assert database.run("SELECT one()", "app") == [(1,)]
        with pytest.raises(CommandError, match="The drill cannot create a database: its role may not create"):
            run("verify_backup", "latest")
    finally:
        database.run("ALTER ROLE app CREATEDB")


def test_a_role_that_does_not_own_the_database_restores_in_one_transaction_too(
    database: Server, run: Run, backup: Backup
) -> None:
    """As with a provider, who made the database: only the site keeps from writing, for it cannot be told to refuse."""
    database.run("ALTER DATABASE app OWNER TO postgres")
    database.run("GRANT CREATE ON SCHEMA public TO app", "app")
    said = run("restore_database", backup.path.name, "--yes")
    assert ": its role does not own the database. Its contents are replaced" in said
    assert "Only the site keeps from writing; the database will not refuse it, for another role owns it." in said
    assert emails() == {"ann@example.com"}
    assert read_only_state() is None
    run("read_only", "on")
    assert run("read_only", "status").endswith("Database refuses to write: no\n")
    database.run("CREATE TABLE written (n int)", "app", "app")
    assert run("read_only", "off") == "Read-only mode is off.\n"


def test_a_failure_in_one_transaction_leaves_everything_as_it_was(database: Server, run: Run) -> None:
    database.run("ALTER ROLE app NOCREATEDB")
    try:
        change(run, b"-- PostgreSQL database dump complete", b"SELECT 1/0;\n-- PostgreSQL database dump complete")
        with pytest.raises(CommandError, match="division by zero"):
            run("restore_database", "latest", "--yes")
        assert emails() == {"ann@example.com"}
    finally:
        database.run("ALTER ROLE app CREATEDB")


def start_restore(database: Server, folder: Path) -> "subprocess.Popen[str]":
    """Start the restore of the newest backup in a process of its own."""
    places = {"BACKUPS_DIR": str(folder / "backups"), "MEDIA_ROOT": str(folder / "media")}
    places["READ_ONLY_LOCK_FILE"] = str(folder / ".read-only.lock")
    connection.close()
    return subprocess.Popen(
        [sys.executable, "manage.py", "restore_database", "latest", "--yes"],
        cwd=project_settings.BASE_DIR,
        env=database.environment() | places,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], object]) -> None:
    """Return as soon as a condition is true; fail when it is not within a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def may_not_create_databases(database: Server) -> Iterator[None]:
    """The role of the database must restore in place."""
    database.run("ALTER ROLE app NOCREATEDB")
    yield
    database.run("ALTER ROLE app CREATEDB")


# What administrators and developers make of a database beside Django's tables: as an administrator, then as the owner.
ADMINISTRATOR = """
    CREATE EXTENSION pg_stat_statements; CREATE PUBLICATION everything FOR ALL TABLES;
    ALTER DATABASE app SET log_min_duration_statement TO '4321ms';
    ALTER ROLE reporting IN DATABASE app SET work_mem TO '5MB'
"""
OWNER = """
    ALTER DATABASE app SET search_path TO app, public; CREATE SCHEMA app;
    REVOKE CONNECT ON DATABASE app FROM PUBLIC; GRANT CONNECT ON DATABASE app TO reporting;
    ALTER DATABASE app CONNECTION LIMIT 77; COMMENT ON DATABASE app IS 'it''s "ours"';
    CREATE EXTENSION citext SCHEMA app;
    CREATE COLLATION app.by_number (provider = icu, locale = 'und-u-kn');
    CREATE TYPE app.pair AS (a int, b text COLLATE app.by_number); CREATE DOMAIN app.few AS int CHECK (VALUE < 9);
    CREATE TEXT SEARCH DICTIONARY app.plain (TEMPLATE = simple);
    CREATE TEXT SEARCH CONFIGURATION app.words (COPY = simple);
    ALTER TEXT SEARCH CONFIGURATION app.words ALTER MAPPING FOR word WITH app.plain;
    CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE AGGREGATE app.total (int) (SFUNC = int4pl, STYPE = int);
    CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
    CREATE TABLE app.parent (n serial, name app.citext, two app.pair); CREATE TABLE app.child () INHERITS (app.parent);
    INSERT INTO app.parent (name, two) VALUES ('A', (1, 'x')); INSERT INTO app.child (name) VALUES ('B');
    CREATE TABLE app.parts (n int) PARTITION BY RANGE (n); INSERT INTO app.parent (name) VALUES (E'C\\t\\\\.');
    CREATE TABLE app.part PARTITION OF app.parts FOR VALUES FROM (0) TO (9); INSERT INTO app.parts VALUES (3);
    CREATE STATISTICS app.together ON n, name FROM app.parent; CREATE VIEW app.seen AS SELECT app.one();
    CREATE MATERIALIZED VIEW app.kept AS SELECT n FROM app.parent;
    CREATE PUBLICATION one_table FOR TABLE app.parent;
    SELECT lo_from_bytea(4321, 'large'); GRANT SELECT ON LARGE OBJECT 4321 TO reporting;
    GRANT USAGE ON SCHEMA app TO reporting; GRANT SELECT ON app.parent TO reporting WITH GRANT OPTION;
    GRANT SELECT (n) ON app.child TO reporting; REVOKE EXECUTE ON FUNCTION app.one() FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO reporting;
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    CREATE TABLE app.granted_by_default (n int); CREATE TABLE app.secret (n int);
    REVOKE ALL ON app.secret FROM reporting
"""
PROPERTIES = """
    SELECT datdba::regrole, datconnlimit, shobj_description(oid, 'pg_database'),
        ARRAY(SELECT a::text FROM unnest(datacl) AS a ORDER BY a::text),
        ARRAY(SELECT (setrole, setconfig)::text FROM pg_db_role_setting WHERE setdatabase = d.oid ORDER BY setrole)
    FROM pg_database AS d WHERE datname = 'app'
"""


def state(database: Server) -> tuple[str, list[Any]]:
    """Return everything that is in the database, as pg_dump tells it, and its own properties."""
    dump = ["pg_dump", "--host", "127.0.0.1", "--port", str(database.port), "--user", "postgres", "--no-owner", "app"]
    environment = os.environ | {"PGPASSWORD": PASSWORD}
    text = subprocess.run(dump, check=True, capture_output=True, text=True, env=environment).stdout
    # The key of the restricted mode is random, and the order of rows may differ.
    lines = sorted(line for line in text.splitlines() if not re.match(r"\\(un)?restrict ", line))
    return "\n".join(lines), database.run(PROPERTIES)


@pytest.fixture(params=["beside", "in place", "administrated"])
def difficult(database: Server, run: Run, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of all kinds of objects, which a role can replace, one that it cannot, or one of an administrator."""
    database.run("CREATE ROLE reporting LOGIN")
    database.run(f"ALTER ROLE app {'NOCREATEDB' if request.param == 'in place' else 'CREATEDB'}")
    connection.close()
    database.run_each(OWNER, "app", "app")
    if request.param == "administrated":
        database.run_each(ADMINISTRATOR, "app", "postgres")
    yield request.param
    connection.close()
    database.run("ALTER ROLE app CREATEDB")
    for name in database.databases():
        database.run(f"DROP DATABASE {name} WITH (FORCE)")
    database.run("DROP ROLE reporting")


@pytest.mark.parametrize("compression", ["gz", "pgcustom"])
def test_a_restore_keeps_objects_privileges_and_settings(
    database: Server, run: Run, difficult: str, compression: str
) -> None:
    before = state(database)
    said = run("backup_database", "--no-media", "--compression", compression)
    # backup_database says how the backup can be restored.
    assert ("replace the contents of the database in place" in said) == (difficult != "beside")
    if difficult != "in place":
        run("verify_backup", "latest")
    with database.connect("app", "app") as owner:
        owner.execute("INSERT INTO app.parent (name) VALUES ('late')")
        owner.execute("CREATE TYPE app.late AS (n int)")
    said = run("restore_database", "latest", "--yes")
    assert ("Its contents are replaced" in said) == (difficult != "beside")
    after = state(database)
    assert after[1] == before[1]
    assert after[0] == before[0]


# What another role creates in the database, and how a message names it.
OF_ANOTHER_ROLE = {
    "table other.things of other": "CREATE TABLE other.things AS SELECT 7 AS n; GRANT SELECT ON other.things TO app",
    "view other.seen of other": "CREATE VIEW other.seen AS SELECT 7; GRANT SELECT ON other.seen TO app",
    "sequence other.counted of other": "CREATE SEQUENCE other.counted; GRANT SELECT ON SEQUENCE other.counted TO app",
    "function other.seven() of other": "CREATE FUNCTION other.seven() RETURNS int LANGUAGE sql AS 'SELECT 7'",
    "type other.few of other": "CREATE DOMAIN other.few AS int",
    "large object 4321 of other": "SELECT lo_from_bytea(4321, 'x'); GRANT SELECT ON LARGE OBJECT 4321 TO app",
}


@pytest.fixture
def other(database: Server) -> Iterator[Server]:
    """Another role has a schema in the database, in which the project's role may create tables."""
    database.run(f"CREATE ROLE other LOGIN PASSWORD '{PASSWORD}'")
    database.run("CREATE SCHEMA other AUTHORIZATION other", "app")
    database.run("GRANT USAGE, CREATE ON SCHEMA other TO app", "app", "other")
    database.run("CREATE TABLE other.ours AS SELECT 1 AS n", "app", "app")
    connection.close()
    yield database
    connection.close()
    for name in database.databases():
        database.run(f"DROP DATABASE {name} WITH (FORCE)")
    database.run("DROP ROLE other")


@pytest.mark.usefixtures("may_not_create_databases")
@pytest.mark.parametrize("name", OF_ANOTHER_ROLE)
def test_what_another_role_owns_keeps_a_restore_from_replacing_the_contents(
    other: Server, run: Run, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    other.run_each(OF_ANOTHER_ROLE[name], "app", "other")
    call_command("backup_database", "--no-media")
    assert f"a restore will be refused while other roles own {name}." in capsys.readouterr().err
    finding = check_restore(Target(""))
    assert finding.severity == Severity.WARNING
    assert name in finding.message
    User.objects.create_user("late@example.com", "correct horse battery")
    with pytest.raises(CommandError, match=rf"because other roles own some of them: {re.escape(name)}\."):
        run("restore_database", "latest", "--yes")
    assert emails() == BOTH
    assert read_only_state() is None
    assert len(existing()) == 1


@pytest.mark.usefixtures("may_not_create_databases")
def test_a_schema_of_another_role_stays_when_the_contents_are_replaced(other: Server, run: Run) -> None:
    before = state(other)
    assert check_restore(Target("")).severity == Severity.NOTE
    run("backup_database", "--no-media")
    other.run("INSERT INTO other.ours VALUES (2)", "app", "app")
    run("restore_database", "latest", "--yes")
    assert state(other) == before
    assert other.run("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'other'", "app") == [("other",)]


def test_a_database_that_does_not_respond_is_no_finding_of_the_restore(database: Server) -> None:
    connection.close()
    with django_with(**connection.settings_dict | {"PORT": "1"}):
        finding = check_restore(Target(""))
    assert finding.severity == Severity.NOTE
    assert finding.message.startswith("Skipped: the database does not respond: ")


def test_a_new_database_gives_the_role_what_other_roles_own(other: Server, run: Run) -> None:
    for statements in OF_ANOTHER_ROLE.values():
        other.run_each(statements, "app", "other")
    assert check_restore(Target("")).severity == Severity.OK
    run("backup_database", "--no-media")
    said = run("restore_database", "latest", "--yes")
    [owned] = [line for line in said.splitlines() if line.startswith("This role will own what other roles own now: ")]
    assert set(OF_ANOTHER_ROLE) < set(owned.partition(": ")[2].removesuffix(".").split(", "))
    assert other.run("SELECT n FROM other.things", "app", "app") == [(7,)]
    assert other.run("SELECT tableowner FROM pg_tables WHERE schemaname = 'other'", "app") == [("app",), ("app",)]


def test_privileges_that_a_restore_loses_are_listed_first(
    database: Server, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    database.run("CREATE ROLE reporting; CREATE ROLE later")
    database.run("GRANT SELECT ON users_user TO reporting", "app", "app")
    connection.close()
    run("backup_database", "--no-media")
    database.run("REVOKE ALL ON users_user FROM reporting", "app", "app")
    database.run("GRANT SELECT ON users_user TO later", "app", "app")
    database.run("DROP ROLE reporting")
    said = run("restore_database", "latest", "--yes")
    assert "Privileges of roles that this server does not have will be lost: reporting." in said
    assert "The backup has no privileges for roles that have some now: later." in said
    for name in database.databases() - {"app"}:
        database.run(f"DROP DATABASE {name} WITH (FORCE)")
    database.run("DROP ROLE later")
    assert emails() == {"ann@example.com"}


WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE datname = 'app' AND application_name = 'backup'"


@pytest.mark.usefixtures("may_not_create_databases")
@pytest.mark.parametrize("moment", ["before the rows", "before the end"])
def test_a_command_that_is_killed_commits_no_part_of_a_backup(
    database: Server, run: Run, tmp_path: Path, moment: str
) -> None:
    """Kill it while psql waits, with more to send than a pipe holds, and with everything sent but the commit."""
    database.run("CREATE TABLE bulk AS SELECT md5(n::text) FROM generate_series(1, 20000) AS n", "app", "app")
    # A plain archive has large objects in transactions of their own, after the rows.
    if moment == "before the end":
        database.run("SELECT lo_from_bytea(4321, 'large')", "app", "app")
    line = b"COPY public.bulk " if moment == "before the rows" else b"-- PostgreSQL database dump complete"
    change(run, line, b"SELECT pg_advisory_lock(1);\n" + line)
    User.objects.create_user("late@example.com", "correct horse battery")
    with database.connect("app") as holding:
        holding.execute("SELECT pg_advisory_lock(1)")
        process = start_restore(database, tmp_path)
        wait_until(lambda: database.run(WAITING))
        process.kill()
        process.communicate()
    wait_until(lambda: not database.run(SESSIONS))
    # The tables are the former ones, and whole.
    assert emails() == BOTH
    assert database.run("SELECT count(*) FROM bulk", "app") == [(20000,)]
    run("read_only", "off")
    with pytest.raises(IntegrityError):
        User.objects.create_user("ann@example.com", "correct horse battery")
    large = database.run("SELECT loid, data FROM pg_largeobject", "app")
    # The backup that the killed restore has made first.
    run("restore_database", "latest", "--yes")
    assert emails() == BOTH
    assert database.run("SELECT loid, data FROM pg_largeobject", "app") == large


@pytest.mark.usefixtures("may_not_create_databases")
def test_an_interruption_before_the_commit_leaves_the_former_contents(
    database: Server, run: Run, tmp_path: Path
) -> None:
    line = b"-- PostgreSQL database dump complete"
    change(run, line, b"SELECT pg_advisory_lock(1);\n" + line)
    User.objects.create_user("late@example.com", "correct horse battery")
    with database.connect("app") as holding:
        holding.execute("SELECT pg_advisory_lock(1)")
        process = start_restore(database, tmp_path)
        wait_until(lambda: database.run(WAITING))
        process.terminate()
        _, said = process.communicate(timeout=120)
    assert "Interrupted. The database app is unchanged and in service." in said
    wait_until(lambda: not database.run(SESSIONS))
    assert emails() == BOTH


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_former_in_service(
    database: Server, run: Run, backup: Backup, tmp_path: Path, number: signal.Signals
) -> None:
    process = start_restore(database, tmp_path)
    wait_until(lambda: "app_restoring" in database.databases())
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 128 + number, said
    assert "Interrupted. The database app is unchanged and in service." in said
    assert database.databases() == {"app"}
    assert read_only_state() is None
    assert emails() == BOTH
    User.objects.create_user("later@example.com", "correct horse battery")


def test_a_restore_ends_the_read_only_mode_of_a_killed_one(database: Server, run: Run, backup: Backup) -> None:
    run("read_only", "on", "--reason", f"{backup.path.name}{REASON}")
    said = run("restore_database", "latest", "--yes")
    assert "An interrupted restore has left the site read-only. This restore disables that at its end." in said
    assert read_only_state() is None
    User.objects.create_user("later@example.com", "correct horse battery")
    run("read_only", "on", "--reason", "Moving")
    said = run("restore_database", "latest", "--yes")
    assert "The site was read-only before, and stays so. Disable it with: read_only off" in said
    assert read_only_state() is not None


def test_a_prepared_transaction_is_named_before_anything_happens(database: Server, run: Run, backup: Backup) -> None:
    with database.connect("app", "app") as session:
        session.execute("BEGIN; DELETE FROM users_user; PREPARE TRANSACTION 'it''s'")
    with pytest.raises(CommandError, match=r"prepared transactions of app, .* with: ROLLBACK PREPARED 'it''s';"):
        run("restore_database", "latest", "--yes")
    assert read_only_state() is None
    database.run("ROLLBACK PREPARED 'it''s'", "app")
    run("restore_database", "latest", "--yes")
    assert emails() == {"ann@example.com"}


def test_a_session_that_has_failed_leaves_no_database_behind(database: Server) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'backup'"

    def begin() -> None:
        with databases.temporary("restoring") as name:
            assert name in database.databases()
            assert database.run(end)
            sys.exit(130)

    with pytest.raises(SystemExit):
        begin()
    assert database.databases() == {"app"}


def test_a_drill_shows_that_a_backup_can_be_restored(database: Server, run: Run, backup: Backup) -> None:
    assert "not verified" in run("list_backups")
    before = database.run("SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'")
    said = run("verify_backup", "latest")
    assert "System check identified no issues" in said
    assert f"{backup.path.name} can be restored: " in said
    assert "        1 rows of public.users_user\n" in said
    assert database.databases() == {"app"}
    assert emails() == BOTH
    assert before
    assert ", verified 2" in run("list_backups")
    # Of another content, nothing is known.
    give_checksum(backup.media)
    cut(backup.path)
    give_checksum(backup.path)
    assert "not verified" in run("list_backups")
