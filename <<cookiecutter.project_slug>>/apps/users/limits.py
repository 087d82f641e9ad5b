"""How often something may be done."""

import hashlib

from django.core.cache import cache


def is_within(name: str, most: int, seconds: int) -> bool:
    """Count once more what is called ``name``, and say whether it is among the first ``most`` of ``seconds`` seconds.

    Raises what the cache raises when it cannot be asked.
    """
    # A name may hold what somebody has typed.
    key = f"limit-{hashlib.sha256(name.encode()).hexdigest()}"
    if cache.add(key, 1, seconds):
        return True
    try:
        return cache.incr(key) <= most
    except ValueError:
        # Its time was over between the two.
        return True
