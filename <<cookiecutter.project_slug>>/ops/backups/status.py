"""How the backups stand: for /ready/, and for whoever asks on the machine."""

import json
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from ops.backups import files
from ops.files import replace_text

logger = logging.getLogger(__name__)

FAILURE = "failure.json"
# Seconds between two errors in the log about the same.
REPEAT = 3600
_told: dict[str, float] = {}


def failure_file() -> Path:
    """Return where the last failure is noted, until a backup succeeds."""
    folder: Path = settings.BACKUPS_DIR
    return folder / FAILURE


def note_failure(reason: str) -> None:
    """Note that a backup has failed, and log it as an error."""
    logger.error("The backup failed: %s", reason)
    if settings.BACKUPS_DIR.is_dir():
        text = json.dumps({"time": timezone.now().isoformat(timespec="seconds"), "reason": reason})
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
    if failure_file().exists():
        failure = json.loads(failure_file().read_text(encoding="utf-8"))
        return f"The last backup failed at {failure['time']}: {failure['reason']}"
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
