"""Rate limits, counted in the cache."""

import hashlib

from django.core.cache import cache


def allow(name: str, limit: int, seconds: int) -> bool:
    """Count a use of ``name``, and return whether it is within ``limit`` uses in ``seconds`` seconds.

    Raises what the cache raises when it cannot be asked.
    """
    # A name may hold what somebody has typed.
    key = f"limit-{hashlib.sha256(name.encode()).hexdigest()}"
    if cache.add(key, 1, seconds):
        return True
    try:
        return cache.incr(key) <= limit
    except ValueError:
        # Its time was over between the two.
        return True
