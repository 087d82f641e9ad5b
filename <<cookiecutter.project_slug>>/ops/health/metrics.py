"""What the metrics say of the services that a request needs."""

from collections.abc import Iterator

from ops.contracts import Sample
from ops.health.readiness import run_checks


def services() -> Iterator[Sample]:
    """Yield for each of READINESS_CHECKS whether it passes; within two seconds in any case."""
    checks, _ = run_checks()
    for name, is_up in checks.items():
        yield Sample("site_service_up", "Whether a service that the site needs answers", is_up, {"service": name})
