"""Whether there is room where files are written."""

import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage

from ops.contracts import Finding, Severity, Target, note, ok
from ops.deployments import commands

# Below these shares of the disk, or so many bytes.
LITTLE = 0.15
LITTLE_BYTES = 1_000_000_000
HARDLY_ANY = 0.05


def check(target: Target) -> Finding:
    """Find the disk with the least room of those that are written to."""
    judged = sorted((judge(place) for place in places()), key=lambda found: (-found[0], found[1]))
    if not judged:
        return note("No disk tells its size.")
    severity, _, told = judged[0]
    if severity == Severity.OK:
        return ok(f"There is room; least: {told}.")
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
