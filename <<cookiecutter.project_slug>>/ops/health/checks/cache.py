"""Whether the cache keeps what it is given."""

# The cache would import it at its first use, which is in a hurry.
import redis  # noqa: F401
from django.core.cache import cache


def check() -> None:
    """Raise unless a value that was written can be read."""
    cache.set("readiness", "written", timeout=10)
    if cache.get("readiness") != "written":
        raise RuntimeError("the cache has lost a value that was just written")
