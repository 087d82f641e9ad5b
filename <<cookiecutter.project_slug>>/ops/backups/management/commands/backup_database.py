"""Makes a backup."""

import datetime
import sys
import time
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from ops.backups import databases, files, offsite, status
from ops.backups.create import archive_media, create_backup
from ops.backups.files import (
    COPY_DATABASE,
    COPY_MEDIA,
    ENDINGS,
    MEDIA,
    Backup,
    BackupError,
    existing,
    locked,
)
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


def last_occurrence(at: datetime.time, now: datetime.datetime) -> datetime.datetime:
    """Return when it was last that time of day, in the time zone of ``now``.

    A clock that goes back has it twice, of which the first counts. One that goes forward may leave it out, which
    counts as so much later.
    """
    # In UTC: within a time zone, Python compares what the clocks show.
    today, yesterday = (
        datetime.datetime.combine(now.date() - datetime.timedelta(days=days), at, now.tzinfo).astimezone(datetime.UTC)
        for days in (0, 1)
    )
    return today if today <= now.astimezone(datetime.UTC) else yesterday


def is_due(at: datetime.time, has_media: bool) -> bool:
    """Say whether no backup, or only some without uploaded files, was made since it was last that time of day."""
    last = last_occurrence(at, timezone.localtime())
    made = [backup for backup in existing() if backup.time >= last]
    return not any(not has_media or backup.media.exists() or MEDIA in backup.pending() for backup in made)


def steps_of(has_media: bool, is_uploaded: bool) -> list[str]:
    """Return what is done after the database is backed up."""
    copies = [COPY_DATABASE, *([COPY_MEDIA] if has_media else [])]
    return [*([MEDIA] if has_media else []), *(copies if is_uploaded else [])]


def lack(steps: Sequence[str]) -> bool:
    """Say whether a backup lacks one of these steps."""
    return any(set(backup.pending()) & set(steps) for backup in existing())


class Command(BaseCommand):
    """Writes the database, as it is at one moment, and the uploaded files into BACKUPS_DIR.

    It reads what it has written to its end, says how many rows each table has, copies it to the bucket if there is one,
    and removes backups whose time is over. A failure ends with one sentence and status 1, leaves the other backups
    alone, and is shown by list_backups and to operators by /ready/ until a backup succeeds. Uploaded files and copies
    that have failed are made up for by the next run, also by one with ``--if-due``.
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
            help="make none if there is one since it was last this time of day, in TIME_ZONE; complete what failed",
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
        """Make the backup, or complete those that lack something; note whether that went well."""
        # With --no-media or --no-upload, as in a release, the command also skips these pending steps of other backups.
        steps = steps_of(media, upload)
        is_new = not options["if_due"] or is_due(options["if_due"], media)
        if not is_new and not lack(steps):
            return
        try:
            with exit_on_signals(), locked() as folder, status.noted(folder):
                try:
                    with offsite.translate_errors(), databases.translate_errors():
                        self.back_up(folder, compression if is_new else None, steps, keep)
                except SystemExit:
                    status.note_failure("it was interrupted.")
                    raise
                except Exception as error:
                    status.note_failure(str(error))
                    raise
                if not lack([*steps, *steps_of(settings.BACKUPS_MEDIA, offsite.is_configured())]):
                    status.note_success()
        except OSError as error:
            raise BackupError(f"Cannot use {settings.BACKUPS_DIR}: {error.strerror}.") from None

    def back_up(self, folder: Path, compression: str | None, steps: Sequence[str], keep: int | None) -> None:
        """Make a backup, unless there is no ``compression``; complete all, and remove those whose time is over.

        Raises BackupError, after all that can be done in spite of it, when something fails.
        """
        start = time.monotonic()
        show_progress = partial(Progress, sys.stderr)
        if COPY_DATABASE in steps:
            offsite.require_bucket()
        if compression:
            backup, contents = create_backup(folder, compression, show_progress, steps)
            self.stdout.writelines(f"{line}\n" for line in contents.lines())
            if obstacle := databases.obstacle():
                self.stdout.write(f"A restore of it will replace the contents of the database in place: {obstacle}.")
                if foreign := databases.irreplaceable():
                    self.stderr.write(
                        f"But a restore will be refused while other roles own {foreign}. Let an administrator give "
                        "them to this role with ALTER … OWNER TO."
                    )
        errors = list(self.complete(steps, show_progress))
        for removed in files.prune(existing(), keep):
            self.stdout.write(f"  removed {removed.path.name}")
        if errors:
            raise errors[0] if len(errors) == 1 else BackupError(" ".join(str(error) for error in errors))
        if compression:
            seconds = time.monotonic() - start
            size = filesizeformat(backup.path.stat().st_size)
            self.stdout.write(f"{backup.path}: {size}, {contents.total} rows, {seconds:.1f} s")

    def complete(self, steps: Sequence[str], show_progress: Callable[..., Any]) -> Iterator[Exception]:
        """Do those of ``steps`` that the backups still lack, the newest first; yield the error of each that fails."""
        does_answer = True
        pending = [(backup, step) for backup in existing() for step in backup.pending() if step in steps]
        for backup, step in pending:
            try:
                with offsite.translate_errors():
                    if step == MEDIA:
                        self.archive_media(backup, show_progress)
                    elif does_answer and (step == COPY_DATABASE or MEDIA not in backup.pending()):
                        self.copy(backup, step, show_progress)
                    else:
                        continue
            except offsite.ServiceError as error:
                yield error
                # The others would wait for the bucket as long as this one did.
                does_answer = does_answer and step == MEDIA
            except BackupError as error:
                yield error
                if step != MEDIA:
                    # Such as a file whose checksum is lost: later backups do not fail because of it.
                    backup.finish_step(step)
            except OSError as error:
                yield error
            else:
                backup.finish_step(step)

    def archive_media(self, backup: Backup, show_progress: Callable[..., Any]) -> None:
        """Add the uploaded files to a backup; say how many there are."""
        count = archive_media(backup, show_progress)
        self.stdout.write(f"  {count:>9} uploaded files, {filesizeformat(backup.media.stat().st_size)}")

    def copy(self, backup: Backup, step: str, show_progress: Callable[..., Any]) -> None:
        """Copy a file of a backup to the bucket; say what there is then."""
        for name in offsite.copy(backup.path if step == COPY_DATABASE else backup.media, show_progress):
            self.stdout.write(f"  copied {name}")
