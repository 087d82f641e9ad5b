"""Lists the backups."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat
from django.utils.timesince import timesince

from ops.backups import status
from ops.backups.files import BackupError, existing, is_signed


class Command(BaseCommand):
    """Prints a line for each backup, the newest first: name, age, size, and when a drill has restored it.

    With ``--check`` the status is 1, and the reason is told, when the last one has failed or the newest is older than
    BACKUPS_MAX_AGE_HOURS.
    """

    help = "List the backups with their age, their size, and whether they were verified."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whether to judge."""
        parser.add_argument("--check", action="store_true", help="fail when a backup has failed or is overdue")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        """Print the list."""
        backups = existing()
        if not backups:
            self.stdout.write(f"{settings.BACKUPS_DIR} has no backup.")
        for backup in backups:
            age = timesince(backup.time).replace("\xa0", " ")
            parts = [f"{age} old", filesizeformat(backup.size()).replace("\xa0", " ")]
            parts.append("with uploaded files" if backup.media.exists() else "without uploaded files")
            parts.append(f"verified {verified}" if (verified := backup.verified()) else "not verified")
            if not all(is_signed(path) for path in backup.archives()):
                parts.append("not signed")
            if pending := backup.pending():
                parts.append(f"pending: {', '.join(pending)}")
            self.stdout.write(f"{backup.path.name}  {', '.join(parts)}")
        if check and (problem := status.problem(backups)):
            raise BackupError(problem)
