"""The project's tasks: what a worker has taken already when the site becomes read-only, and what kills its process."""

import time
from typing import Any, NoReturn

from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, TaskPredicate

from ops import deliveries
from ops.postgres import is_failed_connection, is_refused_write
from ops.read_only.worker import INTERVAL
from ops.read_only_state import read_only_state

# Seconds before a task goes back to its queue: by then the worker takes none, so that it does not come at once again.
PAUSE = 2 * INTERVAL


class Task(DjangoTask[..., Any]):
    """A task that goes back to its queue when it cannot write, and that is parked when it kills its process.

    From ``DjangoTask`` it has ``delay_on_commit()``.
    """

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send it, or run it where there is no broker; raise ValueError if it would run several times."""
        deliveries.refuse_long_hold(self.app, self.name, options)
        return super().apply_async(*args, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it. What calls it without a worker gets its errors as they are."""
        if self.request.called_directly or self.request.is_eager:
            return super().__call__(*args, **kwargs)
        if not deliveries.begin(self):
            raise Reject("It was parked", requeue=False)
        try:
            result = self.run_or_give_back(*args, **kwargs)
        except Exception as error:
            # Celery ends the whole worker for a MemoryError, as it does a process for SystemExit.
            if not isinstance(error, MemoryError):
                deliveries.end(self)
            raise
        deliveries.end(self)
        return result

    def run_or_give_back(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, unless the site is or becomes read-only."""
        if read_only_state():
            self.give_back()
        try:
            return super().__call__(*args, **kwargs)
        except TaskPredicate:
            raise
        except Exception as error:
            if self.acks_late and (is_refused_write(error) or (read_only_state() and is_failed_connection(error))):
                self.give_back(error)
            raise

    def give_back(self, error: Exception | None = None) -> NoReturn:
        """Let it wait in its queue; one that left it when it was taken is sent anew."""
        time.sleep(PAUSE)
        if self.acks_late:
            raise Reject(f"The site is read-only: {error or 'it waits'}", requeue=True) from error
        self.signature_from_request().apply_async()
        raise Ignore("The site is read-only: it was sent anew")
