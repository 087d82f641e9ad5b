"""The drill: shows that a backup becomes a database again."""

import sys
import time
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone

from ops.backups import databases, restore
from ops.backups.files import Backup, BackupError, find, locked, read_checksum
from ops.backups.programs import require_postgresql
from ops.backups.progress import Progress
from ops.postgres import connected_to
from ops.signals import exit_on_signals


class Command(BaseCommand):
    """Restores a backup into a database of its own, which is dropped again, and notes that it could be.

    It is read to its end and restored, every table must have its rows, the migrations of this code are applied and
    Django's checks run. The database in service is only asked for its name. Ends with one sentence and status 1 when
    anything of that fails.
    """

    help = "Show that a backup can be restored, in a database beside the one in service."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the backup."""
        parser.add_argument("file", help="a backup: its path, its name in BACKUPS_DIR, or latest")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        """Verify the backup."""
        start = time.monotonic()
        show_progress = partial(Progress, sys.stderr)
        require_postgresql()
        backup = find(file)
        with exit_on_signals(), locked():
            if obstacle := databases.obstacle_to_create():
                raise BackupError(
                    f"The drill cannot create a database: {obstacle}. Set DATABASE_URL to a role that may "
                    "create databases."
                )
            contents = restore.examine(backup, show_progress)
            with databases.temporary("drill") as scratch:
                left_out = contents.objects & (databases.administrated() | restore.uncreatable(contents))
                for kind, name in sorted(left_out):
                    self.stderr.write(f"Left out, because only an administrator can create it: {kind.lower()} {name}")
                restore.fill(scratch, backup, contents, show_progress, self.stderr.write, left_out=left_out)
                applied = restore.pending_migrations(scratch)
                databases.migrate(scratch)
                with connected_to(scratch):
                    call_command("check", databases=["default"], stdout=self.stdout, stderr=self.stderr)
            self.note(backup)
        self.stdout.writelines(f"{line}\n" for line in contents.lines())
        self.stdout.write(
            f"{backup.path.name} can be restored: {contents.total} rows, and {applied} migrations on top, "
            f"in {time.monotonic() - start:.1f} s."
        )

    def note(self, backup: Backup) -> None:
        """Note beside the backup that it was verified, and when."""
        line = f"{read_checksum(backup.path)} {timezone.now().isoformat(timespec='seconds')}\n"
        try:
            backup.mark.write_text(line, encoding="ascii")
        except OSError as error:
            self.stderr.write(f"The result cannot be written beside the backup: {error.strerror}.")
