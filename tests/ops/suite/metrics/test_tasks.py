"""Results of tasks, and a Redis that does not take them. The template's tests count those of a real worker."""

import logging
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from apps.core.tasks import clear_expired_sessions
from config import celery_app
from ops import deliveries
from ops.observability.metrics import task_results, tasks


@pytest.fixture(autouse=True)
def fresh_client() -> Iterator[None]:
    """The connection belongs to the Redis of the settings."""
    task_results.client.cache_clear()
    yield
    task_results.client.cache_clear()


@pytest.mark.servers
@pytest.mark.django_db
def test_a_task_that_ran_in_its_caller_is_none_of_a_worker() -> None:
    def counted() -> float:
        return sum(sample.value for sample in tasks.results() if sample.name == "site_tasks_total")

    before = counted()
    clear_expired_sessions.delay().get()
    assert counted() == before


@pytest.mark.servers
def test_every_task_is_told_of_before_it_has_run() -> None:
    results = {tuple(sample.labels.values()) for sample in tasks.results()}
    assert ("apps.core.tasks.clear_expired_sessions", "FAILURE") in results
    assert not {task for task, _ in results if task.startswith("celery.")}


@pytest.mark.servers
def test_results_add_up() -> None:
    def counted() -> dict[str, float]:
        labels = {"task": clear_expired_sessions.name, "state": "RETRY"}
        return {sample.name: sample.value for sample in tasks.results() if sample.labels == labels}

    before = counted()
    for seconds in (0.5, 1.5):
        task_results.count(clear_expired_sessions, "RETRY", seconds)
    after = counted()
    assert after["site_tasks_total"] - before.get("site_tasks_total", 0) == 2
    assert after["site_task_seconds_total"] - before.get("site_task_seconds_total", 0) == pytest.approx(2)


@pytest.mark.servers
def test_queues_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    # One that no worker takes from.
    queue = f"test-metrics-{os.getpid()}"
    clear_expired_sessions.apply_async(queue=queue)
    clear_expired_sessions.apply_async(queue=queue)
    try:
        assert [sample.value for sample in tasks.queues() if sample.labels == {"queue": queue}] == [2]
    finally:
        del celery_app.amqp.queues[queue]
        with celery_app.connection_for_write() as connection:
            channel: Any = connection.default_channel
            channel.client.delete(queue, f"_kombu.binding.{queue}")


@pytest.mark.servers
def test_parked_tasks_are_told_and_deliveries_counted(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    def measured() -> dict[tuple[str, ...], float]:
        found = [*tasks.queues(), *tasks.results()]
        return {(sample.name, *sample.labels.values()): sample.value for sample in found}

    monkeypatch.setitem(celery_app.conf, "task_always_eager", False)
    settings.SERVICE_NAME = f"test-metrics-{os.getpid()}"
    assert measured()["site_tasks_parked",] == 0
    redelivered = ("site_tasks_total", clear_expired_sessions.name, "REDELIVERED")
    before = measured().get(redelivered, 0)
    task: Any = clear_expired_sessions
    task.push_request(id="1", args=(), kwargs={}, delivery_info={"redelivered": True})
    try:
        task_results.begin(clear_expired_sessions)
        assert [deliveries.begin(clear_expired_sessions) for _ in range(5)] == [True] * 4 + [False]
        assert measured()["site_tasks_parked",] == 1
        assert measured()[redelivered] == before + 1
    finally:
        clear_expired_sessions.pop_request()
        assert deliveries.discard("1") == ["1"]


def test_a_redis_that_is_down_fails_no_task(
    settings: Settings, refusing_server: str, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = f"redis://{refusing_server}/0"
    with caplog.at_level(logging.WARNING):
        task_results.count(clear_expired_sessions, "SUCCESS", 1)
    assert "The result of apps.core.tasks.clear_expired_sessions was not counted" in caplog.text


def test_a_redis_that_hangs_holds_a_task_for_a_second(settings: Settings, frozen_server: str) -> None:
    settings.REDIS_URL = f"redis://{frozen_server}/0"
    start = time.perf_counter()
    task_results.count(clear_expired_sessions, "SUCCESS", 1)
    assert time.perf_counter() - start < 3
