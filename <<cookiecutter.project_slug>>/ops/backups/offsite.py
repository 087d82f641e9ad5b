"""Copies of backups in a storage elsewhere, encrypted if there are keys to encrypt for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyrage
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages

from ops.backups.files import PARTIAL, BackupError, checksum_of, create_private, digest, read_checksum


class ServiceError(BackupError):
    """What a storage service has not done; a later attempt may go well."""


def is_configured() -> bool:
    """Say whether there is a bucket for copies."""
    return bool(settings.BACKUPS_STORAGE["OPTIONS"]["bucket_name"])


def recipients() -> list[Any]:
    """Return the public keys that copies are encrypted for; raise BackupError, naming it, when one is none."""
    found = []
    for key in settings.BACKUPS_RECIPIENTS:
        try:
            found.append(pyrage.x25519.Recipient.from_str(key))
        except pyrage.RecipientError:
            raise BackupError(
                f"BACKUPS_RECIPIENTS has {key}, which is not a public key of age. Use a key that age-keygen prints, "
                "which begins with age1."
            ) from None
    return found


def require_bucket() -> None:
    """Raise BackupError unless a copy can be made as the settings ask for."""
    if not is_configured():
        raise BackupError("A copy needs a bucket, and BACKUPS_S3_BUCKET is not set. Set it to the name of the bucket.")
    recipients()


def copy(archive: Path, show_progress: Callable[[str, int], Any]) -> list[str]:
    """Copy a file of a backup and its checksum to the storage ``backups``, read both again, and return their names.

    The checksum goes last: a copy without one is of an attempt that has failed, which is overwritten. ``show_progress``
    takes a label and a number of bytes, and returns a context that takes the bytes done. Raises ServiceError when a
    copy is not what was sent, and BackupError when there can be none.
    """
    if not archive.exists():
        raise BackupError(f"{archive.name} cannot be copied to the bucket, for it is not there any more.")
    read_checksum(archive)
    options = settings.STORAGES["backups"]["OPTIONS"] | {"file_overwrite": True}
    storage: Any = storages.create_storage(settings.STORAGES["backups"] | {"OPTIONS": options})
    checksum = checksum_of(archive)
    if storage.exists(checksum.name):
        if storage.bucket.Object(checksum.name).get()["Body"].read() != checksum.read_bytes():
            raise BackupError(f"The bucket already has another file {checksum.name}, which was not changed.")
        return []
    copied = []
    for path in (archive, checksum):
        with encrypted(path) as sent, sent.open("rb") as file:
            name = sent.name.removesuffix(PARTIAL)
            with show_progress(f"Copying {name}", sent.stat().st_size):
                expected = digest(file)
                file.seek(0)
                storage.save(name, File(file, name))
                # As it comes: what storage.open() returns would have all of it in memory.
                if digest(storage.bucket.Object(name).get()["Body"]) != expected:
                    raise ServiceError(f"The copy of {name} in the bucket has another checksum. Check the bucket.")
        copied.append(name)
    return copied


@contextmanager
def encrypted(path: Path) -> Iterator[Path]:
    """Yield the file that is sent for ``path``: itself, or for as long as it takes one that is encrypted."""
    keys = recipients()
    # The checksum of what is encrypted tells nothing.
    if not keys or path.suffix == ".sha256":
        yield path
        return
    target = path.with_name(f"{path.name}.age{PARTIAL}")
    try:
        with path.open("rb") as plain, create_private(target) as file:
            pyrage.encrypt_io(plain, file, keys)
        yield target
    finally:
        target.unlink(missing_ok=True)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn what a storage service refuses within the block into a sentence."""
    # They take long to import, so only who needs them does.
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        raise ServiceError(f"The storage service refused a request: {error}") from None
