"""Whether tasks can be sent."""

from celery import current_app


def check() -> None:
    """Raise unless the broker answers a new connection."""
    with current_app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1)
