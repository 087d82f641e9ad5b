"""Shared by whatever works with PostgreSQL: what an error means, and Django's connection led to another database."""

import contextlib
from collections.abc import Iterator

from django.db import InterfaceError, OperationalError, connection

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
