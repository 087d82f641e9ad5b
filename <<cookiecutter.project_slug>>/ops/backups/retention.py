"""Which backups are kept: all of the last two days, and of days, weeks and months the newest of each."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from ops.backups.files import Backup

# Within them, one that was made before a release is not replaced by that of the night.
ALL_OF = timedelta(days=2)
# What backups have in common whose newest is kept.
PERIODS = {"days": "%Y-%m-%d", "weeks": "%G-%V", "months": "%Y-%m"}


def wanted(backups: Sequence[Backup], now: datetime) -> set[Backup]:
    """Return those of ``backups``, the newest first, that are to be kept; the newest is always among them."""
    kept = {backup for backup in backups if now - backup.time < ALL_OF} | set(backups[:1])
    for period, form in PERIODS.items():
        newest: dict[str, Backup] = {}
        for backup in backups:
            newest.setdefault(timezone.localtime(backup.time).strftime(form), backup)
        kept.update(list(newest.values())[: settings.BACKUPS_KEEP[period]])
    return kept


def prune(backups: Sequence[Backup], keep: int | None) -> list[Backup]:
    """Remove those of ``backups``, the newest first, that are not to be kept, and return them.

    With ``keep``, those are so many of the newest, and else what BACKUPS_KEEP says.
    """
    kept = wanted(backups, timezone.now()) if keep is None else set(backups[:keep])
    removed = [backup for backup in backups if backup not in kept]
    for backup in removed:
        backup.remove()
    return removed
