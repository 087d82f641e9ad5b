"""``manage.py sentry_test``: see that errors arrive at Sentry."""

import time
from typing import Any

import sentry_sdk
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

# Seconds that Sentry has to take it.
TIMEOUT = 10


class Command(BaseCommand):
    """Reports an event, and says by which number it is found there.

    Fails when there is no SENTRY_DSN, and when Sentry cannot be reached or does not take the event.
    """

    help = "Report an event to Sentry, and see that it takes it."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Report it and wait."""
        client = sentry_sdk.get_client()
        transport: Any = client.transport
        if transport is None:
            raise CommandError("SENTRY_DSN is not set, so no error is reported. Set it and restart.")
        reasons: list[str] = []
        transport.on_dropped_event = reasons.append
        number = sentry_sdk.capture_message("A test by manage.py sentry_test", level="error")
        start = time.monotonic()
        client.flush(timeout=TIMEOUT)
        if time.monotonic() - start >= TIMEOUT:
            reasons.append(f"no answer in {TIMEOUT} s")
        host = transport.parsed_dsn.netloc
        if reasons:
            raise CommandError(f"{host} refused the event ({reasons[0]}). Check SENTRY_DSN.")
        self.stdout.write(f"{host} has taken the event {number}, of {settings.SENTRY_ENVIRONMENT}.")
