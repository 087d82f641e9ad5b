"""What READ_ONLY_MODE does to the connections of its own process."""

from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

REFUSE_WRITES = {"postgresql": "SET default_transaction_read_only TO on", "sqlite": "PRAGMA query_only = ON"}


def refuse_writes(connection: BaseDatabaseWrapper, **signal: Any) -> None:
    """Let a connection that was just opened refuse to write, while READ_ONLY_MODE is set."""
    if settings.READ_ONLY_MODE:
        with connection.cursor() as cursor:
            cursor.execute(REFUSE_WRITES[connection.vendor])
