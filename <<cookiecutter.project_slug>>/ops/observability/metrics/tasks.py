"""What the metrics say of tasks: how many wait, and how those ended that workers have run."""

from collections.abc import Iterator

from celery import current_app

from ops import deliveries
from ops.contracts import Sample
from ops.observability.metrics import task_results

# Told of every task even while there are none: Prometheus does not notice that what was not there has grown.
STATES = ("SUCCESS", "FAILURE")
WAITING = "Tasks that wait in a queue"
PARKED = "Tasks that run no more, for they did not end in any of their deliveries"
RESULTS = "Tasks that workers have run, by how they ended"
SECONDS = "Seconds that workers have run tasks for, by how they ended"


def queues() -> Iterator[Sample]:
    """Yield how many tasks wait in each queue of the project's, and how many are parked."""
    with deliveries.broker() as channel:
        yield Sample("site_tasks_parked", PARKED, deliveries.count_parked(channel))
        for name in current_app.amqp.queues:
            # Of all its priorities, where asking the broker in AMQP's way tells of a queue only when it was used.
            yield Sample("site_queue_length", WAITING, channel._size(name), {"queue": name})


def results() -> Iterator[Sample]:
    """Yield how many tasks have ended in each way, by name, and how many seconds those took."""
    current_app.autodiscover_tasks(force=True)
    names = [name for name in current_app.tasks if not name.startswith("celery.")]
    counts = {f"{state} {name}": 0.0 for name in names for state in STATES}
    seconds = dict(counts)
    with task_results.client().pipeline(transaction=False) as pipeline:
        pipeline.hgetall(task_results.COUNTS)
        pipeline.hgetall(task_results.SECONDS)
        for numbers, found in zip((counts, seconds), pipeline.execute(), strict=True):
            numbers.update({field.decode(): float(number) for field, number in found.items()})
    for name, help_text, numbers in (
        ("site_tasks_total", RESULTS, counts),
        ("site_task_seconds_total", SECONDS, seconds),
    ):
        for field, number in numbers.items():
            state, _, task = field.partition(" ")
            yield Sample(name, help_text, number, {"task": task, "state": state})
