"""The Celery application: ``celery -A config worker`` runs tasks, ``celery -A config beat`` starts the scheduled."""

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("<< cookiecutter.project_slug >>")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.celeryd_init.connect
@signals.beat_init.connect
def refuse_without_broker(**signal: Any) -> None:
    """Keep a worker or the schedule from starting where tasks run in their caller, and so never reach it."""
    if app.conf.task_always_eager:
        raise SystemExit("Error: REDIS_URL is not set, so there is no broker to take tasks from; set it.")
