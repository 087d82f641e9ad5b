"""Whether errors are reported, and whoever takes the reports can be reached; none is sent."""

import socket
from urllib.parse import urlsplit

from django.conf import settings

from ops.contracts import Finding, Target, note, ok, reason, warning
from ops.deployments import commands

# Seconds.
TIMEOUT = 5


def check(target: Target) -> Finding:
    """Find whether a connection to the host of SENTRY_DSN is taken."""
    here = commands()
    if not settings.SENTRY_DSN:
        return note("Errors are only in the log.", f"Set SENTRY_DSN in {here.settings}. {here.apply}")
    parts = urlsplit(settings.SENTRY_DSN)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=TIMEOUT).close()
    except OSError as failure:
        return warning(
            f"{parts.hostname}:{port} cannot be reached: {reason(failure)}.",
            f"See that SENTRY_DSN is right, and that the machine may connect there; then: {here.manage} sentry_test",
        )
    return ok(f"{parts.hostname}:{port} is reachable. sentry_test shows whether it accepts reports.")
