"""Django's cache in Redis, which also counts what it finds."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.cache.backends import redis

from ops.observability.metrics.instruments import CACHE_READS

MISSING = object()


class RedisCache(redis.RedisCache):
    """Counts what is read, by its result; those of /ready/ and of the metrics are among them."""

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return a value, or ``default``."""
        with counted_errors():
            value = super().get(key, MISSING, version)
        CACHE_READS.labels("miss" if value is MISSING else "hit").inc()
        return default if value is MISSING else value

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return those of the values that are there."""
        keys = list(keys)
        with counted_errors():
            found = super().get_many(keys, version)
        CACHE_READS.labels("hit").inc(len(found))
        CACHE_READS.labels("miss").inc(len(set(keys)) - len(found))
        return found


@contextmanager
def counted_errors() -> Iterator[None]:
    """Count a read that fails, and let it fail."""
    try:
        yield
    except Exception:
        CACHE_READS.labels("error").inc()
        raise
