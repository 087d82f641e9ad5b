"""What preflight and readiness find out about the broker and the workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.test import Client
from redis import Redis

from config import celery_app
from ops.deliveries import parked_key
from ops.preflight.checks import tasks as preflight_tasks
from ops.preflight.tasks import answer
from tests.integration.test_celery import QUEUE, running_worker
from tests.ops.preflight.conftest import look


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A worker that has begun to take tasks."""
    with running_worker(tmp_path / "worker.log"):
        yield


def send_preflight_to(queue: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the task of preflight go to a queue, and not wait for it as long as an operator does."""
    # In this order: what Celery has is what the settings have, and that is what it gets back.
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    monkeypatch.setattr(settings, "CELERY_TASK_ALWAYS_EAGER", False)
    monkeypatch.setattr(celery_app.tasks[answer.name], "_exec_options", {"queue": queue})


@pytest.mark.servers
def test_preflight_sees_whether_a_worker_runs_tasks(worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    send_preflight_to(QUEUE, monkeypatch)
    severity, message, _ = look("worker")
    assert (severity, message.startswith("A worker ran a task in ")) == ("ok", True)
    # One that lives, and takes no task of the queue.
    send_preflight_to(f"{QUEUE}-busy", monkeypatch)
    monkeypatch.setattr(preflight_tasks, "WAIT", 0.3)
    severity, message, hint = look("worker")
    assert (severity, message.startswith("A worker lives (celery@")) == ("warning", True)
    assert "--concurrency" in hint


@pytest.mark.servers
def test_preflight_sees_that_there_is_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    send_preflight_to(f"{QUEUE}-nobody", monkeypatch)
    monkeypatch.setattr(preflight_tasks, "WAIT", 0.3)
    monkeypatch.setattr(preflight_tasks, "is_worker", lambda name: QUEUE in name)
    severity, message, hint = look("worker")
    assert (severity, message) == ("error", "No worker ran a task within 0 s, and none responds.")
    assert "tart the worker" in hint
    assert look("broker")[:2] == ("ok", "The broker takes connections.")
    with Redis.from_url(celery_app.conf.broker_url) as redis:
        redis.hset(parked_key(), "1", "{}")
        try:
            severity, message, hint = look("broker")
        finally:
            redis.delete(parked_key())
    assert (severity, message) == ("warning", "1 tasks are parked: they did not end in 5 deliveries.")
    assert "task_queue" in hint


def test_preflight_asks_no_worker_while_the_site_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    send_preflight_to(QUEUE, monkeypatch)
    monkeypatch.setattr(settings, "READ_ONLY_MODE", True)
    assert look("worker")[0] == "note"


def test_preflight_sees_that_there_is_no_broker() -> None:
    severity, _, hint = look("broker")
    assert (severity, "REDIS_URL" in hint) == ("error", True)
    assert look("worker")[0] == "note"


@pytest.mark.parametrize("state", ["refusing", "frozen"])
def test_preflight_sees_a_broker_that_fails(
    monkeypatch: pytest.MonkeyPatch, refusing_server: str, frozen_server: str, state: str
) -> None:
    monkeypatch.setattr(settings, "CELERY_TASK_ALWAYS_EAGER", False)
    place = refusing_server if state == "refusing" else frozen_server
    with Celery("elsewhere", set_as_current=False) as elsewhere:
        elsewhere.config_from_object("django.conf:settings", namespace="CELERY")
        elsewhere.conf.update(broker_url=f"redis://:hunter2-and-more@{place}/0")
        monkeypatch.setattr("celery.current_app", elsewhere)
        severity, message, hint = look("broker")
    assert (severity, message.startswith("It does not respond: ")) == ("error", True)
    assert "hunter2" not in message
    assert "REDIS_URL" in hint


@pytest.mark.servers
@pytest.mark.django_db(transaction=True)
def test_ready_asks_the_broker(client: Client) -> None:
    assert client.get("/ready/").json()["checks"]["broker"] is True
