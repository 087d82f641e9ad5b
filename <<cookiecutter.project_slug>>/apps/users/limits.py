"""Rate limits, counted in the cache."""

import contextlib
import hashlib

from django.core.cache import cache


def allow(name: str, limit: int, seconds: int) -> bool:
    """Count a use of ``name``, and return whether it is within ``limit`` uses in ``seconds`` seconds.

    Raises what the cache raises when it cannot be asked.
    """
    key = key_of(name)
    if cache.add(key, 1, seconds):
        return True
    try:
        return cache.incr(key) <= limit
    except ValueError:
        # Its time was over between the two.
        return True


def give_back(name: str) -> None:
    """Count a use of ``name`` less, because it came to nothing.

    Raises what the cache raises when it cannot be asked.
    """
    # Its time may be over.
    with contextlib.suppress(ValueError):
        cache.decr(key_of(name))


def key_of(name: str) -> str:
    """Return the cache key of the counter for a name. It is a hash, because a name may contain user input."""
    return f"limit-{hashlib.sha256(name.encode()).hexdigest()}"
