"""How often, and for how long, the broker may hand out a task.

A worker acknowledges a task after it has run. Redis delivers a task again when its process was killed, and when it has
not been acknowledged within the visibility timeout. Without a limit, a task that kills its process is delivered for
ever, and a task that waits or runs for longer than the timeout runs several times at once.
"""

import contextlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task, current_app
from celery.canvas import Signature
from celery.utils.time import maybe_make_aware
from django.conf import settings
from django.core.checks import CheckMessage, Error
from kombu.exceptions import OperationalError
from kombu.utils.json import dumps, loads
from redis import RedisError

logger = logging.getLogger(__name__)

# Seconds for which the deliveries of a task are remembered after the last of them.
COUNT_KEPT = 7 * 86400
# kombu's own, where the settings have none.
DEFAULT_VISIBILITY_TIMEOUT = 3600


class App(Celery):
    """Celery, which refuses to send a task that would be delivered again while it waits or runs."""

    def send_task(self, name: str, *args: Any, **options: Any) -> Any:
        """Send a task by its name; raise ValueError if the broker cannot keep it for so long."""
        refuse_long_hold(self, name, options)
        return super().send_task(name, *args, **options)


def refuse_long_hold(app: Celery, name: str, options: dict[str, Any]) -> None:
    """Raise ValueError unless a task that is sent with ``options`` is acknowledged within the visibility timeout.

    A worker takes a task with a countdown or an ETA at once, and holds it until its time has come.
    """
    task: Any = app.tasks.get(name)
    delay = float(options.get("countdown") or 0)
    if eta := options.get("eta"):
        eta = datetime.fromisoformat(eta) if isinstance(eta, str) else eta
        delay = max(delay, (maybe_make_aware(eta, app.timezone) - datetime.now(UTC)).total_seconds())
    run = 0 if task and not task.acks_late else options.get("time_limit") or time_limit(app, task)
    timeout = visibility_timeout(app)
    if delay + run >= timeout:
        raise ValueError(
            f"{name} cannot be sent with a delay of {delay:.0f} s and a time limit of {run:.0f} s: together they must "
            f"be less than the visibility timeout of {timeout:.0f} s, or the task runs several times. Write the time "
            "to the database, and let a scheduled task send what is due; or divide the task into shorter ones."
        )


def visibility_timeout(app: Celery) -> float:
    """Return after how many seconds the broker delivers a task again that was not acknowledged."""
    return float((app.conf.broker_transport_options or {}).get("visibility_timeout", DEFAULT_VISIBILITY_TIMEOUT))


def time_limit(app: Celery, task: Any) -> float:
    """Return after how many seconds a task is killed; 0 stands for never."""
    return float((task and task.time_limit) or app.conf.task_time_limit or 0)


def check_time_limits(**kwargs: Any) -> list[CheckMessage]:
    """Return an error for each task that may run for longer than the visibility timeout."""
    current_app.autodiscover_tasks(force=True)
    timeout = visibility_timeout(current_app)
    return [
        Error(
            f"The task {name} has {f'a time limit of {limit:.0f} s' if limit else 'no time limit'}: after the "
            f"visibility timeout of {timeout:.0f} s it is delivered again while it still runs.",
            hint="Set a time_limit below visibility_timeout in CELERY_BROKER_TRANSPORT_OPTIONS, or raise that.",
            id="deliveries.E001",
        )
        for name, task in sorted(current_app.tasks.items())
        if task.acks_late and not 0 < (limit := time_limit(current_app, task)) < timeout
    ]


@contextlib.contextmanager
def broker() -> Iterator[Any]:
    """Connect to the broker, and yield kombu's channel; raise OperationalError of kombu when it does not answer."""
    with current_app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1)
        yield connection.default_channel


def count_key(task_id: str) -> str:
    """Return where the deliveries of a task are counted."""
    return f"{settings.SERVICE_NAME}:deliveries:{task_id}"


def parked_key() -> str:
    """Return where parked tasks are kept, by their IDs."""
    return f"{settings.SERVICE_NAME}:parked-tasks"


def begin(task: Task[..., Any]) -> bool:
    """Count a delivery of the task that is about to run, and return whether it may run; else it is parked.

    Only deliveries after the first are counted, so what runs once costs nothing.
    """
    if not is_redelivered(task):
        return True
    task_id = str(task.request.id)
    try:
        with broker() as channel, channel.client.pipeline() as pipeline:
            pipeline.incr(count_key(task_id)).expire(count_key(task_id), COUNT_KEPT)
            count = pipeline.execute()[0]
            if count < settings.TASK_DELIVERY_LIMIT:
                return True
            since = datetime.now(UTC).isoformat(timespec="seconds")
            entry = {"name": task.name, "since": since, "signature": task.signature_from_request()}
            pipeline.hset(parked_key(), task_id, dumps(entry)).delete(count_key(task_id)).execute()
    except (OperationalError, RedisError) as error:
        logger.warning("The deliveries of %s[%s] cannot be counted: %s", task.name, task_id, error)
        return True
    logger.error(
        "The task %s[%s] was parked: %s times it was delivered and did not end. See docs/runbooks/queue-backlog.md.",
        task.name,
        task_id,
        count,
    )
    return False


def end(task: Task[..., Any]) -> None:
    """Forget the deliveries of a task that has ended, in whatever way but by the end of its process."""
    if not is_redelivered(task):
        return
    try:
        with broker() as channel:
            channel.client.delete(count_key(str(task.request.id)))
    except (OperationalError, RedisError) as error:
        logger.warning("The deliveries of %s[%s] cannot be forgotten: %s", task.name, task.request.id, error)


def is_redelivered(task: Task[..., Any]) -> bool:
    """Return whether the broker has delivered the task that runs before."""
    return bool((task.request.delivery_info or {}).get("redelivered"))


def parked() -> dict[str, dict[str, Any]]:
    """Return the parked tasks by their IDs, the oldest first: ``name``, ``since`` in UTC, and ``signature``."""
    with broker() as channel:
        entries = {key.decode(): loads(text) for key, text in channel.client.hgetall(parked_key()).items()}
    return dict(sorted(entries.items(), key=lambda item: item[1]["since"]))


def count_parked(channel: Any) -> int:
    """Return how many tasks are parked. Args: ``channel``, of ``broker``."""
    return int(channel.client.hlen(parked_key()))


def replay(which: str) -> list[str]:
    """Send parked tasks again, which may be delivered as often as new ones; return their IDs.

    ``which`` is an ID, or the name of the tasks.
    """
    sent = []
    with broker() as channel:
        for task_id, entry in parked_as(which).items():
            Signature.from_dict(entry["signature"], app=current_app).apply_async()
            if channel.client.hdel(parked_key(), task_id):
                sent.append(task_id)
    return sent


def discard(which: str) -> list[str]:
    """Remove parked tasks by their ID or name, which then never run; return their IDs."""
    with broker() as channel:
        return [task_id for task_id in parked_as(which) if channel.client.hdel(parked_key(), task_id)]


def parked_as(which: str) -> dict[str, dict[str, Any]]:
    """Return the parked tasks with an ID or a name."""
    return {task_id: entry for task_id, entry in parked().items() if which in (task_id, entry["name"])}
