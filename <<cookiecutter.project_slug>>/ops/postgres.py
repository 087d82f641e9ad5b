"""Shared by whatever works with PostgreSQL: errors, limits of requests, Django's connection led to another database."""

import contextlib
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ops.signals import block_signals

# https://www.postgresql.org/docs/current/errcodes-appendix.html: read_only_sql_transaction
READ_ONLY = "25006"
# lock_not_available and deadlock_detected
FAILED_LOCKS = ("55P03", "40P01")


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
