"""What a worker writes of its tasks, and that a request can be followed into them."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from celery import shared_task
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path

from config import celery_app
from config.urls import urlpatterns as project_urls
from tests.ops.answers import USES_SENTRY
from tests.ops.sentry_server import SentryServer

ROOT = Path(__file__).resolve().parents[3]
QUEUE = f"test-logs-{os.getpid()}"
SECRET = "hunter2hunter"


@shared_task
def speak(token: str) -> str:
    logging.getLogger("shop").warning("Paid by token=%s", token)
    return token


@shared_task
def fail(token: str) -> None:
    raise RuntimeError(f"planted, with token={token}")


def send(request: HttpRequest) -> HttpResponse:
    sent = [task.apply_async((SECRET,), queue=QUEUE) for task in (speak, fail)]
    return HttpResponse("\n".join(task.id for task in sent))


urlpatterns = [*project_urls, path("send/", send)]


@pytest.mark.servers
@pytest.mark.urls(__name__)
def test_a_request_is_followed_into_its_tasks(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    response = client.get("/send/", headers={"X-Request-ID": "0123-abcd"})
    speaking, failing = response.content.decode().split()
    command = [sys.executable, "-m", "celery", "-A", "config", "--quiet", "worker", "--without-mingle"]
    command += ["--concurrency", "1", "--queues", QUEUE, "--include", __name__]
    # Development's settings but for what is written.
    settings = tmp_path / "for_machines.py"
    settings.write_text("from config.settings.development import *\nLOGGING = configuration(LOG_LEVEL)\n")
    path = f"{tmp_path}:{ROOT}"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "for_machines", "PYTHONPATH": path}
    sentry = SentryServer()
    if USES_SENTRY:
        environment["SENTRY_DSN"] = sentry.dsn(SECRET)
    log = tmp_path / "worker.log"
    with log.open("w") as output:
        worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 60
        while "task_failed" not in log.read_text() or "task_succeeded" not in log.read_text():
            assert worker.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        worker.terminate()
        assert worker.wait(timeout=40) == 0
    finally:
        worker.kill()
        worker.wait()

    assert SECRET not in log.read_text()
    # The last word is Celery's own, when it is stopped.
    said = log.read_text().partition("\nworker: Warm shutdown")[0]
    lines: list[dict[str, Any]] = [json.loads(line) for line in said.splitlines()]
    of_request = [line for line in lines if line.get("request_id") == "0123-abcd"]
    spoken, ended, failed = [(line["event"], line["task_id"], line["task"]) for line in of_request]
    assert spoken == ("Paid by token=[redacted]", speaking, speak.name)
    assert ended == ("task_succeeded", speaking, speak.name)
    assert failed == ("task_failed", failing, fail.name)
    assert of_request[1]["duration_ms"] >= 0
    assert of_request[2]["exception"].endswith("RuntimeError: planted, with token=[redacted]")
    sentry.server_close()
    if USES_SENTRY:
        [event] = sentry.events()
        assert event["exception"]["values"][0]["value"] == "planted, with token=[redacted]"
        assert (event["tags"]["request_id"], event["tags"]["task_id"]) == ("0123-abcd", failing)
        assert SECRET not in json.dumps(event)
    # Once each: that it has come, and how it has ended.
    assert [str(line).count(failing) > 0 for line in lines].count(True) == 2
