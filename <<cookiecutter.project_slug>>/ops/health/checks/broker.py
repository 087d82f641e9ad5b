"""Whether tasks can be sent."""

# Celery would import it at its first use, which is in a hurry.
import kombu.transport.redis  # noqa: F401
from celery import current_app


def check() -> None:
    """Raise unless the broker answers a new connection."""
    with current_app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1)
