"""What the line of a task has, and that there is one."""

import logging
from typing import Any

import structlog
from celery.app.trace import LOG_FAILURE, LOG_SUCCESS
from django.dispatch import receiver
from django_structlog.celery import signals


@receiver(signals.bind_extra_task_metadata)
def name_task(task: Any, **kwargs: Any) -> None:
    """Give all that is logged while a task runs its name, besides its number."""
    structlog.contextvars.bind_contextvars(task=task.name)


SAID = {LOG_SUCCESS.strip(), LOG_FAILURE.strip()}


class NotTwice(logging.Filter):
    """Drops what Celery says of a task that has ended, whose line says the same in values."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is kept: all that is said of other things is."""
        return str(record.msg).strip() not in SAID
