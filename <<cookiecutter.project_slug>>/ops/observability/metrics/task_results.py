"""What workers count: the results of tasks, in the cache's Redis, which all of them reach and need no port for.

Workers alone import this, by CELERY_IMPORTS. The numbers last for as long as Redis keeps them: they begin anew when
the cache is cleared, which Prometheus takes for a restart.
"""

import logging
import time
from functools import cache
from typing import Any

import redis
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.exceptions import Reject
from django.conf import settings

from ops.deliveries import is_redelivered

logger = logging.getLogger(__name__)

# Two hashes, of the number of results and of their seconds, by "STATE name".
COUNTS = f"{settings.SERVICE_NAME}:metrics:tasks"
SECONDS = f"{COUNTS}:seconds"


@cache
def client() -> redis.Redis:
    """Return the cache's Redis; one that hangs holds a task for a second."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1, retry=None)


@signals.task_prerun.connect
def begin(task: Any, **signal: Any) -> None:
    """Note when a task begins, and count one that has begun before and did not end."""
    task.request.metrics_start = time.perf_counter()
    if is_redelivered(task):
        count(task, "REDELIVERED", 0)


@signals.task_postrun.connect
def end(task: Any, state: str | None, **signal: Any) -> None:
    """Count a task that has ended, however it did."""
    count(task, state or "UNKNOWN", time.perf_counter() - task.request.metrics_start)


@signals.task_failure.connect
def lost(sender: Any, exception: BaseException, **signal: Any) -> None:
    """Count a task whose process was killed, because of the time limit or by somebody else; it cannot itself.

    Likewise a task that is dropped, as one is whose retry cannot be sent, and one that is parked.
    """
    if isinstance(exception, TimeLimitExceeded | WorkerLostError | Reject):
        count(sender, "FAILURE", 0)


def count(task: Any, state: str, seconds: float) -> None:
    """Add a result; a Redis that is down fails no task."""
    if task.request.is_eager:
        return
    field = f"{state} {task.name}"
    try:
        with client().pipeline(transaction=False) as pipeline:
            pipeline.hincrby(COUNTS, field, 1)
            pipeline.hincrbyfloat(SECONDS, field, seconds)
            pipeline.execute()
    except redis.RedisError as error:
        logger.warning("The result of %s was not counted: %s", task.name, error)
