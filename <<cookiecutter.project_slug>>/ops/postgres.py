"""What an error of the database means, however it was wrapped on its way."""

from collections.abc import Iterator

from django.db import InterfaceError, OperationalError

# https://www.postgresql.org/docs/current/errcodes-appendix.html: read_only_sql_transaction
READ_ONLY = "25006"


def is_refused_write(error: BaseException) -> bool:
    """Say whether an error comes from PostgreSQL's refusing to write while it is read-only."""
    return any(getattr(cause, "sqlstate", None) == READ_ONLY for cause in _causes(error))


def is_failed_connection(error: BaseException) -> bool:
    """Say whether an error comes from a connection to the database that failed or was ended."""
    return any(isinstance(cause, OperationalError | InterfaceError) for cause in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__
