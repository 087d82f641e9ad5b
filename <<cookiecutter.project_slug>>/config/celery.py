"""The Celery application: ``celery -A config worker`` runs tasks, ``celery -A config beat`` starts the scheduled."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

app = Celery("<< cookiecutter.project_slug >>")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
