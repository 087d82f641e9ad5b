"""The worker while the site is read-only: it takes no tasks, which wait in their queues."""

from typing import Any

from celery.bootsteps import StartStopStep
from celery.utils.log import get_logger

from ops.read_only_state import read_only_state

logger = get_logger(__name__)

# Seconds after which it is looked at again.
INTERVAL = 1.0


class PauseStep(StartStopStep):
    """Stops taking tasks when the site becomes read-only, and goes on when it is no more.

    https://docs.celeryq.dev/en/stable/userguide/extending.html
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, parent: Any, **kwargs: Any) -> None:
        super().__init__(parent, **kwargs)
        self.queues: set[str] = set()
        self.is_paused = False
        self.timer: Any = None

    def start(self, parent: Any) -> None:
        """Look now, before the first task is taken, and ever again; this is called after a reconnect too."""
        self.look(parent)
        # The consumer may be touched by its own loop only, where some pools have the timer in another thread.
        self.timer = parent.timer.call_repeatedly(INTERVAL, parent.call_soon, (self.look, parent))

    def stop(self, parent: Any) -> None:
        """Look no more."""
        if self.timer:
            self.timer.cancel()
            self.timer = None

    def look(self, parent: Any) -> None:
        """Take tasks, or not, as the site is."""
        is_paused = read_only_state() is not None
        if is_paused != self.is_paused:
            logger.info("The site is read-only: no tasks are taken." if is_paused else "The site is read-only no more.")
            self.is_paused = is_paused
        if is_paused:
            for queue in parent.task_consumer.queues:
                self.queues.add(queue.name)
                parent.cancel_task_queue(queue.name)
        else:
            while self.queues:
                parent.add_task_queue(self.queues.pop())
