"""Probe the services that the site needs, for /ready/ and preflight, in threads that hold no caller."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread

# >> if cookiecutter.use_celery
# Celery would import it at its first use, which is in a hurry.
import kombu.transport.redis  # noqa: F401

# >> endif
# So would the cache.
import redis  # noqa: F401
from django.core.cache import cache
from django.db import connection, connections
from django.utils.crypto import get_random_string


class LostValueError(RuntimeError):
    """The cache answers, but does not keep values."""


def start[T](name: str, function: Callable[[], T]) -> Future[T]:
    """Call a function in a daemon thread of this name; return the future of its result, or of what it raises.

    The caller chooses how long to wait. The thread's connections to databases are closed at its end.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function()
        except Exception as error:  # noqa: BLE001 - whatever it raises is the caller's to judge
            future.set_exception(error)
        else:
            future.set_result(result)
        finally:
            connections.close_all()

    # A daemon, for a thread that hangs must not keep the process from ending.
    Thread(target=run, name=name, daemon=True).start()
    return future


# >> if cookiecutter.use_celery
def check_broker() -> None:
    """Raise unless the broker answers a new connection."""
    from celery import current_app

    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1)


# >> endif
def check_database() -> None:
    """Raise unless a query succeeds. The connection is closed before this returns."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()


def check_cache() -> None:
    """Raise unless a value that was written can be read: LostValueError, or what the backend raises."""
    key, value = f"probe-{get_random_string(12)}", get_random_string(12)
    cache.set(key, value, timeout=60)
    found = cache.get(key)
    cache.delete(key)
    if found != value:
        raise LostValueError("the cache has lost a value that was just written")
