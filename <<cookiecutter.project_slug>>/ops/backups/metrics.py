"""What the metrics say of the backups."""

import shutil
from collections.abc import Iterator

from django.conf import settings
from django.utils import timezone

from ops.backups.files import Backup, existing
from ops.backups.status import failure
from ops.contracts import Sample


def backups() -> Iterator[Sample]:
    """Yield how the backups in BACKUPS_DIR stand; seconds and bytes. Of what is not there, nothing is yielded."""
    found = existing()
    limit = settings.BACKUPS_MAX_AGE_HOURS * 3600
    yield Sample("site_backups", "Complete backups on this machine", len(found))
    yield Sample("site_backup_max_age_seconds", "Age at which the newest backup is overdue; 0 is never", limit)
    yield Sample("site_backup_failed", "Whether the last backup has failed", failure() is not None)
    if found:
        yield Sample("site_backup_age_seconds", "Age of the newest backup", age(found[0]))
    if verified := next((backup for backup in found if backup.verified()), None):
        yield Sample("site_backup_verified_age_seconds", "Age of the newest verified backup", age(verified))
    if settings.BACKUPS_DIR.is_dir():
        disk = shutil.disk_usage(settings.BACKUPS_DIR)
        yield Sample("site_backup_disk_size_bytes", "Size of the disk that backups are on", disk.total)
        yield Sample("site_backup_disk_free_bytes", "What is free on the disk that backups are on", disk.free)


def age(backup: Backup) -> float:
    """Return the seconds since a backup was begun."""
    return (timezone.now() - backup.time).total_seconds()
