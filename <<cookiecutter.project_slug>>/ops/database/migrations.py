"""What a migration needs of PostgreSQL: to run alone, to wait briefly for locks, and to write in read-only mode."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Literal

# Advisory locks are a database's own, so one name serves all projects.
LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('django_migrations'))"
# Seconds between two attempts to take it.
POLL = 0.5


@contextmanager
def migration_lock(connection: BaseDatabaseWrapper, report: Callable[[str], object]) -> Iterator[None]:
    """Hold the lock for migrations of a database; wait without limit while another process holds it.

    The lock belongs to a transaction on a connection of its own. So it holds behind a pooler in transaction mode too,
    and PostgreSQL releases it when the process is killed. Each attempt ends its transaction: a transaction that waited
    would occupy a connection of the pooler, which the holder may need.
    """
    own = connection.copy()
    try:
        if not _acquire(own):
            report("Waiting: another process migrates this database.")
            while not _acquire(own):
                time.sleep(POLL)
        yield
    finally:
        own.close()


def _acquire(own: BaseDatabaseWrapper) -> bool:
    with own.cursor() as cursor:
        own.set_autocommit(False)
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute(LOCK)
        [is_acquired] = cursor.fetchone()
    if not is_acquired:
        own.rollback()
        own.set_autocommit(True)
    return bool(is_acquired)


class MigrationSettings:
    """The settings of the session that migrates, as an execution wrapper of its connection.

    They are not startup options (``PGOPTIONS``), which PgBouncer refuses. Behind a pooler they are set for each
    transaction: the next one may get another session, and this session another client. Statements of a migration that
    is not atomic run there without them.
    """

    def __init__(self, connection: BaseDatabaseWrapper, lock_timeout: float) -> None:
        """Wait for a lock for so many seconds; limit nothing else, and write in read-only mode too."""
        self.connection = connection
        self.is_atomic = True
        self.is_pooled = False
        self.raw: Any = None
        self.former: dict[str, str] = {}
        self.lock_timeout = lock_timeout

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Apply the settings to what the connection executes, and restore the session's own.

        After an error they stay: the process ends, or the next attempt sets its own.
        """
        self.connection.ensure_connection()
        self._meet(self.connection.connection)
        with self.connection.execute_wrapper(self):
            yield
        if self.raw is self.connection.connection:
            _set(self.raw, "SESSION", self.former)

    def begin_non_atomic(self, lock_timeout: float) -> None:
        """Let the statements that follow be transactions of their own, which wait for a lock for so many seconds."""
        self.is_atomic = False
        if not self.is_pooled:
            _set(self.raw, "SESSION", _limits(lock_timeout))

    def end_non_atomic(self) -> None:
        """Go back to what the settings were made for."""
        if not self.is_atomic and not self.is_pooled:
            _set(self.raw, "SESSION", _limits(self.lock_timeout))
        self.is_atomic = True

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Execute a statement; before the first of a session, or of a transaction behind a pooler, set the settings."""
        if self.connection.connection is not self.raw:
            self._meet(self.connection.connection)
        if self.is_pooled and self.raw.info.transaction_status == TransactionStatus.IDLE:
            if not self.raw.autocommit:
                _set(self.raw, "LOCAL", {"transaction_read_only": "off"} | _limits(self.lock_timeout))
            elif self.is_atomic:
                # Such as the row in the table of migrations, for which Django has no transaction.
                with transaction.atomic(using=self.connection.alias):
                    return self(execute, sql, params, many, context)
        return execute(sql, params, many, context)

    def _meet(self, raw: Any) -> None:
        """Find out whether a pooler is in between. If none is, set the settings for the whole session."""
        begins = not raw.autocommit and raw.info.transaction_status == TransactionStatus.IDLE
        self.raw = raw
        # The process ID that a pooler reports when a connection is made is not a server process.
        self.is_pooled = _value(raw, "SELECT pg_backend_pid()") != raw.info.backend_pid
        self.former = {}
        if not self.is_pooled:
            settings = _limits(self.lock_timeout) | {"default_transaction_read_only": "off"}
            self.former = {name: _value(raw, f"SHOW {name}") for name in settings}
            _set(raw, "SESSION", settings)
        if begins:
            # What is set takes effect in the next transaction.
            raw.commit()


def _limits(lock_timeout: float) -> dict[str, str]:
    timeout = f"{lock_timeout * 1000:.0f}ms"
    return {"lock_timeout": timeout, "statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}


def _value(raw: Any, query: str) -> Any:
    [value] = raw.execute(query).fetchone()
    return value


def _set(raw: Any, scope: str, settings: dict[str, str]) -> None:
    """Set settings. Statements other than SET would begin the transaction, which can then no longer change to write."""
    for name, value in settings.items():
        raw.execute(SQL("SET {} {} TO {}").format(SQL(scope), SQL(name), Literal(value)))
