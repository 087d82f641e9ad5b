"""The command migrate on a real PostgreSQL, beside sessions that hold locks."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from ops.database.management.commands import migrate
from ops.database.migrations import LOCK

pytestmark = pytest.mark.servers
MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    atomic = {atomic}
    operations = [migrations.RunSQL({sql!r}, migrations.RunSQL.noop)]
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'auth_group'::regclass"


def connect() -> psycopg.Connection[Any]:
    """Open a session that is none of Django's, and that may always write."""
    place = {key: connection.settings_dict[key.upper()] for key in ("host", "port", "user", "password")}
    options = "-c default_transaction_read_only=off"
    return psycopg.connect(**place, dbname=connection.settings_dict["NAME"], autocommit=True, options=options)


def migrate_health(*arguments: str) -> str:
    """Migrate the app that has the test's migration, and return what the command prints."""
    out = StringIO()
    call_command("migrate", "health", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def add_migration(
    transactional_db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    """Give an app that has no migrations one that runs a statement; afterwards the database is as before."""
    package = tmp_path / "health_migrations"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    settings.MIGRATION_MODULES = {"health": package.name}

    def add(sql: str, atomic: bool = True) -> None:
        (package / "0001_test.py").write_text(MIGRATION.format(sql=sql, atomic=atomic))

    yield add
    connection.close()
    with closing(connect()) as session:
        session.execute(f'ALTER DATABASE "{session.info.dbname}" RESET ALL')
        session.execute("DROP TABLE IF EXISTS written; DELETE FROM django_migrations WHERE app = 'health'")
        session.execute("ALTER TABLE auth_group DROP COLUMN IF EXISTS added")
    for name in [name for name in sys.modules if name.startswith(package.name)]:
        del sys.modules[name]


def test_migration_that_gets_no_lock_is_tried_again(
    add_migration: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUTS", (0.5, 30))
    add_migration("CREATE TABLE written (); ALTER TABLE auth_group ADD added int")
    with closing(connect()) as holder, closing(connect()) as visitor:
        holder.execute("BEGIN; SELECT 1 FROM auth_group")
        printed: list[str] = []
        command = threading.Thread(target=lambda: printed.append(in_thread(migrate_health)))
        command.start()
        wait_until(lambda: visitor.execute(WAITING).fetchone() == (1,))
        # It stands behind the migration, which gives way before its statement would be ended.
        visitor.execute("SET statement_timeout TO '20s'")
        visitor.execute("SELECT 1 FROM auth_group")
        holder.execute("COMMIT")
        command.join(60)
        visitor.execute("SELECT added FROM auth_group")
    [output] = printed
    assert "health.0001_test did not get a lock within 0.5 s: canceling statement due to lock timeout." in output
    assert output.endswith("Applying health.0001_test... OK\n")


def in_thread(function: Callable[[], str]) -> str:
    """Call a function in a thread, whose connection is closed at the end."""
    try:
        return function()
    finally:
        connection.close()


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when a condition is true; fail when it is not within a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_migration_that_never_gets_its_lock_changes_nothing(
    add_migration: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUTS", (0.1, 0.2))
    add_migration("CREATE TABLE written (); ALTER TABLE auth_group ADD added int")
    with closing(connect()) as holder:
        holder.execute("BEGIN; SELECT 1 FROM auth_group")
        with pytest.raises(CommandError, match=r"health\.0001_test did not get a lock in 2 attempts: canceling"):
            migrate_health()
        holder.execute("COMMIT")
        assert holder.execute("SELECT to_regclass('written')").fetchone() == (None,)
    assert "Applying health.0001_test... OK" in migrate_health()


def test_migration_that_is_not_atomic_waits_once(
    add_migration: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_TIMEOUTS", (0.01, 0.5))
    add_migration("CREATE TABLE written (); ALTER TABLE auth_group ADD added int".replace("; ", ";\n"), atomic=False)
    with closing(connect()) as holder:
        holder.execute("BEGIN; SELECT 1 FROM auth_group")
        begin = time.monotonic()
        with pytest.raises(CommandError, match="It is not atomic, so it may be half applied"):
            migrate_health()
        assert time.monotonic() - begin > 0.5


def test_index_is_created_concurrently_while_the_lock_for_migrations_is_held(
    add_migration: Callable[..., None],
) -> None:
    add_migration("CREATE INDEX CONCURRENTLY written ON auth_group (name)", atomic=False)
    assert "Applying health.0001_test... OK" in migrate_health()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX written")


def test_migration_writes_in_read_only_mode_and_leaves_the_session_as_it_was(
    add_migration: Callable[..., None],
) -> None:
    add_migration("CREATE TABLE written (); INSERT INTO auth_group (name) VALUES ('migrated')")
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{connection.settings_dict["NAME"]}" SET default_transaction_read_only TO on')
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout TO '3s'; SET statement_timeout TO '7s'")
    assert "Applying health.0001_test... OK" in migrate_health()
    with connection.cursor() as cursor:
        for name, value in (("lock_timeout", "3s"), ("statement_timeout", "7s"), ("transaction_read_only", "on")):
            cursor.execute(f"SHOW {name}")
            assert cursor.fetchone() == (value,)


def test_migration_waits_for_another_process_but_a_plan_does_not(add_migration: Callable[..., None]) -> None:
    add_migration("CREATE TABLE written ()")
    printed: list[str] = []
    with closing(connect()) as other:
        other.execute("BEGIN")
        assert other.execute(LOCK).fetchone() == (True,)
        assert "health.0001_test" in migrate_health("--plan")
        out = StringIO()
        command = threading.Thread(
            target=lambda: printed.append(in_thread(lambda: call_command("migrate", "health", stdout=out) or "ended"))
        )
        command.start()
        wait_until(lambda: "Waiting: another process migrates this database.\n" in out.getvalue())
        assert other.execute("SELECT to_regclass('written')").fetchone() == (None,)
        other.execute("ROLLBACK")
    command.join(60)
    assert printed == ["ended"]
    assert "Applying health.0001_test... OK" in out.getvalue()
