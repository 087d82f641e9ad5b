"""This machine: whether its disks have room, and its clock is right."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import Error, connection

from ops.contracts import Finding, Severity, Target, error, note, ok, warning
from ops.deployments import commands
from ops.preflight.client import Unreachable, ask

# Below these shares of the disk, or so many bytes.
LITTLE = 0.15
LITTLE_BYTES = 1_000_000_000
HARDLY_ANY = 0.05


def check_disk(target: Target) -> Finding:
    """Find the disk with the least room of those that are written to."""
    judged = sorted((judge(place) for place in places()), key=lambda found: (-found[0], found[1]))
    if not judged:
        return note("Skipped: no disk reports its size.")
    severity, _, summary = judged[0]
    if severity == Severity.OK:
        return ok(f"There is enough disk space. The fullest disk: {summary}.")
    low = "; ".join(found[2] for found in judged if found[0] > Severity.OK)
    return Finding(severity, f"There is little room: {low}.", commands().room)


def places() -> Iterator[Path]:
    """Yield a folder of each disk that is of interest: that of the system, and those of what the project writes."""
    folders = [Path("/"), Path(settings.STATIC_ROOT), Path(settings.BACKUPS_DIR)]
    if isinstance(default_storage, FileSystemStorage):
        folders.append(Path(default_storage.location))
    seen = set()
    for folder in folders:
        # What is not there yet will be made on the disk of what is above.
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        device = there.stat().st_dev
        # A file system that tells no size is no disk.
        if device not in seen and os.statvfs(there).f_blocks:
            seen.add(device)
            yield there


def judge(place: Path) -> tuple[Severity, float, str]:
    """Return how bad it is, the share of the disk that is free, and both in words."""
    disk = os.statvfs(place)
    # As df does: what is kept for root belongs to nobody here.
    free, used = disk.f_bavail * disk.f_frsize, (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    share = free / (free + used) if free + used else 0.0
    severity = Severity.OK
    if share < HARDLY_ANY:
        severity = Severity.ERROR
    elif share < LITTLE or free < LITTLE_BYTES:
        severity = Severity.WARNING
    return severity, share, f"{place} has {free / 1e9:.1f} GB free, {share:.0%}"


# Seconds.
NOTICEABLE = 5.0
WRONG = 30.0


def check_clock(target: Target) -> Finding:
    """Find how far the clock is from those of the database and of whoever answers for the site."""
    offsets = {}
    if (offset := compared(database_time)) is not None:
        offsets["the database's"] = offset
    if (offset := compared(lambda: site_time(target))) is not None:
        offsets["the site's"] = offset
    if not offsets:
        return note("Skipped: neither the database nor the site reports its time.")
    summary = " and ".join(f"{abs(offset):.0f} s {side(offset)} {name}" for name, offset in offsets.items())
    far = max(map(abs, offsets.values()))
    if far <= NOTICEABLE:
        return ok(f"The clock agrees with {' and '.join(offsets)}.")
    finding = error if far > WRONG else warning
    return finding(f"The clock is {summary}.", commands().clock)


def compared(other: Callable[[], datetime | None]) -> float | None:
    """Return by how many seconds this clock is ahead of another, or None when that is not told.

    The answer tells the time between the question and its arrival, so that waiting for it is no difference.
    """
    before = time.time()
    reported = other()
    after = time.time()
    if reported is None:
        return None
    moment = reported.timestamp()
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
