from datetime import timedelta
from typing import cast

import pytest
from celery.contrib.django.task import DjangoTask
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import timezone

from apps.core.tasks import clear_expired_sessions
from config import celery_app
from config.settings.components.celery import next_database, verified


@pytest.mark.django_db
def test_only_expired_sessions_are_removed_and_a_second_run_does_no_more() -> None:
    for days in (-1, 1):
        session = SessionStore()
        session.create()
        Session.objects.filter(pk=session.session_key).update(expire_date=timezone.now() + timedelta(days=days))
    for _ in range(2):
        clear_expired_sessions.delay()
        [left] = Session.objects.all()
        assert left.expire_date > timezone.now()


@pytest.mark.django_db(transaction=True)
def test_task_is_sent_when_the_transaction_is_committed() -> None:
    session = SessionStore()
    session.create()
    with transaction.atomic():
        Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
        # The stubs of shared_task know no other class than Celery's own.
        cast("DjangoTask[[], None]", clear_expired_sessions).delay_on_commit()
        assert Session.objects.exists()
    assert not Session.objects.exists()


def test_every_scheduled_task_exists_and_its_time_is_that_of_the_site() -> None:
    celery_app.loader.import_default_modules()
    assert celery_app.conf.timezone == settings.TIME_ZONE
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(celery_app.tasks)


@pytest.mark.parametrize(
    ("url", "following"),
    [
        ("redis://:p%40ss@db:6379/0", "redis://:p%40ss@db:6379/1"),
        ("rediss://db", "rediss://db/1"),
        ("redis://db/7?ssl_cert_reqs=required", "redis://db/8?ssl_cert_reqs=required"),
    ],
)
def test_tasks_are_kept_in_the_database_after_that_of_the_cache(url: str, following: str) -> None:
    assert next_database(url) == following


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("redis://db/1", "redis://db/1"),
        ("rediss://:p%40ss@db/1", "rediss://:p%40ss@db/1?ssl_cert_reqs=required"),
        ("rediss://db/1?ssl_ca_certs=/ca.pem", "rediss://db/1?ssl_ca_certs=/ca.pem&ssl_cert_reqs=required"),
        ("rediss://db/1?ssl_cert_reqs=none", "rediss://db/1?ssl_cert_reqs=none"),
    ],
)
def test_a_certificate_is_checked_unless_the_url_says_otherwise(url: str, checked: str) -> None:
    assert verified(url) == checked


def test_a_redis_url_without_a_database_number_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="REDIS_URL must end in a database's number"):
        next_database("redis://db/cache")


def test_nothing_is_lost_when_a_worker_dies() -> None:
    conf = celery_app.conf
    assert (conf.task_acks_late, conf.task_reject_on_worker_lost, conf.worker_prefetch_multiplier) == (True, True, 1)
    assert (conf.task_time_limit, conf.task_soft_time_limit, conf.worker_max_tasks_per_child) == (300, 240, 1000)
    assert conf.worker_soft_shutdown_timeout == 25
    assert conf.broker_transport_options["visibility_timeout"] > conf.task_time_limit
    assert conf.accept_content == ["json"]
