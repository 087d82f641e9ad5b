"""Whether tasks can be sent."""

from celery import current_app
from django.conf import settings

from ops.contracts import Finding, Target, error, ok, reason
from ops.deployments import commands


def check(target: Target) -> Finding:
    """Find whether the broker answers a new connection."""
    here = commands()
    if settings.CELERY_TASK_ALWAYS_EAGER:
        return error(
            "There is no broker: tasks run in their caller.",
            f"Let REDIS_URL in {here.settings} name a Redis. {here.apply}",
        )
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1)
    except Exception as failure:  # noqa: BLE001 - each transport has exceptions of its own
        return error(
            f"It does not answer: {reason(failure)}.",
            f"See that REDIS_URL, or CELERY_BROKER_URL, in {here.settings} is right. {here.start_redis}",
        )
    return ok("The broker takes connections.")
