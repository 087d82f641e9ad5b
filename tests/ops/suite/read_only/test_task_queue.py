"""manage.py task_queue, and what the broker may deliver how often, with a real broker and a real worker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from celery import Celery, shared_task
from django.core.management import CommandError, call_command
from pytest_django import Settings
from redis import Redis

from config import celery_app
from ops.deliveries import check_time_limits, parked_key
from ops.read_only.queue import taken, waiting

ROOT = Path(__file__).resolve().parents[3]
QUEUE = f"test-task-queue-{os.getpid()}"
UNACKED = f"{QUEUE}-unacked"
# Each process that is killed costs the worker a second or more.
DELIVERY_LIMIT = 2


@shared_task
def work(seconds: float, secret: str = "") -> None:
    """Take a while."""
    time.sleep(seconds)


@shared_task
def other() -> None:
    """Do nothing."""


@shared_task
def kill(folder: str, how: str) -> None:
    """End the process, as one that takes too much memory, unless there is the file ``mended``."""
    with Path(folder, how).open("a") as runs:
        runs.write(".")
    if Path(folder, "mended").exists():
        return
    if how == "exit":
        sys.exit(1)
    os.kill(os.getpid(), signal.SIGKILL)


def task_queue(*arguments: str) -> str:
    """Return what the command says."""
    said = StringIO()
    call_command("task_queue", *arguments, stdout=said)
    return said.getvalue()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Send to a queue of the test's own, and look at no other."""
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    monkeypatch.setitem(celery_app.conf, "task_default_queue", QUEUE)
    names = {"unacked_key": UNACKED, "unacked_index_key": f"{UNACKED}-index", "unacked_mutex_key": f"{UNACKED}-mutex"}
    options = celery_app.conf.broker_transport_options | names
    monkeypatch.setitem(celery_app.conf, "broker_transport_options", options)
    forget(celery_app)
    yield
    with Redis.from_url(celery_app.conf.broker_url) as redis:
        redis.delete(QUEUE, f"_kombu.binding.{QUEUE}", parked_key(), *names.values())
    monkeypatch.undo()
    forget(celery_app)


def forget(app: Celery) -> None:
    """Have Celery read its settings anew at the next task."""
    app.__dict__["_pool"] = None
    app.__dict__.pop("amqp", None)


@pytest.fixture
def worker(broker: None, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker of one process."""
    start = (
        "import sys; from config import celery_app; import json;"
        "celery_app.conf.broker_transport_options.update(json.loads(sys.argv.pop(1)));"
        "celery_app.worker_main(sys.argv[1:])"
    )
    options = {key: value for key, value in celery_app.conf.broker_transport_options.items() if "unacked_" in key}
    command = [sys.executable, "-c", start, json.dumps(options), "worker", "--without-mingle"]
    command += ["--concurrency", "1", "--queues", QUEUE, "--include", __name__, "--hostname", f"{QUEUE}@here"]
    log = tmp_path / "worker.log"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "config.settings.development",
        "TASK_DELIVERY_LIMIT": str(DELIVERY_LIMIT),
    }
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(log, "ready.")
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(log: Path, text: str) -> None:
    """Wait until a log has a text."""
    for _ in range(600):
        if text in log.read_text():
            return
        time.sleep(0.1)
    pytest.fail(log.read_text())


@pytest.mark.servers
@pytest.mark.usefixtures("broker")
def test_what_waits_is_counted_and_one_kind_is_removed() -> None:
    for _ in range(3):
        work.delay(0, secret="hunter2")
    other.apply_async(priority=9)
    said = task_queue()
    assert said.startswith(f"Waiting: 4\n       3    {work.name}\n       1    {other.name}\nTaken by workers: 0\n")
    assert "hunter2" not in said
    with pytest.raises(CommandError, match=r"There is no task apps\.nothing"):
        task_queue("--remove", "apps.nothing")
    assert task_queue("--remove", work.name) == "Removed 3 that waited and 0 that workers had taken.\n"
    assert waiting() == Counter({other.name: 1})
    assert task_queue("--remove-all") == "Removed 1 that waited and 0 that workers had taken.\n"
    assert waiting() == Counter()


@pytest.mark.servers
def test_what_runs_is_told_and_runs_no_second_time_when_it_was_removed(
    worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    task = work.delay(6)
    wait_for(tmp_path / "worker.log", f"{task.id}] received")
    # It is received a moment before it runs; other workers of this Redis answer too.
    said = task_queue()
    if f"{QUEUE}@here runs 1\n" not in said:
        said = task_queue()
    assert f"Waiting: 0\nTaken by workers: 1\n       1    {work.name}\n" in said
    assert f"{QUEUE}@here runs 1\n" in said
    assert f" s  {work.name}  {task.id}\n" in said
    assert task_queue("--remove", work.name) == "Removed 0 that waited and 1 that workers had taken.\n"
    wait_for(tmp_path / "worker.log", f"task_id={task.id}")
    assert taken() == Counter()


@pytest.mark.servers
def test_task_that_ends_its_process_is_parked_and_can_be_replayed(
    worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    tasks = {how: kill.delay(str(tmp_path), how) for how in ("kill", "exit")}
    for task in tasks.values():
        wait_for(log, f"{kill.name}[{task.id}] was parked")
    # The worker goes on with other tasks.
    wait_for(log, f"task_id={other.delay().id}")
    said = task_queue()
    assert said.startswith("Waiting: 0\nTaken by workers: 0\nParked: 2\n  ")
    assert str(tmp_path) not in said
    (tmp_path / "mended").touch()
    for how, task in tasks.items():
        assert f"{kill.name}  {task.id}\n" in said
        assert (tmp_path / how).read_text() == "." * DELIVERY_LIMIT
        assert task_queue("--replay", task.id) == f"Sent again: {task.id}\n"
        wait_for(tmp_path / how, "." * (DELIVERY_LIMIT + 1))
        with pytest.raises(CommandError, match=f"No task {task.id} is parked"):
            task_queue("--discard", task.id)
    assert "Parked: 0\n" in task_queue()


@pytest.mark.servers
@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize(
    "send",
    [
        lambda: other.apply_async(countdown=3600),
        lambda: other.apply_async(eta=datetime.now(UTC) + timedelta(hours=1)),
        lambda: other.apply_async(countdown=1000),
        lambda: other.apply_async(time_limit=3600),
        lambda: other.s().set(countdown=3600).delay(),
        lambda: celery_app.send_task(other.name, countdown=3600),
        lambda: celery_app.send_task("elsewhere.task", eta=(datetime.now(UTC) + timedelta(hours=1)).isoformat()),
    ],
)
def test_task_that_would_be_delivered_again_while_it_waits_or_runs_is_not_sent(send: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"cannot be sent .* less than the visibility timeout of 1200 s"):
        send()
    assert waiting() == Counter()


@pytest.mark.servers
@pytest.mark.usefixtures("broker")
def test_task_that_waits_for_less_than_the_visibility_timeout_is_sent() -> None:
    other.apply_async(countdown=600)
    other.apply_async(countdown=1100, time_limit=60)
    assert waiting() == Counter({other.name: 2})


def test_long_countdown_is_refused_where_tasks_run_in_their_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", True)
    with pytest.raises(ValueError, match="cannot be sent"):
        other.apply_async(countdown=3600)


def test_time_limit_above_the_visibility_timeout_is_an_error_of_check(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_time_limits() == []
    monkeypatch.setattr(other, "time_limit", 1200)
    [error] = check_time_limits()
    assert error.msg.startswith(
        f"The task {other.name} has a time limit of 1200 s: after the visibility timeout of 1200 s"
    )


@pytest.mark.servers
@pytest.mark.usefixtures("broker")
def test_tasks_move_here_from_where_former_versions_kept_them(settings: Settings) -> None:
    with Redis.from_url(celery_app.conf.broker_url) as redis:
        sent = [other.apply_async(priority=priority).id for priority in (0, 0, 0, 9)]
        lists = {
            name: redis.lrange(name, 0, -1) for name in redis.scan_iter(f"{QUEUE}*") if redis.type(name) == b"list"
        }
        [taken, *_] = lists[QUEUE.encode()]
        redis.delete(*lists)
    # A database that nothing else uses, after the one that the cache then has.
    number = 7
    settings.REDIS_URL = celery_app.conf.broker_url.rpartition("/")[0] + f"/{number - 1}"
    with Redis.from_url(settings.REDIS_URL.rpartition("/")[0] + f"/{number}") as former:
        former.hset(UNACKED, "1", json.dumps([json.loads(taken), "", QUEUE]))
        for name, messages in lists.items():
            former.rpush(name, *[message for message in messages if message != taken])
        try:
            assert task_queue("--move-former") == "Moved 4 tasks.\n"
            assert former.dbsize() == 0
        finally:
            former.flushdb()
    assert waiting() == Counter({other.name: len(sent)})
    assert task_queue("--move-former") == "Moved 0 tasks.\n"
    task_queue("--remove-all")


def test_without_a_broker_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", True)
    with pytest.raises(CommandError, match="There is no broker"):
        task_queue()


def test_a_broker_that_does_not_answer_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, refusing_server: str) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    monkeypatch.setitem(celery_app.conf, "broker_read_url", f"redis://:hunter2@{refusing_server}/0")
    with pytest.raises(CommandError, match="The broker does not respond") as raised:
        task_queue()
    assert "hunter2" not in str(raised.value)
