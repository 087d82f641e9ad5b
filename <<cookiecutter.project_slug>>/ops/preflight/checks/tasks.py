"""Celery: whether tasks can be sent, and a worker runs them."""

import time

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import get_random_string

from ops import deliveries, probes
from ops.contracts import Finding, Target, error, note, ok, reason, warning
from ops.deployments import commands
from ops.preflight.tasks import answer, key_of
from ops.read_only_state import read_only_state


def check_broker(target: Target) -> Finding:
    """Find whether the broker answers a new connection, and holds no parked task."""
    here = commands()
    if settings.CELERY_TASK_ALWAYS_EAGER:
        return error(
            "There is no broker: tasks run in their caller.",
            f"Let REDIS_URL in {here.settings} name a Redis. {here.apply}",
        )
    try:
        probes.check_broker()
    except Exception as failure:  # noqa: BLE001 - each transport has exceptions of its own
        return error(
            f"It does not respond: {reason(failure)}.",
            f"See that REDIS_URL, or CELERY_BROKER_URL, in {here.settings} is right. {here.start_redis}",
        )
    with deliveries.broker() as channel:
        count = deliveries.count_parked(channel)
    if count:
        return warning(
            f"{count} tasks are parked: they did not end in {settings.TASK_DELIVERY_LIMIT} deliveries.",
            f"See docs/runbooks/queue-backlog.md, and list them: {here.manage} task_queue",
        )
    return ok("The broker takes connections.")


# Seconds for which a task is waited for; then for a worker to say that it lives.
WAIT = 5.0
PING = 1.5


def check_worker(target: Target) -> Finding:
    """Find whether a task that is sent is run: it writes a word into the cache."""
    here = commands()
    if settings.CELERY_TASK_ALWAYS_EAGER:
        return note("Skipped: there is no broker.")
    if read_only_state():
        return note("Skipped: the worker takes no tasks while the site is read-only.")
    word = get_random_string(24)
    start = time.monotonic()
    try:
        cache.get(key_of(word))
        # One that nobody takes is thrown away.
        answer.apply_async(args=(word,), expires=WAIT + 1)
        while time.monotonic() - start < WAIT:
            if cache.get(key_of(word)) == word:
                cache.delete(key_of(word))
                return ok(f"A worker ran a task in {time.monotonic() - start:.1f} s.")
            time.sleep(0.05)
        living = [name for reply in current_app.control.ping(timeout=PING) or [] for name in reply if is_worker(name)]
    except Exception as failure:  # noqa: BLE001 - each transport and cache has exceptions of its own
        return error(f"A test task could not be sent: {reason(failure)}.", here.start_redis)
    if living:
        return warning(
            f"A worker lives ({', '.join(living)}), but has not run a task within {WAIT:.0f} s: it is busy, or stuck.",
            f"See what it does, and give it more processes with --concurrency. {here.start_worker}",
        )
    return error(f"No worker ran a task within {WAIT:.0f} s, and none responds.", here.start_worker)


def is_worker(name: str) -> bool:
    """Say whether who answers runs tasks; what starts the scheduled ones answers too."""
    return not name.startswith("beat@")
