"""Counts and times the queries of the processes that answer requests."""

import time
from collections.abc import Callable
from typing import Any

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from ops.observability.metrics.instruments import QUERY_ERRORS, QUERY_SECONDS


def watch_connections() -> None:
    """Measure the queries of all connections, and of those that are opened from now on."""
    connection_created.connect(watch)
    for connection in connections.all(initialized_only=True):
        watch(connection)


def watch(connection: BaseDatabaseWrapper, **signal: Any) -> None:
    """Measure the queries of a connection, once however often it is opened."""
    if measure not in connection.execute_wrappers:
        # In front, for whoever has added another takes the last away again.
        connection.execute_wrappers.insert(0, measure)


def measure(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Run a query and return its result."""
    start = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    except Error:
        QUERY_ERRORS.inc()
        raise
    finally:
        QUERY_SECONDS.observe(time.perf_counter() - start)
