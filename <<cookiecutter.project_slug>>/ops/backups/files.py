"""The files of a backup, in the folder BACKUPS_DIR, and how long each is kept.

``backup_20261126_021500.sql.gz`` (in UTC), or ``.sql`` or ``.pgcustom``, is the database, and
``backup_20261126_021500.media.tar`` the uploaded files. Beside each is its checksum, which ``sha256sum --check`` reads,
and in a comment the signature of that: an HMAC under a key of the site's.
While a file is being written its name ends in ``.partial``. The database is complete as soon as its file has its name.
``backup_20261126_021500.pending`` lists the steps of the backup that are still to be done.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, BinaryIO

from django.conf import settings
from django.core.management import CommandError
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from ops.files import replace_text

ENDINGS = {"gz": ".sql.gz", "pgcustom": ".pgcustom", "none": ".sql"}
NAME = re.compile(r"backup_(\d{8}_\d{6})(\.sql|\.sql\.gz|\.pgcustom)")
# sha256sum takes a line that begins so for a comment.
SIGNATURE = re.compile(r"^# hmac-sha256 ([0-9a-f]{64})$", re.MULTILINE)
STAMP = "%Y%m%d_%H%M%S"
PARTIAL = ".partial"
# The steps after the database is backed up, in their order.
MEDIA, COPY_DATABASE, COPY_MEDIA = "media", "copy-database", "copy-media"
CHUNK = 1024 * 1024
# Every backup is kept for this long: a nightly backup does not replace the one before a release.
ALL_OF = timedelta(days=2)
# Of older ones the newest of each period is kept, which have this in common.
PERIODS = {"days": "%Y-%m-%d", "weeks": "%G-%V", "months": "%Y-%m"}


class BackupError(CommandError):
    """A sentence that says what is wrong with a backup or its restoring, and what would be right."""


@dataclass(frozen=True)
class Backup:
    """A complete backup, by the file of its database."""

    path: Path

    @property
    def stamp(self) -> str:
        """When it was begun, as its files are called."""
        return self.path.name.removeprefix("backup_").partition(".")[0]

    @property
    def time(self) -> datetime:
        """When it was begun."""
        return datetime.strptime(self.stamp, STAMP).replace(tzinfo=UTC)

    @property
    def media(self) -> Path:
        """Where its uploaded files are, if they are in it."""
        return self.path.with_name(f"backup_{self.stamp}.media.tar")

    @property
    def mark(self) -> Path:
        """Where a drill notes that it was verified: the checksum of the database, and when."""
        return self.path.with_name(f"backup_{self.stamp}.verified")

    @property
    def pending_file(self) -> Path:
        """Where the steps are listed that are still to be done."""
        return self.path.with_name(f"backup_{self.stamp}.pending")

    def pending(self) -> list[str]:
        """Return the steps that are still to be done, in their order; a later run makes up for them."""
        try:
            return self.pending_file.read_text(encoding="ascii").split()
        except FileNotFoundError:
            return []

    def set_pending(self, steps: Sequence[str]) -> None:
        """Note which steps are still to be done."""
        if steps:
            replace_text(self.pending_file, "".join(f"{step}\n" for step in steps), mode=0o600)
        else:
            self.pending_file.unlink(missing_ok=True)

    def finish_step(self, step: str) -> None:
        """Note that a step is no longer to be done."""
        self.set_pending([other for other in self.pending() if other != step])

    def archives(self) -> list[Path]:
        """Return the files that have something in them."""
        return [path for path in (self.path, self.media) if path.exists()]

    def files(self) -> list[Path]:
        """Return all its files, that of the database last."""
        others = [self.pending_file, self.mark, self.media, checksum_of(self.media), checksum_of(self.path)]
        return [path for path in (*others, self.path) if path.exists()]

    def size(self) -> int:
        """Return the bytes of its archives."""
        return sum(path.stat().st_size for path in self.archives())

    def remove(self) -> None:
        """Remove it; the database first, so that what is left when this is interrupted is no backup."""
        for path in reversed(self.files()):
            path.unlink()

    def verified(self) -> str | None:
        """Return when a drill has restored what is in the file now, in ISO 8601, or None."""
        if not self.mark.exists() or not checksum_of(self.path).exists():
            return None
        checksum, _, time = self.mark.read_text(encoding="ascii").strip().partition(" ")
        return time if checksum == read_checksum(self.path) else None


def partial_of(path: Path) -> Path:
    """Return where a file is while it is being written."""
    return path.with_name(f"{path.name}{PARTIAL}")


def checksum_of(path: Path) -> Path:
    """Return where the checksum of a file is."""
    return path.with_name(f"{path.name}.sha256")


def read_checksum(path: Path) -> str:
    """Return the checksum beside a file; raise BackupError when there is none."""
    place = checksum_of(path)
    if not place.exists():
        raise BackupError(f"{path.name}: the checksum {place.name} is missing. Copy it from where the backup is from.")
    checksum = place.read_text(encoding="utf-8").split(" ")[0]
    if not re.fullmatch("[0-9a-f]{64}", checksum):
        raise BackupError(f"{place.name} has no SHA-256 checksum. Copy it again from where the backup is from.")
    return checksum


def sign(name: str, checksum: str, key: str) -> str:
    """Return the HMAC-SHA256, under a key of the site's, of a file's name and its checksum."""
    return salted_hmac("ops.backups.files", f"{checksum}  {name}", secret=key, algorithm="sha256").hexdigest()


def signing_keys() -> list[str]:
    """Return the keys whose signatures are good; the first of them signs."""
    keys: list[str] = settings.BACKUPS_SIGNING_KEYS or [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return keys


def is_signed(path: Path) -> bool:
    """Return whether one of the site's keys has signed the checksum beside a file."""
    place = checksum_of(path)
    text = place.read_text(encoding="utf-8") if place.exists() else ""
    found = SIGNATURE.search(text)
    if not found:
        return False
    checksum = text.split(" ")[0]
    return any(constant_time_compare(found[1], sign(path.name, checksum, key)) for key in signing_keys())


def require_signature(path: Path) -> None:
    """Raise BackupError unless there is a checksum beside a file, and one of the site's keys has signed it."""
    read_checksum(path)
    if not is_signed(path):
        raise BackupError(
            f"{path.name} is not signed with a key of this site. If you know that it comes from this site, such as "
            "from before its keys changed, add --allow-unsigned."
        )


def digest(file: IO[bytes], progress: Callable[[int], None] = lambda _: None) -> str:
    """Return the SHA-256 of what is left of a file; ``progress`` takes the bytes read so far."""
    found = hashlib.sha256()
    total = 0
    while chunk := file.read(CHUNK):
        found.update(chunk)
        total += len(chunk)
        progress(total)
    return found.hexdigest()


def check(path: Path, progress: Callable[[int], None]) -> None:
    """Raise BackupError unless a file is what its checksum says."""
    with path.open("rb") as file:
        if digest(file, progress) != read_checksum(path):
            raise BackupError(f"{path.name}: checksum mismatch. Use another backup.")


def finish(partial: Path) -> None:
    """Give a file that was written its name, after its checksum is there, and both are on the disk."""
    path = partial.with_name(partial.name.removesuffix(PARTIAL))
    with partial.open("rb") as file:
        checksum = digest(file)
        os.fsync(file.fileno())
    signature = sign(path.name, checksum, signing_keys()[0])
    replace_text(checksum_of(path), f"{checksum}  {path.name}\n# hmac-sha256 {signature}\n", mode=0o600)
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def create_private(path: Path) -> BinaryIO:
    """Open a new file that its owner alone may read."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def existing() -> list[Backup]:
    """Return the complete backups in BACKUPS_DIR, the newest first."""
    if not settings.BACKUPS_DIR.is_dir():
        return []
    found = [Backup(path) for path in settings.BACKUPS_DIR.iterdir() if NAME.fullmatch(path.name)]
    return sorted(found, key=lambda backup: backup.path.name, reverse=True)


def find(name: str) -> Backup:
    """Return a backup by its path, its name in BACKUPS_DIR, or ``latest``; raise BackupError when there is none."""
    if name == "latest":
        if not (backups := existing()):
            raise BackupError(f"{settings.BACKUPS_DIR} has no backup. Create one with: backup_database")
        return backups[0]
    path = Path(name)
    if not path.exists() and path.name == name:
        path = settings.BACKUPS_DIR / name
    if path.name.endswith(".age"):
        raise BackupError(f"{path.name} is encrypted. Decrypt it first: age --decrypt --identity KEY --output FILE")
    if not NAME.fullmatch(path.name):
        raise BackupError(
            f"{path.name} is not a name of a backup. Expected a name such as backup_20261126_021500.sql.gz."
        )
    if not path.exists():
        raise BackupError(f"File not found: {path}. List the backups with: list_backups")
    return Backup(path)


@contextmanager
def locked() -> Iterator[Path]:
    """Keep BACKUPS_DIR for this process; yield the folder, without what one that was killed has left half-written.

    Raises BackupError when the folder cannot be written to, or when another process has it.
    """
    folder: Path = settings.BACKUPS_DIR
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BackupError(
            f"{folder} is not writable ({error.strerror}). Set BACKUPS_DIR to a folder of this user."
        ) from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError("Another backup or restore is running. Wait until it ends.") from None
        unfinished = {*folder.glob(f"backup_*{PARTIAL}"), *folder.glob("backup_*.pending")}
        for path in unfinished - {backup.pending_file for backup in existing()}:
            path.unlink()
        yield folder
    finally:
        os.close(lock)


def wanted(backups: Sequence[Backup], now: datetime) -> set[Backup]:
    """Return the backups to keep, which always include the newest. Args: ``backups``, the newest first."""
    kept = {backup for backup in backups if now - backup.time < ALL_OF} | set(backups[:1])
    for period, form in PERIODS.items():
        newest: dict[str, Backup] = {}
        for backup in backups:
            newest.setdefault(timezone.localtime(backup.time).strftime(form), backup)
        kept.update(list(newest.values())[: settings.BACKUPS_KEEP[period]])
    return kept


def prune(backups: Sequence[Backup], keep: int | None) -> list[Backup]:
    """Remove the backups that exceed the retention, and return them.

    Args: ``backups``, the newest first; ``keep``, the number of newest backups to keep, or None to follow BACKUPS_KEEP.
    """
    kept = wanted(backups, timezone.now()) if keep is None else set(backups[:keep])
    removed = [backup for backup in backups if backup not in kept]
    for backup in removed:
        backup.remove()
    return removed
