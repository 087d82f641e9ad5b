"""A PostgreSQL database for a moment."""

import contextlib
import secrets
from collections.abc import Iterator

from django.db import ProgrammingError, connection

from ops.postgres import connected_to
from ops.signals import block_signals
from tools.release.errors import ReleaseError


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
