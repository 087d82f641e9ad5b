"""PostgreSQL and the cache: whether each answers, and takes what is written."""

from django.conf import settings
from django.db import Error, NotSupportedError, connection

from ops import probes
from ops.contracts import Finding, Target, error, ok, reason
from ops.deployments import commands

# The oldest that Django 6.1 works with.
OLDEST = 15
LOOK = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_version'), \
pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"


def check_database(target: Target) -> Finding:
    """Find whether the database is PostgreSQL that can be written to."""
    here = commands()
    elsewhere = f"Let DATABASE_URL in {here.settings} name"
    if connection.vendor != "postgresql":
        return error(
            f"The database is {connection.display_name}.", f"{elsewhere} a PostgreSQL {OLDEST} or newer. {here.apply}"
        )
    too_old = f"{elsewhere} a PostgreSQL {OLDEST} or newer, or upgrade the server. {here.apply}"
    try:
        with connection.cursor() as cursor:
            cursor.execute(LOOK)
            major, version, is_standby, refuses = cursor.fetchone()
    except NotSupportedError as failure:
        return error(f"{reason(failure)}.", too_old)
    except Error as failure:
        return error(
            f"It does not respond: {reason(failure)}.",
            f"See that DATABASE_URL in {here.settings} is right. {here.start_database}",
        )
    if major < OLDEST:
        return error(f"It is PostgreSQL {version}, which is too old.", too_old)
    if is_standby:
        return error(
            f"PostgreSQL {version} is a standby, which takes no writing.",
            f"{elsewhere} the primary server. {here.apply}",
        )
    if refuses:
        return error(
            f"PostgreSQL {version} refuses to write: sessions begin as read-only.",
            f"Let it take what is written: {here.manage} read_only off",
        )
    return ok(f"PostgreSQL {version} responds and accepts writes.")


def check_cache(target: Target) -> Finding:
    """Find whether a value that is written can be read."""
    here = commands()
    hint = f"See that REDIS_URL in {here.settings} is right. {here.start_redis}"
    backend = settings.CACHES["default"]["BACKEND"].rpartition(".")[2]
    try:
        probes.check_cache()
    except probes.LostValueError:
        return error(f"{backend} has lost a value that was just written.", hint)
    except Exception as failure:  # noqa: BLE001 - each backend has exceptions of its own
        return error(f"{backend} does not respond: {reason(failure)}.", hint)
    if backend == "LocMemCache":
        return error(
            "Each process has a cache of its own, in its memory.",
            f"Let REDIS_URL in {here.settings} name a Redis. {here.apply}",
        )
    return ok(f"{backend} was written to and read.")
