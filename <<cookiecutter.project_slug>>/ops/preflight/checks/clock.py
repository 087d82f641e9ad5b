"""Whether this machine's clock is right: sessions, links and certificates are judged by it."""

import time
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime

from django.db import Error, connection

from ops.contracts import Finding, Target, error, note, ok, warning
from ops.deployments import commands
from ops.preflight.site import Unreachable, ask

# Seconds.
NOTICEABLE = 5.0
WRONG = 30.0


def check(target: Target) -> Finding:
    """Find how far the clock is from those of the database and of whoever answers for the site."""
    offsets = {}
    if (offset := compared(database_time)) is not None:
        offsets["the database's"] = offset
    if (offset := compared(lambda: site_time(target))) is not None:
        offsets["the site's"] = offset
    if not offsets:
        return note("Neither the database nor the site has told its time to compare with.")
    told = " and ".join(f"{abs(offset):.0f} s {side(offset)} {name}" for name, offset in offsets.items())
    far = max(map(abs, offsets.values()))
    if far <= NOTICEABLE:
        return ok(f"The clock agrees with {' and '.join(offsets)}.")
    finding = error if far > WRONG else warning
    return finding(f"The clock is {told}.", commands().clock)


def compared(other: Callable[[], datetime | None]) -> float | None:
    """Return by how many seconds this clock is ahead of another, or None when that is not told.

    The answer tells the time between the question and its arrival, so that waiting for it is no difference.
    """
    before = time.time()
    told = other()
    after = time.time()
    if told is None:
        return None
    moment = told.timestamp()
    if moment < before:
        return before - moment
    return min(after - moment, 0.0)


def side(offset: float) -> str:
    """Return which way a clock is wrong that is ahead by ``offset``."""
    return "ahead of" if offset > 0 else "behind"


def database_time() -> datetime | None:
    """Return the time of the database's own clock."""
    if connection.vendor != "postgresql":
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
    except Error:
        # The check of the database tells.
        return None
    return moment


def site_time(target: Target) -> datetime | None:
    """Return the time at which whoever answers for the site has done so, to the second."""
    try:
        date = ask(target, "/health/").headers["Date"]
    except Unreachable:
        # The check of the site tells.
        return None
    return parsedate_to_datetime(date) if date else None
