"""Whether the cache keeps what it is given."""

from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import get_random_string

from ops.contracts import Finding, Target, error, ok, reason
from ops.deployments import commands


def check(target: Target) -> Finding:
    """Find whether a value that is written can be read."""
    here = commands()
    remedy = f"See that REDIS_URL in {here.settings} is right. {here.start_redis}"
    backend = settings.CACHES["default"]["BACKEND"].rpartition(".")[2]
    key, value = f"preflight-{get_random_string(12)}", get_random_string(12)
    try:
        cache.set(key, value, timeout=60)
        found = cache.get(key)
        cache.delete(key)
    except Exception as failure:  # noqa: BLE001 - each backend has exceptions of its own
        return error(f"{backend} does not answer: {reason(failure)}.", remedy)
    if found != value:
        return error(f"{backend} has lost a value that was just written.", remedy)
    if backend == "LocMemCache":
        return error(
            "Each process has a cache of its own, in its memory.",
            f"Let REDIS_URL in {here.settings} name a Redis. {here.apply}",
        )
    return ok(f"{backend} was written to and read.")
