"""The log line of a task."""

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


CELERY_MESSAGES = {LOG_SUCCESS.strip(), LOG_FAILURE.strip()}


class DuplicateTaskLogFilter(logging.Filter):
    """Drops the messages of Celery about a task that has ended. The line of django-structlog has the same as values."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to keep a record."""
        return str(record.msg).strip() not in CELERY_MESSAGES
