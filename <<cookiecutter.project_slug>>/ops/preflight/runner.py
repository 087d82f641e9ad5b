"""Makes the checks, all at once, so that one that hangs keeps neither the others nor the command."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Overdue
from functools import partial

from django.utils.module_loading import import_string

from ops import probes
from ops.contracts import Check, Finding, Target, error, reason
from ops.deployments import commands
from ops.redaction import hide

# Seconds, for all of them together.
DEADLINE = 12.0


def run(paths: Mapping[str, str], target: Target) -> Iterator[tuple[str, Finding]]:
    """Yield the name and the finding of each check, in the order given; ``paths`` are dotted ones of functions.

    What a check raises, and that it has not ended after DEADLINE seconds, are findings too. Nothing secret is in any.
    """
    # Imported here, for threads that import the same at once can wait for each other.
    checks = {name: _load(path) for name, path in paths.items()}
    end = time.monotonic() + DEADLINE
    futures = {name: probes.start(f"preflight-{name}", partial(check, target)) for name, check in checks.items()}
    for name, future in futures.items():
        finding = _outcome(name, future, max(end - time.monotonic(), 0))
        yield name, Finding(finding.severity, hide(finding.message), hide(finding.hint))


def _load(path: str) -> Check:
    """Return the function of a check, or one that says why there is none."""
    try:
        check: Check = import_string(path)
    except ImportError as failure:
        summary = reason(failure)

        def missing(target: Target) -> Finding:
            return error(
                f"PREFLIGHT_CHECKS names {path}: {summary}.", "Correct PREFLIGHT_CHECKS in the code, and release it."
            )

        return missing
    return check


def _outcome(name: str, future: Future[Finding], seconds: float) -> Finding:
    hint = f"See what it asks for, which is commonly a setting in {commands().settings}; to leave it out: --skip {name}"
    try:
        return future.result(timeout=seconds)
    except Overdue:
        if not future.done():
            return error(f"The check did not end within {DEADLINE:.0f} seconds.", hint)
        return error("The check failed: a service did not respond in time.", hint)
    except Exception as failure:  # noqa: BLE001 - likewise
        return error(f"The check failed: {type(failure).__name__}: {reason(failure)}.", hint)
