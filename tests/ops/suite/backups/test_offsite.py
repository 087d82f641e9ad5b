"""Copies in a bucket: of a real server of its protocol, and for a real key of age."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from django.core.files.storage import storages
from django.core.management import CommandError
from django.utils import timezone
from pytest_django import Settings

from config.settings.components.backups import BACKUPS_STORAGE
from ops.backups.files import checksum_of, existing
from tests.ops.backups.conftest import Server
from tests.ops.object_storage import serving

pytestmark = pytest.mark.servers
Run = Callable[..., str]


@pytest.fixture
def bucket(settings: Settings) -> Iterator[Any]:
    """A bucket of a server on this machine, which the settings name."""
    with serving("backups") as (options, bucket):
        storage = BACKUPS_STORAGE | {"OPTIONS": BACKUPS_STORAGE["OPTIONS"] | options}
        settings.BACKUPS_STORAGE = storage
        settings.STORAGES = settings.STORAGES | {"backups": storage}
        yield bucket


def content(bucket: Any, name: str) -> bytes:
    """Return what a file in the bucket holds."""
    file = io.BytesIO()
    bucket.download_fileobj(name, file)
    return file.getvalue()


def test_a_backup_is_copied_as_it_is(database: Server, run: Run, bucket: Any) -> None:
    said = run("backup_database")
    [backup] = existing()
    names = [path.name for path in backup.files()]
    assert {file.key for file in bucket.objects.all()} == set(names)
    for path in backup.files():
        assert content(bucket, path.name) == path.read_bytes()
        assert f"  copied {path.name}\n" in said


def test_copies_are_only_for_who_has_the_private_key(
    database: Server, run: Run, bucket: Any, settings: Settings
) -> None:
    identity, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    settings.BACKUPS_RECIPIENTS = [str(identity.to_public())]
    run("backup_database", "--compression", "none")
    [backup] = existing()
    copied = content(bucket, f"{backup.path.name}.age")
    assert b"users_user" not in copied
    assert pyrage.decrypt(copied, [identity]) == backup.path.read_bytes()
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(copied, [other])
    assert {file.key for file in bucket.objects.all()} == {
        f"{backup.path.name}.age",
        f"{backup.path.name}.sha256",
        f"{backup.media.name}.age",
        f"{backup.media.name}.sha256",
    }
    # Nothing of it is left here.
    assert {path.suffix for path in backup.path.parent.iterdir()} <= {"", ".sql", ".tar", ".sha256"}


def test_a_copy_that_is_not_what_was_sent_is_a_failure(
    database: Server, run: Run, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bucket keeps something else of the database; the backup here stays."""
    save = type(storages["backups"]).save

    def cut(self: Any, name: str, file: Any, max_length: int | None = None) -> str:
        return str(save(self, name, io.BytesIO(b"no backup") if ".sql" in name else file))

    monkeypatch.setattr(type(storages["backups"]), "save", cut)
    with pytest.raises(CommandError, match=r"The copy of backup_\S+ in the bucket has another checksum"):
        run("backup_database")
    assert len(existing()) == 1
    with pytest.raises(CommandError, match=r"The last backup failed at .*has another checksum"):
        run("list_backups", "--check")
    # What is there of that attempt has no checksum beside it, and is replaced by the next.
    monkeypatch.undo()
    assert "  copied backup_" in run("backup_database", "--if-due", timezone.localtime().strftime("%H:%M"))
    [backup] = existing()
    for path in backup.files():
        assert content(bucket, path.name) == path.read_bytes()
    run("list_backups", "--check")


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_failed_copy_is_retried_and_backups_go_on(
    database: Server, run: Run, bucket: Any, settings: Settings, is_encrypted: bool
) -> None:
    """The bucket is out of reach for two backups: each is copied as soon as it is back, and old ones are removed."""
    if is_encrypted:
        settings.BACKUPS_RECIPIENTS = [str(pyrage.x25519.Identity.generate().to_public())]
    settings.BACKUPS_KEEP = {"days": 1, "weeks": 1, "months": 1}
    settings.BACKUPS_DIR.mkdir()
    (settings.BACKUPS_DIR / "backup_20200101_000000.sql").touch()
    storages, now = settings.STORAGES, timezone.localtime().strftime("%H:%M")
    options = settings.BACKUPS_STORAGE["OPTIONS"] | {"bucket_name": "another"}
    settings.STORAGES = storages | {"backups": settings.BACKUPS_STORAGE | {"OPTIONS": options}}
    for arguments in ([], ["--if-due", now], []):
        with pytest.raises(
            CommandError, match=r"^The storage service refused a request: [^:]*NoSuchBucket[^:]*: [^:]*$"
        ):
            run("backup_database", *arguments)
    assert len(existing()) == 2
    assert "pending: copy-database, copy-media" in run("list_backups")
    # A backup that is not to be copied does not say that all is well.
    run("backup_database", "--no-media", "--no-upload")
    with pytest.raises(CommandError, match=r"The last backup failed at .*NoSuchBucket"):
        run("list_backups", "--check")
    settings.STORAGES = storages
    run("backup_database", "--if-due", now)
    copied = [backup for backup in existing() if backup.media.exists()]
    ending = ".age" if is_encrypted else ""
    assert {file.key for file in bucket.objects.all()} == {
        name
        for backup in copied
        for archive in backup.archives()
        for name in (f"{archive.name}{ending}", f"{archive.name}.sha256")
    }
    assert "pending" not in run("list_backups", "--check")
    assert run("backup_database", "--if-due", now) == ""


def test_a_copy_that_can_never_be_made_is_told_once(database: Server, run: Run, bucket: Any) -> None:
    """Another site's backup of the same second is in the bucket, or the checksum is lost: later backups are made."""
    run("backup_database")
    [first] = existing()
    for spoil, message in (
        (lambda: bucket.put_object(Key=f"{first.path.name}.sha256", Body=b"another"), "already has another file"),
        (lambda: checksum_of(first.path).unlink(), "is missing"),
    ):
        spoil()
        first.set_pending(["copy-database"])
        with pytest.raises(CommandError, match=message):
            run("backup_database")
        run("backup_database")
        run("list_backups", "--check")
    assert content(bucket, f"{first.path.name}.sha256") == b"another"


def test_a_bucket_that_is_not_there_is_told_in_a_sentence(
    database: Server, run: Run, bucket: Any, settings: Settings
) -> None:
    options = settings.BACKUPS_STORAGE["OPTIONS"] | {"bucket_name": "another"}
    settings.STORAGES = settings.STORAGES | {"backups": settings.BACKUPS_STORAGE | {"OPTIONS": options}}
    with pytest.raises(CommandError, match=r"The storage service refused a request: .*NoSuchBucket"):
        run("backup_database")
    assert len(existing()) == 1


@pytest.mark.parametrize(
    ("recipients", "message"),
    [
        (["age1nonsense"], r"BACKUPS_RECIPIENTS has age1nonsense, which is not a public key of age. Use a key"),
        ([], r"A copy needs a bucket, and BACKUPS_S3_BUCKET is not set. Set it to the name"),
    ],
)
def test_what_cannot_be_copied_is_told_before_anything_is_done(
    database: Server, run: Run, settings: Settings, tmp_path: Path, recipients: list[str], message: str
) -> None:
    settings.BACKUPS_RECIPIENTS = recipients
    options = BACKUPS_STORAGE["OPTIONS"] | {"bucket_name": "backups" if recipients else ""}
    settings.BACKUPS_STORAGE = BACKUPS_STORAGE | {"OPTIONS": options}
    with pytest.raises(CommandError, match=message):
        run("backup_database", "--upload")
    assert existing() == []
