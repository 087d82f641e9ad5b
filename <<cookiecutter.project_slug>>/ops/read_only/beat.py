"""The schedule while the site is read-only."""

from typing import Any

from celery.beat import PersistentScheduler
from celery.utils.log import get_logger

from ops.read_only_state import read_only_state

logger = get_logger(__name__)

# Seconds after which it is looked at again.
INTERVAL = 1.0


class Scheduler(PersistentScheduler):
    """Celery's own, which sends nothing while the site is read-only, and what fell due meanwhile once afterwards."""

    is_paused = False

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due, if the site is not read-only, and return the seconds until the next look."""
        is_paused = read_only_state() is not None
        if is_paused != self.is_paused:
            logger.info("The site is read-only: nothing is sent." if is_paused else "The site is read-only no more.")
            self.is_paused = is_paused
        return INTERVAL if is_paused else super().tick(*args, **kwargs)
