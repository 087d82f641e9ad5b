"""Runs the readiness checks so that the answer comes in time, whatever hangs."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Lock, Thread

from django.conf import settings
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

# Seconds; a probe commonly waits two or more.
DEADLINE = 1.5

_running: dict[str, Future[None]] = {}
_lock = Lock()


def run_checks() -> dict[str, bool]:
    """Return the outcome of each of ``READINESS_CHECKS``; one that has not ended after DEADLINE seconds has failed.

    A check is a function without arguments that raises when what it asks about is not there.
    """
    with _lock:
        futures = {name: _start(name, import_string(path)) for name, path in settings.READINESS_CHECKS.items()}
    wait(futures.values(), timeout=DEADLINE)
    return {name: _succeeded(name, future) for name, future in futures.items()}


def _start(name: str, check: Callable[[], None]) -> Future[None]:
    """Start a check in a daemon thread of its own, or join the one that still hangs since an earlier probe."""
    if name in _running and not _running[name].done():
        return _running[name]
    future: Future[None] = Future()

    def run() -> None:
        try:
            check()
        except Exception as error:  # noqa: BLE001 - whatever a check raises means that it failed
            future.set_exception(error)
        else:
            future.set_result(None)

    _running[name] = future
    # A daemon, for a thread that hangs must not keep the process from stopping.
    Thread(target=run, name=f"readiness-{name}", daemon=True).start()
    return future


def _succeeded(name: str, future: Future[None]) -> bool:
    if not future.done():
        logger.warning("Readiness check %s did not end within %s s.", name, DEADLINE)
        return False
    if error := future.exception():
        logger.warning("Readiness check %s failed: %s", name, error)
        return False
    return True
