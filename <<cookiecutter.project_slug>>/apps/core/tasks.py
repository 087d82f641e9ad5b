"""Background tasks. A task may run twice (see config/settings/components/celery.py), so each must be idempotent."""

from celery import shared_task
from django.core.management import call_command


@shared_task
def clear_expired_sessions() -> None:
    """Remove sessions whose time is over from the database, where they would otherwise pile up."""
    call_command("clearsessions")
