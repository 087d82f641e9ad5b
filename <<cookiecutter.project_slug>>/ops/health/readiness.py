"""Run the checks of /ready/ so that the response comes in time, whatever hangs, and so that many probes cost little."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from threading import Lock
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from ops import probes

logger = logging.getLogger(__name__)

Functions = Mapping[str, Callable[[], Any]]

# Seconds; a probe commonly waits two or more.
DEADLINE = 1.5

_running: dict[str, Future[Any]] = {}
_lock = Lock()


class _Latest:
    """The latest outcome of the checks in this process, and until when, on the monotonic clock, it is returned."""

    def __init__(self) -> None:
        self.outcome: dict[str, bool] = {}
        self.end = 0.0
        # Held while the checks run: callers who come meanwhile wait for that outcome.
        self.lock = Lock()


_latest = _Latest()


def run_checks(with_details: bool = False) -> tuple[dict[str, bool], dict[str, Any]]:
    """Return the outcome of each of ``READINESS_CHECKS``, and, if asked, what each of ``READINESS_DETAILS`` says.

    Both are functions without arguments. A check raises when what it asks about is not there; one that has not ended
    after DEADLINE seconds has failed. Its outcome is kept for ``READINESS_CACHE_SECONDS``, because each check opens a
    connection and anybody can ask. The details are always new. They have no part in whether the site is ready; None is
    what failed.
    """
    start = time.monotonic()
    functions = load()
    details = _start_all("details", functions[1] if with_details else {})
    with _latest.lock:
        # Whoever has waited for the lock takes the outcome that it was held for.
        if start >= _latest.end:
            checks = _start_all("check", functions[0])
            wait(checks.values(), timeout=DEADLINE)
            _latest.outcome = {name: _succeeded("check", name, future) for name, future in checks.items()}
            _latest.end = time.monotonic() + settings.READINESS_CACHE_SECONDS
        outcome = dict(_latest.outcome)
    wait(details.values(), timeout=max(0.0, start + DEADLINE - time.monotonic()))
    told = {name: future.result() if _succeeded("details", name, future) else None for name, future in details.items()}
    return outcome, told


def load() -> tuple[Functions, Functions]:
    """Import what is asked for readiness, checks and details, by name.

    A server does so when it starts, for to import a library at the first probe may take longer than that may.
    """
    return (
        {name: import_string(path) for name, path in settings.READINESS_CHECKS.items()},
        {name: import_string(path) for name, path in settings.READINESS_DETAILS.items()},
    )


def _start_all(kind: str, functions: Functions) -> dict[str, Future[Any]]:
    with _lock:
        return {name: _start(f"{kind}-{name}", function) for name, function in functions.items()}


def _start(name: str, function: Callable[[], Any]) -> Future[Any]:
    """Start a function in a daemon thread of its own, or join the one that still hangs since an earlier probe."""
    if name in _running and not _running[name].done():
        return _running[name]
    _running[name] = probes.start(f"readiness-{name}", function)
    return _running[name]


def _succeeded(kind: str, name: str, future: Future[Any]) -> bool:
    if not future.done():
        logger.warning("Readiness %s %s did not end within %s s.", kind, name, DEADLINE)
        return False
    if error := future.exception():
        logger.warning("Readiness %s %s failed: %s", kind, name, error)
        return False
    return True
