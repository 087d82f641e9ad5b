"""Uploaded files, into an archive of tar and back, whichever storage keeps them."""

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from django.core.files.base import File
from django.core.files.storage import Storage, default_storage

from ops.backups.files import CHUNK, BackupError, digest


def names(storage: Storage, folder: str = "") -> Iterator[str]:
    """Yield the names of all files in a storage, in an order that is always the same."""
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        # Nothing was uploaded yet.
        return
    for name in sorted(files):
        # A bucket lists a folder that was made by hand as a file without a name.
        if name:
            yield posixpath.join(folder, name)
    for name in sorted(folders):
        yield from names(storage, posixpath.join(folder, name))


def write(target: BinaryIO, progress: Callable[[int], None]) -> int:
    """Write all uploaded files into an archive, and return how many there are.

    The same files make the same archive, byte for byte. One that is removed meanwhile is left out.
    """
    count = 0
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in names(default_storage):
            try:
                with open_stored(name) as (content, size):
                    member = tarfile.TarInfo(name)
                    member.size = size
                    archive.addfile(member, content)
            except FileNotFoundError:
                continue
            count += 1
            progress(archive.offset)
    return count


@contextmanager
def open_stored(name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open a file of the storage, to be read once and in pieces; yield its content and its bytes.

    Raises FileNotFoundError when it is not there.
    """
    with default_storage.open(name) as file:
        stored = getattr(file, "obj", None)
        # A file that django-storages has compressed has another size in the bucket than its content.
        if stored is None or (getattr(default_storage, "gzip", False) and stored.content_encoding == "gzip"):
            yield file, file.size
            return
        from s3transfer.constants import ALLOWED_DOWNLOAD_ARGS  # type: ignore[import-untyped]

        # As it comes: django-storages reads all of it into memory, more than once, before it gives the first byte.
        parameters = default_storage.get_object_parameters(name)  # type: ignore[attr-defined]
        asked = {key: value for key, value in parameters.items() if key in ALLOWED_DOWNLOAD_ARGS}
        try:
            response = stored.get(**asked)
        except stored.meta.client.exceptions.NoSuchKey:
            raise FileNotFoundError(name) from None
        with closing(response["Body"]) as content:
            yield content, response["ContentLength"]


@contextmanager
def open_archive(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes], int]]]:
    """Open an archive of uploaded files: names, contents and bytes; raise BackupError when it is not whole."""
    try:
        with tarfile.open(path, mode="r") as archive:
            files = ((member, archive.extractfile(member)) for member in archive)
            yield ((member.name, content, member.size) for member, content in files if content)
    except tarfile.ReadError as error:
        raise BackupError(f"{path.name} is damaged: {error}. Use another backup.") from None


def put_back_missing(path: Path, progress: Callable[[int], None]) -> set[str]:
    """Bring back the files of an archive that are not there any more.

    Returns the names of those that are there with another content, which stay as they are.
    """
    others, done = set(), 0
    with open_archive(path) as files:
        for name, content, size in files:
            if not default_storage.exists(name):
                _save(name, content)
            elif not _is_same(name, content, size):
                others.add(name)
            done += size
            progress(done)
    return others


def put_back_others(path: Path, others: set[str], aside: Path) -> None:
    """Bring back the files ``others`` as they were; as they are now, they are kept in the folder ``aside``."""
    with open_archive(path) as files:
        for name, content, _ in files:
            if name in others:
                place = aside / name
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with open_stored(name) as (now, _), place.open("xb") as copy:
                    while chunk := now.read(CHUNK):
                        copy.write(chunk)
                default_storage.delete(name)
                _save(name, content)


def _save(name: str, content: IO[bytes]) -> None:
    saved = default_storage.save(name, File(content, name))
    if saved != name:
        default_storage.delete(saved)
        raise BackupError(f"The uploaded file {name} was not restored: a file with this name was just uploaded.")


def _is_same(name: str, content: IO[bytes], size: int) -> bool:
    """Say whether the storage has that content by that name."""
    if default_storage.size(name) != size:
        return False
    with open_stored(name) as (now, _):
        is_same = digest(now) == digest(content)
    content.seek(0)
    return is_same
