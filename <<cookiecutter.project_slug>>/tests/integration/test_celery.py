"""Tasks through a real broker and a real worker."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection as database_connection
from django.test import Client
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.core.tasks import clear_expired_sessions
from config import celery_app
from ops.preflight.checks import tasks as preflight_tasks
from ops.preflight.tasks import answer
from tests.integration.preflight.conftest import look

ROOT = Path(__file__).resolve().parents[2]


QUEUE = f"test-{os.getpid()}"


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A worker on the test's database and a queue of its own."""
    database = database_connection.settings_dict
    user = f"{database['USER']}:{database['PASSWORD']}@" if database["USER"] else ""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DATABASE_URL": f"postgres://{user}{database['HOST']}:{database['PORT']}/{database['NAME']}",
    }
    command = [sys.executable, "-m", "celery", "-A", "config", "worker"]
    command += ["--concurrency", "1", "--queues", QUEUE]
    log = tmp_path / "worker.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        for _ in range(150):
            if "ready." in log.read_text() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert "ready." in log.read_text(), log.read_text()
        yield
        process.terminate()
        assert process.wait(timeout=40) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.servers
def test_a_worker_runs_a_task_that_was_sent(worker: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    session = SessionStore()
    session.create()
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    clear_expired_sessions.apply_async(queue=QUEUE)
    for _ in range(100):
        if not Session.objects.exists():
            return
        time.sleep(0.1)
    pytest.fail("The worker did not run the task within 10 seconds.")


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
    assert (severity, message.startswith("A task came through a worker in ")) == ("ok", True)
    # One that lives, and takes no task of the queue.
    send_preflight_to(f"{QUEUE}-busy", monkeypatch)
    monkeypatch.setattr(preflight_tasks, "WAIT", 0.3)
    severity, message, remedy = look("worker")
    assert (severity, message.startswith("A worker lives (celery@")) == ("warning", True)
    assert "--concurrency" in remedy


@pytest.mark.servers
def test_preflight_sees_that_there_is_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    send_preflight_to(f"{QUEUE}-nobody", monkeypatch)
    monkeypatch.setattr(preflight_tasks, "WAIT", 0.3)
    monkeypatch.setattr(preflight_tasks, "is_worker", lambda name: QUEUE in name)
    severity, message, remedy = look("worker")
    assert (severity, message) == ("error", "No worker has run a task within 0 s, and none answers.")
    assert "tart the worker" in remedy
    assert look("broker")[:2] == ("ok", "The broker takes connections.")


def test_preflight_asks_no_worker_while_the_site_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    send_preflight_to(QUEUE, monkeypatch)
    monkeypatch.setattr(settings, "READ_ONLY_MODE", True)
    assert look("worker")[0] == "note"


def test_preflight_sees_that_there_is_no_broker() -> None:
    severity, _, remedy = look("broker")
    assert (severity, "REDIS_URL" in remedy) == ("error", True)
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
        severity, message, remedy = look("broker")
    assert (severity, message.startswith("It does not answer: ")) == ("error", True)
    assert "hunter2" not in message
    assert "REDIS_URL" in remedy


@pytest.mark.parametrize("arguments", [["worker"], ["beat", "--schedule", "schedule"]], ids=["worker", "beat"])
def test_without_a_broker_nothing_waits_for_tasks(arguments: list[str], tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    run = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "config", *arguments],
        cwd=tmp_path,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings.development", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert run.returncode == 1
    assert "Error: REDIS_URL is not set" in run.stderr


@pytest.mark.servers
def test_clearing_the_cache_leaves_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    queue = f"{QUEUE}-waiting"
    clear_expired_sessions.apply_async(queue=queue)
    cache.set("key", "value")
    cache.clear()
    assert cache.get("key") is None
    with celery_app.connection_for_read() as connection:
        waiting = connection.SimpleQueue(queue)
        assert waiting.qsize() == 1
        waiting.clear()


@pytest.mark.servers
@pytest.mark.django_db(transaction=True)
def test_ready_asks_the_broker(client: Client) -> None:
    assert client.get("/ready/").json()["checks"]["broker"] is True


@pytest.mark.parametrize("state", ["refusing", "frozen"])
def test_a_broker_that_fails_holds_a_request_for_seconds_only(
    monkeypatch: pytest.MonkeyPatch, refusing_server: str, frozen_server: str, state: str
) -> None:
    place = refusing_server if state == "refusing" else frozen_server
    with Celery("elsewhere", set_as_current=False) as elsewhere:
        elsewhere.config_from_object("django.conf:settings", namespace="CELERY")
        elsewhere.conf.update(broker_url=f"redis://{place}/0", task_always_eager=False)
        start = time.perf_counter()
        with pytest.raises(OperationalError):
            elsewhere.send_task("apps.core.tasks.clear_expired_sessions")
        assert time.perf_counter() - start < 3
