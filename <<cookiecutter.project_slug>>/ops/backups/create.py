"""Making a backup."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from ops.backups import archive, media
from ops.backups.databases import in_service
from ops.backups.files import (
    ENDINGS,
    PARTIAL,
    STAMP,
    Backup,
    BackupError,
    checksum_of,
    create_private,
    existing,
    finish,
    read_checksum,
)
from ops.backups.programs import Program, require_postgresql

# How pg_dump is asked for each: compression by itself, so that nothing stands between it and the file.
FORMATS = {
    "gz": ("--format=plain", "--compress=6"),
    "pgcustom": ("--format=custom", "--compress=6"),
    "none": ("--format=plain", "--compress=0"),
}
# The restored objects are the restoring role's, because roles of another server may have other names. A lock that
# another session holds for longer than this, in milliseconds, ends the backup.
OPTIONS = ("--no-owner", "--lock-wait-timeout=300000")
# Seconds between two looks at how far a dump has come.
INTERVAL = 0.1


def create_backup(
    folder: Path, compression: str, has_media: bool, show_progress: Callable[..., Any]
) -> tuple[Backup, archive.Contents, int]:
    """Make a backup in a folder that is locked; return it, what is in it, and how many uploaded files.

    ``show_progress`` takes a label and the expected bytes, and returns a context that takes the bytes done. Raises
    BackupError, and leaves nothing behind, when that fails.
    """
    require_postgresql()
    backup = Backup(folder / f"backup_{_free_stamp(folder)}{ENDINGS[compression]}")
    database, uploads = (path.with_name(path.name + PARTIAL) for path in (backup.path, backup.media))
    count = 0
    with _removed_after_an_error(backup), _translate_os_errors(folder):
        _dump(database, compression, show_progress)
        # Read to its end, it shows that it can be, and what a restore will have to find.
        with show_progress("Reading the backup", database.stat().st_size) as progress:
            contents = archive.read(database, progress)
        if has_media:
            with show_progress("Backing up the uploaded files") as progress, create_private(uploads) as file:
                count = media.write(file, progress)
            finish(uploads)
            _share(backup)
        finish(database)
    return backup, contents, count


def _free_stamp(folder: Path) -> str:
    """Return the present time as a name that no backup has; two of one second would have the same."""
    while list(folder.glob(f"backup_{(stamp := timezone.now().strftime(STAMP))}.*")):
        time.sleep(0.1)
    return stamp


def _dump(path: Path, compression: str, show_progress: Callable[..., Any]) -> None:
    """Have pg_dump write the database, as it is at one moment, into a new file."""
    # It is opened by pg_dump itself: what comes by its standard output has its table of contents once more at its end,
    # so that pg_restore does not notice when that is missing.
    create_private(path).close()
    arguments = (*FORMATS[compression], *OPTIONS, "--file", path)
    with (
        show_progress("Backing up the database") as progress,
        Program("pg_dump", *arguments, database=in_service()) as program,
    ):
        while program.process.poll() is None:
            progress(path.stat().st_size)
            time.sleep(INTERVAL)


def _share(backup: Backup) -> None:
    """Let uploaded files that are the same as in the backup before take no more room: one file by two names."""
    former = next((other.media for other in existing() if other.media.exists() and other.media != backup.media), None)
    if former and read_checksum(former) == read_checksum(backup.media):
        twin = backup.media.with_name(backup.media.name + PARTIAL)
        os.link(former, twin)
        twin.replace(backup.media)


@contextmanager
def _removed_after_an_error(backup: Backup) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in (backup.path, checksum_of(backup.path), backup.media, checksum_of(backup.media)):
            path.unlink(missing_ok=True)
            path.with_name(path.name + PARTIAL).unlink(missing_ok=True)
        raise


@contextmanager
def _translate_os_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into a sentence."""
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(settings.BACKUPS_DIR).free // 1024**2
        raise BackupError(f"Cannot write the backup to {folder} ({error.strerror}; {free} MB are free).") from None
