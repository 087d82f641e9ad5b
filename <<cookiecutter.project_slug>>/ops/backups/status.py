"""How the backups stand: for /ready/, and for whoever asks on the machine."""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from ops.backups import files
from ops.backups.programs import KILLED_BY_SYSTEM
from ops.files import replace_text

logger = logging.getLogger(__name__)

FAILURE = "failure.json"
# Of the process that makes a backup, which has it locked. One that is killed leaves it behind.
RUNNING = "running.json"
KILLED = f"its process {KILLED_BY_SYSTEM}"
# Seconds between two errors in the log about the same.
REPEAT = 3600
_told: dict[str, float] = {}


def failure_file() -> Path:
    """Return where the last failure is noted, until a backup succeeds."""
    folder: Path = settings.BACKUPS_DIR
    return folder / FAILURE


def running_file() -> Path:
    """Return where a process notes that it is making a backup."""
    folder: Path = settings.BACKUPS_DIR
    return folder / RUNNING


@contextmanager
def noted(folder: Path) -> Iterator[None]:
    """Leave a note in a folder that is locked, of which ``failure`` knows when this process is killed in the block."""
    if former := _killed():
        note_failure(KILLED, former["time"])
    path = running_file()
    fresh = folder / f"{RUNNING}{files.PARTIAL}"
    with fresh.open("w", encoding="utf-8") as file:
        # Before it has its name: whoever reads the note while this process lives finds it locked.
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump({"time": _now()}, file)
        file.flush()
        fresh.replace(path)
        try:
            yield
        finally:
            path.unlink()


def _killed() -> dict[str, str] | None:
    """Return the note of a process that was killed while it made a backup, or None."""
    try:
        with running_file().open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            # One without a name is of a process that has just come to its end.
            note: dict[str, str] | None = json.load(file) if os.fstat(file.fileno()).st_nlink else None
            return note
    except (FileNotFoundError, BlockingIOError):
        return None


def _now() -> str:
    return timezone.now().isoformat(timespec="seconds")


def failure() -> dict[str, str] | None:
    """Return the time and the reason of the last failure, until a backup succeeds."""
    if note := _killed():
        return note | {"reason": KILLED}
    try:
        found: dict[str, str] = json.loads(failure_file().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def note_failure(reason: str, at: str | None = None) -> None:
    """Note that a backup has failed, now or at a time in ISO 8601, and log it as an error."""
    logger.error("The backup failed: %s", reason)
    if settings.BACKUPS_DIR.is_dir():
        text = json.dumps({"time": at or _now(), "reason": reason})
        # Replaced at once, for whoever answers /ready/ may be reading it.
        replace_text(failure_file(), text)


def note_success() -> None:
    """Forget the last failure."""
    failure_file().unlink(missing_ok=True)


def problem(backups: Sequence[files.Backup]) -> str | None:
    """Return what is wrong with ``backups``, the newest first, in a sentence, or None.

    Always None if BACKUPS_MAX_AGE_HOURS is 0.
    """
    if not settings.BACKUPS_MAX_AGE_HOURS:
        return None
    if last := failure():
        return f"The last backup failed at {last['time']}: {last['reason']}"
    limit = timedelta(hours=settings.BACKUPS_MAX_AGE_HOURS)
    if not backups or timezone.now() - backups[0].time > limit:
        newest = f"the newest is {backups[0].path.name}" if backups else "there is none"
        return f"The backup is overdue: {newest}, and it may be {settings.BACKUPS_MAX_AGE_HOURS} hours old."
    return None


def details() -> dict[str, Any]:
    """Return how the backups stand, for operators who ask /ready/.

    What is wrong is logged as an error too, once an hour for each process.
    """
    backups = files.existing()
    wrong = problem(backups)
    if wrong:
        _tell(wrong)
    return {
        "ok": wrong is None,
        "problem": wrong,
        "newest": backups[0].path.name if backups else None,
        "age_hours": round((timezone.now() - backups[0].time) / timedelta(hours=1), 1) if backups else None,
        "verified": next((backup.path.name for backup in backups if backup.verified()), None),
    }


def _tell(message: str) -> None:
    now = time.monotonic()
    if now - _told.get(message, -REPEAT) >= REPEAT:
        # No more than the last: messages hold times.
        _told.clear()
        _told[message] = now
        logger.error(message)
