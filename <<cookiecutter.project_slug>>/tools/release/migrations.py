"""Which migrations a release brings, and what they do to a PostgreSQL on which the former release serves."""

import contextlib
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from django.core.management.sql import emit_post_migrate_signal
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements
from django_migration_linter.sql_analyser.postgresql import PostgresqlAnalyser

from ops.postgres import connected_to
from ops.signals import block_signals
from tools.release.project import ReleaseError

WasReleased = Callable[[Migration], bool]


class Table(NamedTuple):
    """A table by the name that the former release knows, and the file that PostgreSQL keeps it in."""

    name: str
    file: int | None


@dataclass
class Measured:
    """What a migration was seen to do; the tables are those that the former release knows."""

    label: str
    is_atomic: bool
    irreversible: list[str]
    locks: dict[str, str] = field(default_factory=dict)
    rewritten: list[str] = field(default_factory=list)
    incompatible: list[str] = field(default_factory=list)


def path_of(migration: Migration) -> Path:
    """Return the file that a migration stands in."""
    return Path(str(sys.modules[type(migration).__module__].__file__))


def was_in(files: Set[str]) -> WasReleased:
    """Return what says whether a migration was among ``files``, the project's at a release.

    A migration of an installed package counts as released, for git knows nothing of it; so does one that replaces
    others which were all among the files.
    """

    def was_released(migration: Migration) -> bool:
        path = path_of(migration)
        if not path.is_relative_to(Path.cwd()) or path.is_relative_to(sys.prefix):
            return True
        names = [path.name, *(f"{name}.py" for app, name in migration.replaces if app == migration.app_label)]
        folder = path.parent.relative_to(Path.cwd())
        return str(folder / names[0]) in files or (
            len(names) > 1 and all(str(folder / name) in files for name in names[1:])
        )

    return was_released


def split(was_released: WasReleased) -> tuple[list[Migration], list[Migration]]:
    """Return the migrations that a database of the former release has, and those that it lacks, in their order.

    One that depends on a migration which it lacks is lacking too.
    """
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    there: list[Migration] = []
    pending: dict[tuple[str, str], Migration] = {}
    for key in dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf)):
        migration = graph.nodes[key]
        if was_released(migration) and not any(parent.key in pending for parent in graph.node_map[key].parents):
            there.append(migration)
        else:
            pending[key] = migration
    return there, list(pending.values())


def way_back(there: list[Migration], pending: list[Migration]) -> list[str]:
    """Return what ``migrate`` is given, one after another, to undo what is pending: an app and its last migration."""
    last = {migration.app_label: migration.name for migration in there}
    apps = dict.fromkeys(migration.app_label for migration in reversed(pending))
    return [f"{app} {last.get(app, 'zero')}" for app in apps]


def measure(there: list[Migration], pending: list[Migration]) -> list[Measured]:
    """Apply what is pending, one after another, to a database that has what is there; return what was seen.

    Raises ReleaseError when one cannot be applied.
    """
    with scratch_database():
        executor = MigrationExecutor(connection)
        state = executor.migrate(None, plan=[(migration, False) for migration in there])
        state.clear_delayed_apps_cache()
        # What Django adds after migrating, and a migration of data may look for: content types and permissions.
        emit_post_migrate_signal(verbosity=0, interactive=False, db=connection.alias, apps=state.apps, plan=[])
        tables = _tables()
        found = []
        for migration in pending:
            result = Measured(
                label=str(migration),
                is_atomic=migration.atomic,
                irreversible=[one.describe() for one in migration.operations if not one.reversible],
            )
            try:
                state = _apply(executor, migration, state, tables, result)
            except DatabaseError as error:
                raise ReleaseError(f"The migration {migration} cannot be applied: {error}") from None
            found.append(result)
    return found


def _apply(
    executor: MigrationExecutor, migration: Migration, state: Any, tables: dict[int, Table], into: Measured
) -> Any:
    """Apply a migration and write down what it does; return the state of the models that follows."""
    statements: list[str] = []

    def write_down(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        statements.append(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(write_down):
        if migration.atomic:
            # Locks are held until the end of the transaction, so that they are all there before it.
            with transaction.atomic():
                state = executor.migrate(None, plan=[(migration, False)], state=state)
                into.locks = strongest(_held(tables))
        else:
            state = executor.migrate(None, plan=[(migration, False)], state=state)
    now = {oid: table for oid, table in _tables().items() if oid in tables}
    into.rewritten = sorted(tables[oid].name for oid, table in now.items() if tables[oid].file != table.file)
    into.incompatible = incompatibilities(statements, {table.name for table in [*tables.values(), *now.values()]})
    tables |= {oid: Table(tables[oid].name, table.file) for oid, table in now.items()}
    return state


def _tables() -> dict[int, Table]:
    """Return each table that a site may have, by its number."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::bigint, c.relname, pg_relation_filenode(c.oid)::bigint FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' "
            "AND n.nspname <> 'information_schema' AND c.relname <> 'django_migrations'"
        )
        return {oid: Table(name, file) for oid, name, file in cursor.fetchall()}


def _held(tables: dict[int, Table]) -> list[tuple[str, str]]:
    """Return the table and the mode of each lock that this connection holds on one of the tables."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relation::bigint, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return [(tables[oid].name, mode) for oid, mode in cursor.fetchall() if oid in tables]


# https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
# Name in pg_locks, name in the manual, and what the lock blocks. The strongest is the last.
MODES = {
    "AccessShareLock": ("ACCESS SHARE", "blocks neither readers nor writers"),
    "RowShareLock": ("ROW SHARE", "blocks only writers of the rows that it locks"),
    "RowExclusiveLock": ("ROW EXCLUSIVE", "blocks only writers of the same rows"),
    "ShareUpdateExclusiveLock": ("SHARE UPDATE EXCLUSIVE", "blocks neither readers nor writers"),
    "ShareLock": ("SHARE", "blocks writers until it ends, not readers"),
    "ShareRowExclusiveLock": ("SHARE ROW EXCLUSIVE", "blocks writers until it ends, not readers"),
    "ExclusiveLock": ("EXCLUSIVE", "blocks writers until it ends, not readers"),
    "AccessExclusiveLock": ("ACCESS EXCLUSIVE", "blocks readers and writers until it ends"),
}
STRENGTH = {mode: strength for strength, mode in enumerate(MODES)}
# Weaker ones are taken by every page that is shown.
LEAST_TOLD = STRENGTH["RowExclusiveLock"]
LEAST_IN_THE_WAY = STRENGTH["ShareLock"]


def strongest(held: list[tuple[str, str]]) -> dict[str, str]:
    """Return the strongest mode on each table, of pairs of table and mode; the weakest are left out."""
    found: dict[str, str] = {}
    for table, mode in sorted(held, key=lambda pair: STRENGTH[pair[1]]):
        if STRENGTH[mode] >= LEAST_TOLD:
            found[table] = mode
    return dict(sorted(found.items()))


def is_in_the_way(mode: str) -> bool:
    """Say whether anybody waits for a lock who does no more than any page."""
    return STRENGTH[mode] >= LEAST_IN_THE_WAY


# What django-migration-linter calls an error, and what follows from it.
CONSEQUENCES = {
    "RENAME_TABLE": "it renames a table, and the former code asks for the old name",
    "NOT_NULL": "it makes a column NOT NULL, and the former code writes rows without a value for it",
    "DROP_COLUMN": "it drops a column, and the former code asks for it",
    "DROP_TABLE": "it drops a table, and the former code asks for it",
    "RENAME_COLUMN": "it renames a column, and the former code asks for the old name",
    "ALTER_COLUMN": "it changes the type of a column, which the former code may not be able to live with",
    "ADD_UNIQUE": "it makes values unique, and the former code writes some twice",
}
# What it has no check for.
CONSTRAINT = re.compile(r"\bADD CONSTRAINT .*?\b(?:CHECK|EXCLUDE|FOREIGN KEY)\b", re.DOTALL)
CONSTRAINED = "it forbids values in a table, and the former code may write them"
DEFINITION = re.compile(r"ALTER|CREATE|DROP")
TABLE = re.compile(r'\b(?:TABLE|ON)(?: ONLY| IF EXISTS)? "([^"]+)"')


def incompatibilities(statements: list[str], known_tables: Set[str]) -> list[str]:
    """Return why the former code, which knows these tables, cannot serve after the statements; nothing, when it can."""
    definitions = [sql for sql in map(_normal, statements) if DEFINITION.match(sql)]
    relevant = [sql for sql in definitions if _concerns(sql, known_tables)]
    errors, _, _ = analyse_sql_statements(PostgresqlAnalyser, relevant)
    found = [CONSEQUENCES.get(error.code, error.message) for error in errors]
    found += [CONSTRAINED for sql in relevant if CONSTRAINT.search(sql)]
    return list(dict.fromkeys(found))


def _normal(sql: str) -> str:
    """Return a statement as Django writes it: on one line, without comments, its keywords in capital letters."""
    parts = re.findall(r"""--[^\n]*|"[^"]*"|'[^']*'|\s+|[^\s"'-]+|.""", sql)
    words = (" " if part.isspace() or part.startswith("--") else part for part in parts)
    return "".join(word if word[0] in "\"'" else word.upper() for word in words).strip()


def _concerns(sql: str, known_tables: Set[str]) -> bool:
    """Say whether a statement is about one of the tables, or about something that cannot be told from its text."""
    table = TABLE.search(sql)
    return table is None or table[1] in known_tables


def require_postgresql() -> None:
    """Raise ReleaseError unless DATABASE_URL names a PostgreSQL; whether it answers is not asked."""
    if connection.vendor != "postgresql":
        raise ReleaseError(
            "Measuring migrations needs PostgreSQL. Set DATABASE_URL to a role that may create databases, "
            "such as postgres://user:password@127.0.0.1:5432/postgres."
        )


@contextlib.contextmanager
def scratch_database() -> Iterator[None]:
    """Let Django's connection lead to an empty database of its own, which is dropped whatever happens."""
    scratch = f"release_{secrets.token_hex(8)}"
    try:
        _run(f"CREATE DATABASE {scratch}")
        with connected_to(scratch):
            yield
    finally:
        with block_signals():
            _run(f"DROP DATABASE IF EXISTS {scratch} WITH (FORCE)")


def _run(statement: str) -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except ProgrammingError as error:
        raise ReleaseError(f"The role of DATABASE_URL cannot do {statement.split()[0]} DATABASE: {error}") from None
