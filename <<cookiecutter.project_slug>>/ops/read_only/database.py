"""PostgreSQL's part in the read-only mode: the database itself refuses to write."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import CommandError
from django.db import connection

# Seconds that a session must be idle to be ended: one that is so for less may be between two queries of a request. On a
# busy site some are never, so that after SOON any idle one is.
IDLE = 0.2
SOON = 1.0
# Seconds that others then have to end what they are at; after those they are ended in the midst of it.
WAIT = 10.0
# Seconds that a session of its own may take to begin, for who switches can wait longer than a visitor.
CONNECT_TIMEOUT = 30
# Seconds that PostgreSQL has to end a session.
ENDING = 5.0
# What sessions of backups are called: they only read, and would have to begin again.
SPARED = "backup%"
# A single statement, for with a pool the next one may come from another session.
END_SESSIONS = """
    SELECT pid, CASE
        WHEN %s OR (state = 'idle' AND state_change < clock_timestamp() - make_interval(secs => %s))
        THEN pg_terminate_backend(pid)
    END
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
        AND backend_type = 'client backend' AND application_name NOT LIKE %s
        AND backend_start BETWEEN %s AND %s
"""
IS_SET = """
    SELECT EXISTS (
        SELECT FROM pg_db_role_setting JOIN pg_database AS d ON d.oid = setdatabase
        WHERE setrole = 0 AND datname = current_database() AND 'default_transaction_read_only=on' = ANY (setconfig)
    )
"""
IS_OWNER = "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"


@contextmanager
def session() -> Iterator[Any]:
    """Open a session of its own. Django's is closed, for it is one of those that have to begin anew."""
    connection.close()
    own = connection.copy()
    if connection.vendor == "postgresql":
        own.settings_dict["OPTIONS"] |= {"connect_timeout": CONNECT_TIMEOUT}
    try:
        with own.cursor() as cursor:
            yield cursor
    finally:
        own.close()


def answer(cursor: Any, query: str) -> Any:
    """Return the single value that answers a query."""
    cursor.execute(query)
    [value] = cursor.fetchone()
    return value


def refuses_writes() -> bool:
    """Say whether a session that begins now is refused to write."""
    with session() as cursor:
        if connection.vendor == "sqlite":
            return bool(answer(cursor, "PRAGMA query_only"))
        return str(answer(cursor, "SHOW transaction_read_only")) == "on"


def obstacle() -> str | None:
    """Return why this role cannot let the database refuse to write, or None."""
    if connection.vendor == "sqlite":
        return "SQLite has no such setting"
    with session() as cursor:
        return None if answer(cursor, IS_OWNER) else "another role owns it"


def now() -> Any:
    """Return the time of the database's own clock, by which the age of its sessions is known."""
    if connection.vendor == "sqlite":
        return None
    with session() as cursor:
        return answer(cursor, "SELECT clock_timestamp()")


def set_read_only(is_on: bool, report: Callable[[str], object], since: Any = "-infinity") -> bool:
    """Let the database refuse to write, or take it again, and say whether that changed anything.

    A session keeps what it began with, so those that began after ``since`` have to end. The site tries a connection
    before it uses it, and opens another.
    """
    with session() as cursor:
        if answer(cursor, IS_SET) == is_on:
            return False
        name = connection.ops.quote_name(answer(cursor, "SELECT current_database()"))
        change = f"{'SET' if is_on else 'RESET'} default_transaction_read_only{' = on' if is_on else ''}"
        # This session may itself have begun while the database refused.
        cursor.execute(f"BEGIN READ WRITE; ALTER DATABASE {name} {change}; COMMIT")
        end_sessions(cursor, (since, answer(cursor, "SELECT clock_timestamp()")), report)
    return True


def end_sessions(cursor: Any, span: tuple[Any, Any], report: Callable[[str], object]) -> None:
    """End the sessions of this role that began in ``span``: idle ones now, others when done or when WAIT is over."""
    if not _left(cursor, span, SOON, IDLE):
        return
    report(f"Waiting, {WAIT:.0f} s at most, for sessions that are at work.")
    if not _left(cursor, span, WAIT):
        return
    report("Ending those that are still at work.")
    if left := _left(cursor, span, ENDING, with_working=True):
        raise CommandError(f"PostgreSQL does not end the sessions {', '.join(map(str, left))}.")


def _left(cursor: Any, span: tuple[Any, Any], seconds: float, idle: float = 0, with_working: bool = False) -> list[int]:
    """End those of the sessions that may be ended, and return what is left of them after so many seconds."""
    start = time.monotonic()
    while True:
        cursor.execute(END_SESSIONS, [with_working, idle, SPARED, *span])
        left = [pid for pid, _ in cursor.fetchall()]
        if not left or time.monotonic() - start > seconds:
            return left
        time.sleep(0.05)
