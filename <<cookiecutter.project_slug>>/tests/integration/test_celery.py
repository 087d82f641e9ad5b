"""Tasks through a real broker and a real worker."""

import contextlib
import os
import socketserver
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
from celery import Celery
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection as database_connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.core.tasks import clear_expired_sessions
from apps.users.models import User
from apps.users.tasks import send_password_reset
from config import celery_app

ROOT = Path(__file__).resolve().parents[2]


QUEUE = f"test-{os.getpid()}"


@contextlib.contextmanager
def running_worker(log: Path, change: str = "", **variables: str) -> Iterator[None]:
    """Run a worker on the test's database and a queue of its own; it writes to ``log``.

    ``change`` is code that it runs first, and ``variables`` are added to its environment.
    """
    database = database_connection.settings_dict
    user = f"{database['USER']}:{database['PASSWORD']}@" if database["USER"] else ""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DATABASE_URL": f"postgres://{user}{database['HOST']}:{database['PORT']}/{database['NAME']}",
        **variables,
    }
    start = f"import sys\nfrom config import celery_app\n{change}\ncelery_app.worker_main(sys.argv[1:])"
    command = [sys.executable, "-c", start, "worker"]
    command += ["--concurrency", "1", "--queues", QUEUE]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        for _ in range(600):
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


@pytest.fixture
def worker(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """A worker that has begun to take tasks."""
    with running_worker(tmp_path / "worker.log"):
        yield


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


class MailServer(socketserver.ThreadingTCPServer):
    """A mail server on a port of this machine, which answers each recipient with the next of ``answers``."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, answers: list[str]) -> None:
        self.messages: list[str] = []

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say("220 localhost")
                while command := self.rfile.readline().decode().strip().upper():
                    if command == "QUIT":
                        self.say("221 good bye")
                        return
                    if command == "DATA":
                        self.say("354 go on")
                        lines = iter(self.rfile.readline, b".\r\n")
                        message = b"".join(lines).decode()
                        self.server.messages.append(message)  # type: ignore[attr-defined]
                    self.say(answers.pop(0) if command.startswith("RCPT") else "250 well")

            def say(self, text: str) -> None:
                self.wfile.write(f"{text}\r\n".encode())

        super().__init__(("127.0.0.1", port), Session)


def said(log: Path, text: str, times: int = 1) -> None:
    """Wait until the worker has written a text so often."""
    end = time.monotonic() + 60
    while log.read_text().count(text) < times:
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.05)


@pytest.mark.servers
def test_password_reset_survives_a_mail_server_that_is_down_or_refuses(
    transactional_db: None, tmp_path: Path, refusing_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    email = f"{QUEUE}@example.com"
    User.objects.create_user(email, "correct horse battery")
    log, port = tmp_path / "worker.log", refusing_server.rpartition(":")[2]
    sooner = "import django; django.setup(); from apps.users import tasks; tasks.FIRST_DELAY = 0.5"
    place = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port, "EMAIL_USE_TLS": "false"}
    answers = ["450 greylisted", "250 well", *["550 not here"] * 3, "250 well"]
    with running_worker(log, sooner, LOG_LEVEL="INFO", **place):
        send = partial(send_password_reset.apply_async, (email, "https://example.com"), queue=QUEUE)
        send()
        said(log, "Connection refused")
        with MailServer(int(port), answers) as server:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            said(log, "task_succeeded")
            [message] = server.messages
            assert "https://example.com/accounts/reset/" in message
            # A failure counts as one, and not as a message: an account gets three in an hour.
            for number in range(3):
                send()
                said(log, "task_failed", number + 1)
            send()
            said(log, "task_succeeded", 2)
            server.shutdown()
    assert (len(server.messages), answers) == (2, [])
    assert log.read_text().count("greylisted") > 0


def test_worker_and_beat_without_a_broker_refuse_to_start(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    environment |= {"DJANGO_SETTINGS_MODULE": "config.settings.development", "PYTHONPATH": str(ROOT)}
    # Side by side: each takes seconds to load the code.
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for arguments in (["worker"], ["beat", "--schedule", "schedule"])
    ]
    try:
        for run in runs:
            assert "Error: REDIS_URL is not set" in run.communicate(timeout=60)[1]
            assert run.returncode == 1
    finally:
        for run in runs:
            run.kill()
            run.wait()


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
        # Celery by itself would try for ever; gunicorn ends a worker after 30 seconds.
        assert time.perf_counter() - start < 15
