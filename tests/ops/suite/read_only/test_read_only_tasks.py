"""Tasks while the site is read-only: a real worker gives back what it has taken, and takes no more."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest
from celery import shared_task
from celery.result import AsyncResult
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import OperationalError, connection
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker
from redis import Redis

from config import celery_app
from ops.read_only import database
from ops.read_only.beat import Scheduler
from ops.read_only_state import lock, unlock

ROOT = Path(__file__).resolve().parents[3]
QUEUE = f"test-read-only-{os.getpid()}"


@shared_task
def write(name: str) -> None:
    """Write to the database."""
    Group.objects.create(name=name)


@shared_task(acks_late=False)
def write_acknowledged(name: str) -> None:
    """Write to the database, having left the queue before."""
    Group.objects.create(name=name)


@shared_task
def write_late(name: str, with_new_connection: bool) -> None:
    """Write to the database twice; between, when it runs for the first time, the site becomes read-only."""
    _, is_first = Group.objects.get_or_create(name=f"{name} begun")
    if is_first and with_new_connection:
        wait(database.refuses_writes)
    elif is_first:
        wait(partial(is_ended, connection.connection.info.backend_pid))
    Group.objects.create(name=name)


@shared_task
def fail() -> None:
    """Fail as a connection that was ended does."""
    raise OperationalError("terminating connection due to administrator command")


@dataclass(frozen=True)
class Worker:
    """A worker that was started while the site was read-only, and a task waited for it."""

    log: Path
    lock_file: Path

    def says(self, text: str) -> int:
        """Return how often its log has a text."""
        return self.log.read_text().count(text)

    def ran(self, task: AsyncResult[None], event: str = "task_succeeded") -> int:
        """Return how often its log says that a task has ended."""
        return sum(event in line and f"task_id={task.id}" in line for line in self.log.read_text().splitlines())


def wait(condition: Callable[[], object], seconds: float = 15) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_ended(session: int) -> bool:
    """Say whether a session of the database was ended."""
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [session])
        return cursor.fetchone() is None


def names() -> set[str]:
    """Return what tasks have written."""
    return set(Group.objects.values_list("name", flat=True))


def waiting(queue: str) -> int:
    """Return how many tasks wait in a queue."""
    with Redis.from_url(celery_app.conf.broker_url) as broker:
        return int(broker.llen(queue))


@pytest.fixture(scope="module")
def worker(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    """A worker on the test's database and a queue of its own, which is started while the site is read-only."""
    place = connection.settings_dict
    user = f"{place['USER']}:{place['PASSWORD']}@" if place["USER"] else ""
    folder = tmp_path_factory.mktemp("worker")
    started = Worker(folder / "worker.log", folder / ".read-only.lock")
    started.lock_file.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(celery_app.conf, "task_always_eager", False)
        write.apply_async(("before",), queue=QUEUE)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "DATABASE_URL": f"postgres://{user}{place['HOST']}:{place['PORT']}/{place['NAME']}",
        "READ_ONLY_LOCK_FILE": str(started.lock_file),
    }
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--loglevel", "INFO", "--without-mingle"]
    command += ["--concurrency", "4", "--queues", QUEUE, "--include", __name__]
    with started.log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait(lambda: started.says("ready.") or process.poll() is not None)
        assert process.poll() is None, started.log.read_text()
        yield started
        process.terminate()
        assert process.wait(timeout=40) == 0
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def _site(
    worker: Worker, transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A site that sends to this worker, and whose database can be written afterwards, whatever happens."""
    settings.READ_ONLY_LOCK_FILE = worker.lock_file
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    yield
    connection.close()
    place = {key: connection.settings_dict[key.upper()] for key in ("host", "port", "user", "password")}
    name = connection.settings_dict["NAME"]
    with closing(psycopg.connect(**place, dbname=name, options="-c default_transaction_read_only=off")) as session:
        session.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        session.commit()
    unlock()


@pytest.mark.servers
@pytest.mark.usefixtures("_site")
class TestWorker:
    def test_one_that_starts_meanwhile_takes_nothing(self, worker: Worker) -> None:
        assert worker.says("read-only no more") == 0
        time.sleep(0.5)
        assert (worker.says("received"), waiting(QUEUE)) == (0, 1)
        unlock()
        wait(lambda: names() == {"before"})

    def test_what_is_sent_meanwhile_runs_afterwards(self, worker: Worker) -> None:
        unlock()
        wait(lambda: worker.says("no tasks are taken") == worker.says("read-only no more"))
        lock("Moving")
        wait(lambda: worker.says("no tasks are taken") > worker.says("read-only no more"))
        tasks = [write.apply_async((f"task {number}",), queue=QUEUE) for number in range(5)]
        # Long enough for a worker that takes tasks.
        time.sleep(0.5)
        assert (names(), waiting(QUEUE)) == (set(), 5)
        unlock()
        wait(lambda: len(names()) == 5)
        wait(lambda: all(map(worker.ran, tasks)))
        assert [worker.ran(task) for task in tasks] == [1] * 5
        assert [worker.says(f"{task.id}] received") for task in tasks] == [1] * 5

    def test_what_has_been_taken_runs_again(self, worker: Worker) -> None:
        unlock()
        tasks = [
            write_late.apply_async(("refused", True), queue=QUEUE),
            write_late.apply_async(("cut off", False), queue=QUEUE),
            write.apply_async(("late",), queue=QUEUE, countdown=2),
            write_acknowledged.apply_async(("early",), queue=QUEUE, countdown=2),
        ]
        wait(lambda: names() == {"refused begun", "cut off begun"})
        wait(lambda: all(worker.says(f"{task.id}] received") for task in tasks))
        call_command("read_only", "on")
        wait(lambda: all(worker.says(f"{task.id}] reject requeue=True") for task in tasks[:3]))
        wait(lambda: worker.says(f"{tasks[3].id}] ignored"))
        assert worker.says("cannot execute INSERT in a read-only transaction")
        assert waiting(QUEUE) == 4
        assert names() == {"refused begun", "cut off begun"}
        call_command("read_only", "off")
        wait(lambda: all(map(worker.ran, tasks)))
        assert [worker.ran(task) for task in tasks] == [1] * 4
        assert names() == {"refused begun", "cut off begun", "refused", "cut off", "late", "early"}
        assert waiting(QUEUE) == 0

    def test_other_errors_stay_what_they_are(self, worker: Worker) -> None:
        unlock()
        task = fail.apply_async(queue=QUEUE)
        wait(lambda: worker.ran(task, "task_failed"))
        assert worker.says("OperationalError")


@pytest.mark.parametrize("is_locked", [True, False])
def test_who_runs_a_task_itself_gets_its_error(settings: Settings, tmp_path: Path, is_locked: bool) -> None:
    settings.READ_ONLY_LOCK_FILE = tmp_path / ".read-only.lock"
    if is_locked:
        lock("Moving")
    for call in (fail, fail.delay):
        with pytest.raises(OperationalError):
            call()


@pytest.mark.servers
def test_the_schedule_sends_once_afterwards_what_fell_due(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.READ_ONLY_LOCK_FILE = tmp_path / ".read-only.lock"
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    queue = f"{QUEUE}-schedule"
    entry = {"task": write.name, "args": ["scheduled"], "schedule": 0.3, "options": {"queue": queue}}
    monkeypatch.setitem(celery_app.conf, "beat_schedule", {"often": entry})
    scheduler = Scheduler(celery_app, schedule_filename=str(tmp_path / "schedule"))
    try:
        lock("Moving")
        for _ in range(3):
            assert scheduler.tick() == 1
            time.sleep(0.3)
        assert waiting(queue) == 0
        unlock()
        while scheduler.tick() == 0:
            pass
        assert waiting(queue) == 1
    finally:
        scheduler.close()
        with Redis.from_url(celery_app.conf.broker_url) as broker:
            broker.delete(queue, f"_kombu.binding.{queue}")


def test_the_schedule_is_that_one() -> None:
    assert celery_app.conf.beat_scheduler == "ops.read_only.beat:Scheduler"
