"""Background tasks of the API."""

from celery import shared_task
from django.core.management import call_command


@shared_task
def flush_expired_tokens() -> None:
    """Remove refresh tokens whose time is over from the database, where they would otherwise pile up."""
    call_command("flushexpiredtokens")
