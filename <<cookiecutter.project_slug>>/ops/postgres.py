"""Shared by whatever works with PostgreSQL: errors, limits of requests, Django's connection led to another database."""

import contextlib
import select
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg.pq import TransactionStatus

from ops.signals import block_signals

# https://www.postgresql.org/docs/current/errcodes-appendix.html: read_only_sql_transaction
READ_ONLY = "25006"
# lock_not_available and deadlock_detected
FAILED_LOCKS = ("55P03", "40P01")
# Seconds for which a connection that was tried is good, unless its server says otherwise.
CHECKED_FOR = 1.0


def is_refused_write(error: BaseException) -> bool:
    """Say whether an error comes from PostgreSQL's refusing to write while it is read-only."""
    return any(getattr(cause, "sqlstate", None) == READ_ONLY for cause in _causes(error))


def is_failed_lock(error: BaseException) -> bool:
    """Say whether a statement was ended because it did not get a lock; the same transaction may succeed later."""
    return any(getattr(cause, "sqlstate", None) in FAILED_LOCKS for cause in _causes(error))


def is_failed_connection(error: BaseException) -> bool:
    """Say whether an error comes from a connection to the database that failed or was ended."""
    return any(isinstance(cause, OperationalError | InterfaceError) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


def limit_requests() -> None:
    """Have PostgreSQL end what would hold a request: config/wsgi.py and config/asgi.py call it, and commands do not.

    So the limits in DATABASE_TIMEOUTS (seconds by parameter) never end a migration, a backup or a restore.
    """
    connection_created.connect(_limit)


def _limit(connection: BaseDatabaseWrapper, **_: Any) -> None:
    # In transaction mode, PgBouncer would give the limits to whoever uses the server's connection next, such as a
    # migration. There its connect_query sets them: PRODUCTION.md.
    if connection.vendor != "postgresql" or connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        return
    # Not the startup parameter "options", which PgBouncer refuses. psycopg itself executes it, so it is no
    # query of a request.
    query = ", ".join("set_config(%s, %s, false)" for _ in settings.DATABASE_TIMEOUTS)
    connection.connection.execute(
        f"SELECT {query}",
        [text for name, seconds in settings.DATABASE_TIMEOUTS.items() for text in (name, f"{seconds}s")],
    )


def check_rarely(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have Django try a connection that was just opened at most once in CHECKED_FOR seconds: ops/database/apps.py.

    With CONN_HEALTH_CHECKS it otherwise sends a query more in each request, which is a fifth of a page with one query.
    A server that ends a session, because it stops or was told to, says so: then there is something to read, and the
    connection is tried at once.
    """
    if connection.vendor != "postgresql":
        return
    until = time.monotonic() + CHECKED_FOR

    def is_usable() -> bool:
        nonlocal until
        now = time.monotonic()
        if now < until and not connection.errors_occurred and _is_quiet(connection.connection):
            return True
        # What the wrapper itself has now is this function.
        is_alive = type(connection).is_usable(connection)
        if is_alive:
            until = now + CHECKED_FOR
        return is_alive

    connection.is_usable = is_usable  # type: ignore[method-assign]


def _is_quiet(session: Any) -> bool:
    """Return whether a session of psycopg is open, in no transaction, and its server has sent nothing.

    A transaction may have failed, and then the connection is not usable.
    """
    if session is None or session.closed or session.info.transaction_status != TransactionStatus.IDLE:
        return False
    poll = select.poll()
    poll.register(session.fileno(), select.POLLIN)
    return not poll.poll(0)


@contextlib.contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Let Django's connection lead to another database of the server, which it may write to."""
    former = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only TO off")
        yield
    finally:
        with block_signals():
            connection.close()
            connection.settings_dict["NAME"] = former
