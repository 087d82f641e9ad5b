"""What preflight finds on the disk: uploaded files, room, backups, and whether the site is read-only."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from ops.preflight.checks import host
from ops.read_only_state import lock
from tests.conftest import leave_out
from tests.ops.answers import USES_S3
from tests.ops.preflight.conftest import look


class TestMedia:
    def test_a_file_is_kept_and_removed(self, settings: Settings, tmp_path: Path) -> None:
        settings.MEDIA_ROOT = tmp_path / "media"
        assert look("media")[0] == "ok"
        assert list((tmp_path / "media").iterdir()) == []

    if USES_S3:

        @pytest.mark.parametrize("bucket", ["uploads", "other"])
        def test_a_bucket_is_written_to(self, settings: Settings, bucket: str) -> None:
            from config.settings.components.s3 import S3_STORAGE
            from tests.ops.object_storage import serving

            with serving("uploads") as (options, found):
                place = S3_STORAGE["OPTIONS"] | options | {"bucket_name": bucket}
                settings.STORAGES = settings.STORAGES | {"default": S3_STORAGE | {"OPTIONS": place}}
                severity, message, hint = look("media")
                assert message.startswith(f"The bucket {bucket} ")
                if bucket == "uploads":
                    assert (severity, list(found.objects.all())) == ("ok", [])
                else:
                    assert (severity, "AWS_STORAGE_BUCKET_NAME" in hint) == ("error", True)

    def test_the_folder_cannot_be_made(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "media").write_text("This is no folder.")
        settings.MEDIA_ROOT = tmp_path / "media"
        severity, message, hint = look("media")
        assert (severity, "cannot store an uploaded file" in message) == ("error", True)
        assert "MEDIA_ROOT" in hint


class TestDisk:
    def test_there_is_room_or_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(host, "LITTLE", 0.0)
        monkeypatch.setattr(host, "LITTLE_BYTES", 0)
        monkeypatch.setattr(host, "HARDLY_ANY", 0.0)
        severity, message, _ = look("disk")
        assert (severity, message.startswith("There is enough disk space. The fullest disk: ")) == ("ok", True)
        monkeypatch.setattr(host, "LITTLE_BYTES", 10**18)
        severity, message, hint = look("disk")
        assert (severity, "There is little room: " in message) == ("warning", True)
        assert "docs/runbooks/disk-full.md" in hint
        monkeypatch.setattr(host, "HARDLY_ANY", 1.01)
        assert look("disk")[0] == "error"

    def test_each_disk_is_looked_at_once_and_so_is_that_of_what_is_not_there_yet(self, settings: Settings) -> None:
        if not os.path.ismount("/dev/shm"):  # noqa: S108
            leave_out("A tmpfs must be mounted at /dev/shm.")
        settings.BACKUPS_DIR = Path("/dev/shm/nothing/of/this/is/there")  # noqa: S108
        looked_at = list(host.places())
        assert Path("/dev/shm") in looked_at  # noqa: S108
        devices = [place.stat().st_dev for place in looked_at]
        assert len(devices) == len(set(devices))


class TestBackups:
    @pytest.fixture(autouse=True)
    def folder(self, settings: Settings, tmp_path: Path) -> Path:
        """An empty folder of backups, which are overdue after a day."""
        folder = settings.BACKUPS_DIR = tmp_path / "backups"
        folder.mkdir()
        settings.BACKUPS_MAX_AGE_HOURS = 26
        return folder

    def make(self, folder: Path, age: timedelta, verified: timedelta | None = None) -> None:
        """Write what a backup has left, and a drill."""
        name = f"backup_{datetime.now(UTC) - age:%Y%m%d_%H%M%S}"
        (folder / f"{name}.sql.gz").touch()
        (folder / f"{name}.sql.gz.sha256").write_text(f"{'0' * 64}  {name}.sql.gz\n")
        if verified is not None:
            (folder / f"{name}.verified").write_text(f"{'0' * 64} {(datetime.now(UTC) - verified).isoformat()}\n")

    def test_there_is_none(self, settings: Settings) -> None:
        severity, message, hint = look("backups")
        assert (severity, "there is none" in message) == ("error", True)
        assert hint.endswith("backup_database")
        settings.BACKUPS_MAX_AGE_HOURS = 0
        assert look("backups")[0] == "note"

    def test_it_is_new_and_verified(self, folder: Path) -> None:
        self.make(folder, timedelta(hours=1), timedelta(minutes=5))
        assert look("backups")[0] == "ok"

    def test_it_is_overdue(self, folder: Path) -> None:
        self.make(folder, timedelta(hours=27), timedelta(hours=26))
        severity, message, hint = look("backups")
        assert (severity, "is overdue" in message) == ("error", True)
        assert hint.endswith("backup_database")

    @pytest.mark.parametrize("verified", [None, timedelta(days=36)])
    def test_none_was_verified_lately(self, folder: Path, verified: timedelta | None) -> None:
        self.make(folder, timedelta(days=37), verified)
        self.make(folder, timedelta(hours=1))
        severity, message, hint = look("backups")
        assert (severity, "none was verified within the last 35 days" in message) == ("warning", True)
        assert hint.endswith("verify_backup latest")
        self.make(folder, timedelta(days=30), timedelta(days=29))
        assert look("backups")[0] == "ok"


class TestReadOnly:
    def test_it_is_off(self, settings: Settings, tmp_path: Path) -> None:
        settings.READ_ONLY_LOCK_FILE = tmp_path / "lock"
        assert look("read_only")[0] == "ok"

    def test_it_was_left_on(self, settings: Settings, tmp_path: Path) -> None:
        settings.READ_ONLY_LOCK_FILE = tmp_path / "lock"
        lock("We are moving.")
        severity, message, hint = look("read_only")
        assert (severity, "(We are moving.)" in message) == ("warning", True)
        assert hint.endswith("read_only off")

    def test_it_is_set(self, settings: Settings) -> None:
        settings.READ_ONLY_MODE = True
        severity, message, hint = look("read_only")
        assert (severity, "READ_ONLY_MODE is set" in message) == ("warning", True)
        assert "Remove READ_ONLY_MODE" in hint
