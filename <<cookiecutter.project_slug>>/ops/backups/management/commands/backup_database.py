"""Makes a backup."""

import datetime
import sys
import time
from argparse import ArgumentParser, BooleanOptionalAction
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from ops.backups import databases, files, offsite, status
from ops.backups.create import create_backup
from ops.backups.files import ENDINGS, BackupError, existing, locked
from ops.backups.offsite import translate_errors
from ops.backups.progress import Progress
from ops.signals import exit_on_signals


def at_least_one(text: str) -> int:
    """Return a number of backups to keep."""
    if not text.isdigit() or int(text) < 1:
        raise ValueError(text)
    return int(text)


def time_of_day(text: str) -> datetime.time:
    """Return a time of day."""
    return datetime.datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - one of every day


def is_due(at: datetime.time) -> bool:
    """Say whether no backup was made since it was last that time of day."""
    now = timezone.localtime()
    last = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    if last > now:
        last -= datetime.timedelta(days=1)
    return not any(backup.time >= last for backup in existing())


class Command(BaseCommand):
    """Writes the database, as it is at one moment, and the uploaded files into BACKUPS_DIR.

    It reads what it has written to its end, says how many rows each table has, copies it to the bucket if there is one,
    and removes backups whose time is over. A failure ends with one sentence and status 1, leaves the other backups
    alone, and is shown by list_backups and to operators by /ready/ until a backup succeeds.
    """

    help = "Back up the database and the uploaded files."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the form of the archive, how many to keep, and what belongs to it."""
        parser.add_argument(
            "--compression",
            choices=ENDINGS,
            default="gz",
            help="gz: SQL, compressed (the default); pgcustom: the format of pg_restore; none: SQL as it is",
        )
        parser.add_argument(
            "--keep",
            type=at_least_one,
            metavar="N",
            help="keep so many of the newest backups, instead of what the settings BACKUPS_KEEP_… say",
        )
        parser.add_argument(
            "--if-due",
            type=time_of_day,
            metavar="HH:MM",
            help="do nothing when there is one that was made since it was last this time of day, in TIME_ZONE",
        )
        parser.add_argument(
            "--media",
            action=BooleanOptionalAction,
            default=settings.BACKUPS_MEDIA,
            help="whether uploaded files are in it (by default as BACKUPS_MEDIA says)",
        )
        parser.add_argument(
            "--upload",
            action=BooleanOptionalAction,
            default=offsite.is_configured(),
            help="whether it is copied to the bucket (by default if BACKUPS_S3_BUCKET names one)",
        )

    def handle(self, *args: Any, compression: str, keep: int | None, media: bool, upload: bool, **options: Any) -> None:
        """Make the backup; note whether that went well."""
        if options["if_due"] and not is_due(options["if_due"]):
            return
        try:
            with exit_on_signals(), locked() as folder:
                try:
                    with translate_errors():
                        self.back_up(folder, compression, keep, media, upload)
                except SystemExit:
                    status.note_failure("it was interrupted.")
                    raise
                except Exception as error:
                    status.note_failure(str(error))
                    raise
                status.note_success()
        except OSError as error:
            raise BackupError(f"Cannot use {settings.BACKUPS_DIR}: {error.strerror}.") from None

    def back_up(self, folder: Any, compression: str, keep: int | None, has_media: bool, is_uploaded: bool) -> None:
        """Make the backup, copy it, and remove those whose time is over; say what there is."""
        start = time.monotonic()
        show_progress = partial(Progress, sys.stderr)
        if is_uploaded:
            offsite.require_bucket()
        backup, contents, count = create_backup(folder, compression, has_media, show_progress)
        self.stdout.writelines(f"{line}\n" for line in contents.lines())
        if has_media:
            self.stdout.write(f"  {count:>9} uploaded files, {filesizeformat(backup.media.stat().st_size)}")
        if obstacle := databases.obstacle():
            self.stdout.write(f"A restore of it will replace the contents of the database in place: {obstacle}.")
        if is_uploaded:
            for name in offsite.copy(backup, show_progress):
                self.stdout.write(f"  copied {name}")
        for removed in files.prune(existing(), keep):
            self.stdout.write(f"  removed {removed.path.name}")
        seconds = time.monotonic() - start
        size = filesizeformat(backup.path.stat().st_size)
        self.stdout.write(f"{backup.path}: {size}, {contents.total} rows, {seconds:.1f} s")
