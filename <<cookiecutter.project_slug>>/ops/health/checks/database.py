"""Whether the database answers."""

from django.db import connection


def check() -> None:
    """Raise unless a query succeeds. Runs in a thread of its own, so the connection is its own too and is closed."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
