"""The Celery application: ``celery -A config worker`` runs tasks, ``celery -A config beat`` starts the scheduled."""

import logging.config
import os
import socket
from typing import Any

from celery import signals
from django.conf import settings

from ops.capacity import release_memory_when_freed
from ops.deliveries import App

# It says what the line of a task has.
from ops.observability import task_logging  # noqa: F401

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

# While the site is read-only, tasks go back to their queues and stay there; what kills its process is parked.
app = App("<< cookiecutter.project_slug >>", task_cls="ops.read_only.task:Task")
app.steps["consumer"].add("ops.read_only.worker:PauseStep")
# Every log record of a task has the task ID, and the ID of the request that sent the task.
app.steps["worker"].add("django_structlog.celery.steps:DjangoStructLogInitStep")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def set_up_logging(**signal: Any) -> None:
    """Log as the settings say, where Celery would do it in a way of its own."""
    logging.config.dictConfig(settings.LOGGING)


@signals.celeryd_init.connect
def release_memory(**signal: Any) -> None:
    """Have the processes of a worker give memory back."""
    release_memory_when_freed()


@signals.celeryd_init.connect
@signals.beat_init.connect
def refuse_without_broker(**signal: Any) -> None:
    """Keep a worker or the schedule from starting where tasks run in their caller, and so never reach it."""
    if app.conf.task_always_eager:
        raise SystemExit("Error: REDIS_URL is not set, so there is no broker to take tasks from; set it.")


@signals.worker_ready.connect
@signals.beat_init.connect
def tell_service_manager(**signal: Any) -> None:
    """Tell it, where it asked to be told, that the worker takes tasks, or that the schedule has begun.

    Source: sd_notify(3).
    """
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            # An address that begins with @ is abstract, which the kernel writes as a zero byte.
            manager.sendto(b"READY=1", address.replace("@", "\0", 1) if address.startswith("@") else address)
