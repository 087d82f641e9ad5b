"""Backups of a real PostgreSQL: what is in them, what they are called, and that one is complete or none."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as project_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from apps.users.models import User
from ops.backups import create, files, media, status
from ops.backups.files import ENDINGS, Backup, existing
from ops.backups.management.commands.backup_database import is_due, time_of_day
from tests.ops.backups.conftest import PASSWORD, Server, django_with
from tests.ops.object_storage import serving_apart

pytestmark = pytest.mark.servers
Run = Callable[..., str]


@pytest.mark.parametrize("compression", ENDINGS)
def test_a_backup_is_complete_and_nobody_elses(database: Server, run: Run, compression: str) -> None:
    said = run("backup_database", "--compression", compression)
    [backup] = existing()
    assert backup.path.name == f"backup_{backup.stamp}{ENDINGS[compression]}"
    assert timezone.now() - backup.time < timedelta(minutes=1)
    assert "        1 rows of public.users_user\n" in said
    assert said.splitlines()[-1].startswith(f"{backup.path}: ")
    names = {path.name for path in backup.path.parent.iterdir()} - {".lock"}
    assert names == {path.name for path in backup.files()}
    assert len(names) == 4
    for path in backup.files():
        assert path.stat().st_mode & 0o777 == 0o600, path
    for path in backup.archives():
        checksum, signature = files.checksum_of(path).read_text().splitlines()
        assert checksum == f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
        assert re.fullmatch("# hmac-sha256 [0-9a-f]{64}", signature)
        command = ["sha256sum", "--check", "--strict", files.checksum_of(path).name]
        assert subprocess.run(command, cwd=path.parent, check=True, capture_output=True).stderr == b""


def test_it_is_of_one_moment(database: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """While rows move from one table to another, each is in it exactly once."""
    database.run("CREATE TABLE here (n int); CREATE TABLE there (n int)", "app", "app")
    database.run("INSERT INTO here SELECT generate_series(1, 500)", "app", "app")
    is_over = threading.Event()

    def move() -> None:
        with database.connect("app", "app") as connected:
            while not is_over.is_set():
                connected.execute("WITH gone AS (DELETE FROM here RETURNING n) INSERT INTO there SELECT n FROM gone")
                connected.execute("WITH gone AS (DELETE FROM there RETURNING n) INSERT INTO here SELECT n FROM gone")

    mover = threading.Thread(target=move)
    mover.start()
    try:
        said = run("backup_database", "--no-media")
    finally:
        is_over.set()
        mover.join()
    rows = {line.split()[-1]: int(line.split()[0]) for line in said.splitlines() if " rows of " in line}
    assert rows["public.here"] + rows["public.there"] == 500


def test_the_password_is_on_no_command_line(database: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    start = subprocess.Popen.__init__

    def watched(self: subprocess.Popen[bytes], command: list[object], *arguments: object, **options: object) -> None:
        seen.append([str(word) for word in command])
        start(self, command, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess.Popen, "__init__", watched)
    run("backup_database", "--compression", "pgcustom")
    assert [Path(command[0]).name for command in seen] == ["pg_dump", "pg_restore"]
    assert PASSWORD not in repr(seen)


def test_uploaded_files_that_are_the_same_take_no_more_room(database: Server, run: Run) -> None:
    default_storage.save("reports/a.txt", ContentFile(b"content"))
    run("backup_database")
    run("backup_database")
    default_storage.save("reports/b.txt", ContentFile(b"more"))
    assert "        2 uploaded files" in run("backup_database")
    newest, middle, oldest = [backup.media.stat() for backup in existing()]
    assert middle.st_ino == oldest.st_ino != newest.st_ino


def test_memory_does_not_grow_with_a_row_or_an_uploaded_file(database: Server, run: Run, settings: Settings) -> None:
    """A value of 32 MB as text, and an uploaded file of 32 MB in a bucket: making a backup, and restoring it."""
    database.run("CREATE TABLE large (content bytea)", "app", "app")
    database.run("INSERT INTO large SELECT decode(repeat('5c', 16 * 1024 * 1024), 'hex')", "app", "app")
    with serving_apart("uploads") as (options, bucket):
        storage = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
        settings.STORAGES = settings.STORAGES | {"default": storage}
        bucket.put_object(Key="films/large", Body=bytes(32 * 1024 * 1024))
        bucket.put_object(Key="films/small", Body=b"as it was")
        peaks = {}
        for command in ("backup_database", "restore_database latest --yes"):
            tracemalloc.start()
            try:
                run(*command.split())
                peaks[command] = tracemalloc.get_traced_memory()[1] / 1024**2
            finally:
                tracemalloc.stop()
            bucket.put_object(Key="films/small", Body=b"changed since")
        run("restore_database", "latest", "--yes")
        assert bucket.Object("films/small").get()["Body"].read() == b"as it was"
    print(peaks)
    assert max(peaks.values()) < 24, peaks


def test_a_failure_leaves_nothing_and_is_told_until_one_succeeds(
    database: Server, run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "wrong")
    with pytest.raises(CommandError, match=r"pg_dump failed: .*password authentication failed"):
        run("backup_database")
    assert existing() == []
    assert {path.name for path in project_settings.BACKUPS_DIR.iterdir()} == {".lock", status.FAILURE}
    assert [record.levelname for record in caplog.records if "The backup failed: " in record.message] == ["ERROR"]
    with pytest.raises(CommandError, match=r"The last backup failed at .*password authentication failed"):
        run("list_backups", "--check")
    monkeypatch.undo()
    run("backup_database")
    assert "not verified" in run("list_backups", "--check")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing(database: Server, tmp_path: Path, number: signal.Signals) -> None:
    """Held up by somebody's lock, pg_dump waits; it is ended too."""
    folder = tmp_path / "backups"
    environment = database.environment() | {"BACKUPS_DIR": str(folder), "MEDIA_ROOT": str(tmp_path)}
    with database.connect("app", "app") as holding, holding.transaction():
        holding.execute("LOCK TABLE users_user")
        command = [sys.executable, "manage.py", "backup_database"]
        process = subprocess.Popen(command, cwd=project_settings.BASE_DIR, env=environment)
        end = time.monotonic() + 20
        while not list(folder.glob("*.partial")):
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        assert process.wait(timeout=10) == 128 + number
    assert {path.name for path in folder.iterdir()} == {".lock", status.FAILURE}
    # PostgreSQL ends the session soon.
    end = time.monotonic() + 10
    while database.run("SELECT 1 FROM pg_stat_activity WHERE application_name = 'backup'"):
        assert time.monotonic() < end
        time.sleep(0.1)


def start(database: Server, tmp_path: Path) -> "subprocess.Popen[str]":
    """Start a backup in a process of its own, which the test kills."""
    environment = database.environment() | {"BACKUPS_DIR": str(tmp_path / "backups"), "BACKUPS_MEDIA": "true"}
    environment["MEDIA_ROOT"] = str(tmp_path / "media")
    command = [sys.executable, "manage.py", "backup_database"]
    return subprocess.Popen(
        command, cwd=project_settings.BASE_DIR, env=environment, stderr=subprocess.PIPE, stdout=None, text=True
    )


def wait_for_file(folder: Path, pattern: str, process: "subprocess.Popen[str]") -> None:
    """Return as soon as a file of a backup that runs is there."""
    end = time.monotonic() + 60
    while not list(folder.glob(pattern)):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_backup_that_is_killed_is_told_and_its_database_is_kept(
    database: Server, run: Run, tmp_path: Path, settings: Settings
) -> None:
    """An uploaded file that cannot be read to its end holds the backup up after the database is done."""
    settings.MEDIA_ROOT.mkdir()
    os.mkfifo(settings.MEDIA_ROOT / "endless")
    with start(database, tmp_path) as process:
        wait_for_file(settings.BACKUPS_DIR, "*.media.tar.partial", process)
        # While it works, nothing has failed.
        assert status.failure() is None
        process.kill()
    [backup] = existing()
    files.check(backup.path, lambda _: None)
    for _ in range(2):
        with pytest.raises(
            CommandError, match=r"The last backup failed at \S+: its process was killed, usually because memory ran out"
        ):
            run("list_backups", "--check")
    (settings.MEDIA_ROOT / "endless").unlink()
    (settings.MEDIA_ROOT / "file.txt").write_text("content")
    earlier = (timezone.localtime() - timedelta(hours=1)).strftime("%H:%M")
    # Only what is missing is done.
    assert run("backup_database", "--if-due", earlier).splitlines() == ["          1 uploaded files, 10.0\xa0KB"]
    assert existing() == [backup]
    files.check(backup.media, lambda _: None)
    assert "with uploaded files" in run("list_backups", "--check")
    assert {path.name for path in backup.path.parent.iterdir()} == {".lock", *(path.name for path in backup.files())}


def test_a_killed_pg_dump_is_told(database: Server, tmp_path: Path, settings: Settings) -> None:
    with database.connect("app", "app") as holding, holding.transaction():
        holding.execute("LOCK TABLE users_user")
        with start(database, tmp_path) as process:
            wait_for_file(settings.BACKUPS_DIR, "*.sql.gz.partial", process)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while not (found := children.read_text().split()):
                time.sleep(0.01)
            os.kill(int(found[0]), signal.SIGKILL)
            assert "pg_dump failed: it was killed, usually because memory ran out." in process.communicate()[1]
    assert "pg_dump failed: it was killed" in (status.failure() or {})["reason"]


def test_uploaded_files_that_cannot_be_read_do_not_cost_the_database(
    database: Server, run: Run, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older backups go when their time is over nevertheless."""
    settings.BACKUPS_KEEP = {"days": 1, "weeks": 1, "months": 1}
    [old] = backups_of(settings.BACKUPS_DIR, timedelta(days=400))
    default_storage.save("file.txt", ContentFile(b"content"))

    def fail(name: str) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(media, "open_stored", fail)
    with pytest.raises(CommandError, match=r"Cannot write the backup to \S+ \(Input/output error; \d+ MB are free\)"):
        run("backup_database")
    [backup] = existing()
    assert old != backup
    assert "without uploaded files, not verified, pending: media" in run("list_backups")
    # A backup that asks for neither files nor a copy leaves the failure to those who wait for them.
    run("backup_database", "--no-media", "--no-upload")
    with pytest.raises(CommandError, match=r"The last backup failed at .*Input/output error"):
        run("list_backups", "--check")
    monkeypatch.undo()
    settings.BACKUPS_MAX_AGE_HOURS = 26
    assert " 1 uploaded files" in run("backup_database", "--if-due", timezone.localtime().strftime("%H:%M"))
    assert backup.media.exists()
    assert "pending" not in run("list_backups", "--check")


@pytest.mark.parametrize("is_of_media", [True, False])
def test_a_checksum_that_is_lost_is_no_harm_to_later_backups(database: Server, run: Run, is_of_media: bool) -> None:
    run("backup_database")
    run("verify_backup", "latest")
    [backup] = existing()
    files.checksum_of(backup.media if is_of_media else backup.path).unlink()
    assert ("not verified" in run("list_backups")) is not is_of_media
    assert status.details()["verified"] == (backup.path.name if is_of_media else None)
    run("backup_database")
    assert len(existing()) == 2
    assert status.details()["ok"]


REFUSED = (
    r"backup_\S+ is not signed with a key of this site\. If you know that it comes from this site, .* --allow-unsigned"
)


@pytest.mark.parametrize("is_signature_kept", [True, False])
def test_a_forged_backup_is_refused(database: Server, run: Run, is_signature_kept: bool) -> None:
    """Who can write to BACKUPS_DIR or to the bucket, and has no key, changes a backup and recomputes its checksum."""
    run("backup_database", "--compression", "none", "--no-media")
    [backup] = existing()
    checksum, signature = files.checksum_of(backup.path).read_text().splitlines()
    forged = b"CREATE TABLE forged (n int);\n" + backup.path.read_bytes()
    backup.path.write_bytes(forged)
    lines = [checksum.replace(checksum[:64], hashlib.sha256(forged).hexdigest())]
    lines += [signature] if is_signature_kept else []
    files.checksum_of(backup.path).write_text("".join(f"{line}\n" for line in lines))
    for command in (["restore_database", "latest", "--yes"], ["verify_backup", "latest"]):
        with pytest.raises(CommandError, match=REFUSED):
            run(*command)
    assert ", not signed" in run("list_backups")
    assert database.run("SELECT to_regclass('forged')", "app") == [(None,)]
    assert database.databases() == {"app"}
    # As who knows where it comes from decides.
    run("restore_database", "latest", "--yes", "--allow-unsigned")
    assert database.run("SELECT to_regclass('forged')", "app") == [("forged",)]


def test_a_backup_by_the_name_of_another_is_refused(database: Server, run: Run) -> None:
    """An old backup passed off as the newest, and uploaded files of another backup."""
    run("backup_database")
    run("backup_database")
    newest, oldest = existing()
    for archive, other in ((newest.path, oldest.path), (newest.media, oldest.media)):
        saved = archive.read_bytes(), files.checksum_of(archive).read_text()
        archive.write_bytes(other.read_bytes())
        text = files.checksum_of(other).read_text().replace(other.name, archive.name)
        files.checksum_of(archive).write_text(text)
        with pytest.raises(CommandError, match=REFUSED):
            run("verify_backup", "latest")
        archive.write_bytes(saved[0])
        files.checksum_of(archive).write_text(saved[1])
    run("verify_backup", "latest")


def test_keys_of_signatures_change_without_losing_backups(database: Server, run: Run, settings: Settings) -> None:
    settings.SECRET_KEY_FALLBACKS = []
    first = settings.SECRET_KEY
    run("backup_database")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another", [first]
    run("verify_backup", "latest")
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CommandError, match=REFUSED):
        run("verify_backup", "latest")
    run("verify_backup", "latest", "--allow-unsigned")
    settings.BACKUPS_SIGNING_KEYS = ["own", first]
    run("verify_backup", "latest")
    run("backup_database")
    settings.BACKUPS_SIGNING_KEYS = ["own"]
    run("verify_backup", "latest")
    assert run("list_backups").count("not signed") == 1


def test_what_a_killed_one_has_left_is_removed_by_the_next(database: Server, run: Run, settings: Settings) -> None:
    settings.BACKUPS_DIR.mkdir()
    (settings.BACKUPS_DIR / "backup_20200101_000000.sql.gz.partial").touch()
    run("backup_database")
    assert list(settings.BACKUPS_DIR.glob("*.partial")) == []


def test_one_runs_at_a_time(database: Server, run: Run) -> None:
    with files.locked(), pytest.raises(CommandError, match=r"Another backup or restore is running\. Wait until"):
        run("backup_database")


def test_a_folder_that_cannot_be_written_to_is_named(database: Server, run: Run, settings: Settings) -> None:
    settings.BACKUPS_DIR = Path("/proc/backups")
    with pytest.raises(CommandError, match=r"^/proc/backups is not writable"):
        run("backup_database")


def test_a_full_disk_gives_a_sentence(database: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(create, "finish", fail)
    with pytest.raises(CommandError, match=r"Cannot write the backup to \S+ \(No space left on device; \d+ MB "):
        run("backup_database")
    assert existing() == []


def test_sqlite_is_refused(run: Run, settings: Settings, tmp_path: Path) -> None:
    settings.BACKUPS_DIR = tmp_path
    lite = django_with(ENGINE="django.db.backends.sqlite3", NAME=":memory:")
    with lite, pytest.raises(CommandError, match="Backups need PostgreSQL, and DATABASE_URL names another database"):
        run("backup_database")


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        # In Berlin it is an hour later than in the names of the backups.
        ("2026-11-26 02:31", "20261126_012900", True),
        ("2026-11-26 02:31", "20261126_013000", False),
        ("2026-11-26 02:29", "20261125_013000", False),
        ("2026-11-26 02:29", "20261125_012900", True),
    ],
)
def test_one_is_due_since_it_was_last_that_time_of_day(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, last: str, due: bool
) -> None:
    settings.BACKUPS_DIR = tmp_path
    berlin = ZoneInfo("Europe/Berlin")
    monkeypatch.setattr(timezone, "localtime", lambda: datetime.fromisoformat(now).replace(tzinfo=berlin))
    (tmp_path / f"backup_{last}.sql.gz").touch()
    assert is_due(time_of_day("02:30"), has_media=False) is due
    # One of the database alone, as a release makes it, is none of the night.
    assert is_due(time_of_day("02:30"), has_media=True)
    (tmp_path / f"backup_{last}.media.tar").touch()
    assert is_due(time_of_day("02:30"), has_media=True) is due


@pytest.mark.parametrize(
    ("zone", "day", "at", "made"),
    [
        # The clock goes from 02:00 to 03:00.
        ("Europe/Berlin", "2026-03-29", "02:30", ["03:30+02:00"]),
        ("Europe/Berlin", "2026-03-29", "02:00", ["03:00+02:00"]),
        ("Europe/Berlin", "2026-03-29", "03:00", ["03:00+02:00"]),
        # The clock goes from 03:00 to 02:00.
        ("Europe/Berlin", "2026-10-25", "02:30", ["02:30+02:00"]),
        ("Europe/Berlin", "2026-10-25", "02:00", ["02:00+02:00"]),
        ("Europe/Berlin", "2026-10-25", "03:00", ["03:00+01:00"]),
        # The clock goes from 23:59 to 01:00, and from 24:00 to 23:00.
        ("Africa/Cairo", "2026-04-24", "00:15", ["01:15+03:00"]),
        ("Africa/Cairo", "2026-10-29", "23:30", ["23:30+03:00"]),
    ],
)
def test_one_is_made_when_the_clocks_change(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str, day: str, at: str, made: list[str]
) -> None:
    """On the day itself, and on the days before and after, of which the container asks every five minutes."""
    settings.BACKUPS_DIR, settings.TIME_ZONE = tmp_path, zone
    first = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) - timedelta(days=1)
    now, end = (moment.astimezone(UTC) for moment in (first, first + timedelta(days=3)))
    (tmp_path / f"backup_{now.strftime(files.STAMP)}.sql").touch()
    while now < end:
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        if is_due(time_of_day(at), has_media=False):
            (tmp_path / f"backup_{now.strftime(files.STAMP)}.sql").touch()
        now += timedelta(minutes=5)
    times = [timezone.localtime(backup.time) for backup in reversed(existing()[:-1])]
    assert [time.strftime("%H:%M") for time in times if time.date() < date.fromisoformat(day)] == [at]
    assert [time.isoformat()[11:16] + time.isoformat()[19:] for time in times if time.date().isoformat() == day] == made
    assert [time.strftime("%H:%M") for time in times if time.date() > date.fromisoformat(day)] == [at]


def test_what_is_not_due_is_not_made(database: Server, run: Run) -> None:
    earlier = (timezone.localtime() - timedelta(minutes=2)).strftime("%H:%M")
    assert " rows of " in run("backup_database", "--if-due", earlier)
    assert run("backup_database", "--if-due", earlier) == ""
    assert len(existing()) == 1


@pytest.mark.parametrize(
    "arguments", [["--keep", "0"], ["--keep", "all"], ["--if-due", "25:00"], ["--compression", "zip"]]
)
def test_what_makes_no_sense_is_refused(run: Run, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=f"argument {arguments[0]}: invalid"):
        run("backup_database", *arguments)


def backups_of(folder: Path, *ages: timedelta, now: datetime | None = None) -> list[Backup]:
    """Make empty backups of these ages; return them, the newest first."""
    folder.mkdir()
    for age in ages:
        (folder / f"backup_{((now or timezone.now()) - age).strftime(files.STAMP)}.sql").touch()
    return existing()


@pytest.mark.parametrize("hour", [0, 12, 23])
def test_of_days_weeks_and_months_the_newest_is_kept(settings: Settings, tmp_path: Path, hour: int) -> None:
    settings.BACKUPS_DIR = tmp_path / "backups"
    settings.BACKUPS_KEEP = {"days": 7, "weeks": 4, "months": 6}
    now = datetime(2026, 7, 15, hour, 30, tzinfo=UTC)
    backups = backups_of(settings.BACKUPS_DIR, *(timedelta(hours=hours) for hours in range(0, 400 * 24, 6)), now=now)
    newest_of_days: dict[date, Backup] = {}
    for backup in backups:
        newest_of_days.setdefault(timezone.localtime(backup.time).date(), backup)
    today = timezone.localtime(now).date()
    days = [today - timedelta(days=number) for number in range(7)]
    weeks = [today, *(today - timedelta(days=today.weekday() + 1 + 7 * number) for number in range(3))]
    months = [today, *(date(2026, month, 1) - timedelta(days=1) for month in (7, 6, 5, 4, 3))]
    # All of two days, and the newest of each of seven days, four weeks and six months, those of today among them.
    assert files.wanted(backups, now) == {
        *(backup for backup in backups if now - backup.time < timedelta(days=2)),
        *(newest_of_days[day] for day in (*days, *weeks, *months)),
    }


def test_what_is_not_to_be_kept_is_removed(settings: Settings, tmp_path: Path) -> None:
    settings.BACKUPS_DIR = tmp_path / "backups"
    settings.BACKUPS_KEEP = {"days": 1, "weeks": 1, "months": 1}
    newest, *middle, oldest = backups_of(settings.BACKUPS_DIR, *(timedelta(days=days) for days in (0, 1, 400)))
    assert files.prune([newest, *middle, oldest], None) == [oldest]
    assert existing() == [newest, *middle]


def test_so_many_can_be_kept_instead_and_the_newest_stays_however_old(settings: Settings, tmp_path: Path) -> None:
    settings.BACKUPS_DIR = tmp_path / "backups"
    settings.BACKUPS_KEEP = {"days": 0, "weeks": 0, "months": 0}
    newest, middle, oldest = backups_of(settings.BACKUPS_DIR, *(timedelta(days=days) for days in (900, 901, 902)))
    assert files.prune([newest, middle, oldest], 2) == [oldest]
    assert files.prune([newest, middle], None) == [middle]
    assert existing() == [newest]


def test_an_overdue_backup_is_told(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "_told", {})
    settings.BACKUPS_DIR = tmp_path / "backups"
    settings.BACKUPS_MAX_AGE_HOURS = 26
    assert status.details()["problem"] == "The backup is overdue: there is none, and it may be 26 hours old."
    [backup] = backups_of(settings.BACKUPS_DIR, timedelta(hours=27))
    for _ in range(3):
        details = status.details()
    assert (details["ok"], details["newest"], details["age_hours"]) == (False, backup.path.name, 27.0)
    # Once an hour for each thing that is wrong.
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    settings.BACKUPS_MAX_AGE_HOURS = 28
    assert status.details()["ok"]
    settings.BACKUPS_MAX_AGE_HOURS = 0
    backup.remove()
    assert status.details()["ok"]


def test_the_accounts_are_those_of_the_test(database: Server) -> None:
    assert User.objects.get().email == "ann@example.com"
