"""Puts a backup in the place of the database."""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from ops.backups import databases, restore
from ops.backups.archive import Contents
from ops.backups.create import create_backup
from ops.backups.files import Backup, BackupError, find, locked
from ops.backups.offsite import translate_errors
from ops.backups.programs import require_postgresql
from ops.backups.progress import Progress
from ops.signals import exit_on_signals


class Command(BaseCommand):
    """Restores a backup: database, and uploaded files that are missing or have changed.

    All of it is read first. Then the site is kept from writing, a new database is filled beside the one in service,
    its rows are counted, and the two are swapped in one transaction. ``retained_databases --drop`` drops the replaced
    one. Whatever fails or is interrupted before that leaves the former one in service. Where the role may not create
    databases, the one that is there is emptied and filled in a single transaction instead.
    """

    help = "Restore a backup, and keep the database that it replaces."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the backup, and what is to be done without asking."""
        parser.add_argument("file", help="a backup: its path, its name in BACKUPS_DIR, or latest")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument(
            "--migrate", action="store_true", help="bring the restored database to the migrations of this code"
        )
        parser.add_argument(
            "--allow-unknown-migrations",
            action="store_true",
            help="restore also with migrations that this code does not know, such as those of an app that is gone",
        )
        parser.add_argument(
            "--allow-unsigned",
            action="store_true",
            help="take also a backup without a signature of this site, such as one that another version made",
        )

    def handle(self, *args: Any, file: str, yes: bool, migrate: bool, **options: Any) -> None:
        """Restore the backup, unless something speaks against it."""
        start = time.monotonic()
        show_progress = partial(Progress, sys.stderr)
        require_postgresql()
        backup = find(file)
        with exit_on_signals(), translate_errors(), databases.translate_errors(), locked() as folder:
            if file == "latest" and (interrupted := restore.interrupted()) and interrupted != backup:
                self.stdout.write(
                    f"The restore of {interrupted.path.name} was interrupted and begins again. To restore "
                    f"{backup.path.name} instead, name it."
                )
                backup = interrupted
            contents = restore.examine(
                backup, show_progress, options["allow_unknown_migrations"], options["allow_unsigned"]
            )
            databases.require_no_prepared_transaction()
            obstacle = databases.obstacle()
            if obstacle and (foreign := databases.irreplaceable()):
                raise BackupError(
                    f"{databases.in_service()} cannot be replaced by a new database: {obstacle}. Its contents cannot "
                    f"be replaced either, because other roles own some of them: {foreign}. Let an administrator give "
                    "them to this role with ALTER … OWNER TO."
                )
            if missing := restore.uncreatable(contents) - databases.administrated():
                names = ", ".join(sorted(name for _, name in missing))
                raise BackupError(
                    f"{backup.path.name} needs the extensions {names}, which this role may not create. Let an "
                    f"administrator create them in {databases.in_service()} with CREATE EXTENSION."
                )
            self.tell(backup, contents, obstacle)
            if not yes:
                self.ask()
            if obstacle:
                self.restore_in_place(folder, backup, contents, migrate, show_progress)
            else:
                self.restore_beside(backup, contents, migrate, show_progress)
        if count := restore.pending_migrations(databases.in_service()):
            self.stdout.write(f"It lacks {count} migrations of this code. Apply them with: migrate")
        self.stdout.write(f"{backup.path.name} is in service, after {time.monotonic() - start:.1f} s.")

    def tell(self, backup: Backup, contents: Contents, obstacle: str | None) -> None:
        """Say what will be done."""
        self.stdout.write(f"{backup.path.name}, of {backup.time:%Y-%m-%d %H:%M} UTC, {contents.total} rows")
        if backup.media.exists():
            self.stdout.write("Uploaded files that are missing or have changed are restored too. Other files stay.")
        missing, lost = restore.lost_privileges(contents)
        if missing:
            self.stdout.write(
                f"Privileges of roles that this server does not have will be lost: {', '.join(missing)}. To keep them, "
                "create the roles first."
            )
        if lost:
            self.stdout.write(
                f"The backup has no privileges for roles that have some now: {', '.join(lost)}. Grant them again "
                "afterwards."
            )
        if obstacle:
            self.stdout.write(
                f"{databases.in_service()} cannot be replaced by a new database: {obstacle}. Its contents are "
                "replaced in one transaction, for which the site waits. A backup of it is created before."
            )
            return
        if foreign := databases.foreign():
            owned = ", ".join(f"{kind} {name} of {owner}" for kind, name, owner in foreign)
            self.stdout.write(f"This role will own what other roles own now: {owned}.")
        self.stdout.write(f"It will replace the database {databases.in_service()}, which is retained.")

    def ask(self) -> None:
        """Raise BackupError unless the answer is yes."""
        self.stdout.write('Data written since this backup will be lost. Type "yes" to continue:', ending=" ")
        self.stdout.flush()
        if sys.stdin.readline().strip() != "yes":
            raise BackupError('Nothing was changed. To restore, type "yes" or add --yes.')

    def restore_beside(self, backup: Backup, contents: Contents, is_migrated: bool, show_progress: Any) -> None:
        """Let a new database take the place of the one in service."""
        with restore.read_only(backup, self.stdout) as was_on, self.saying_what_serves(backup) as committed:
            former, changed = restore.replace_database(
                backup, contents, is_migrated, was_on, show_progress, self.stderr.write, committed
            )
            self.stdout.write(f"The replaced database is retained. Drop it with: retained_databases --drop {former}")
            self.put_back_changed(backup, changed)

    def restore_in_place(
        self, folder: Path, backup: Backup, contents: Contents, is_migrated: bool, show_progress: Any
    ) -> None:
        """Replace what is in the database, after a backup of it."""
        with restore.read_only(backup, self.stdout), self.saying_what_serves(backup) as committed:
            before, _ = create_backup(folder, "gz", show_progress)
            self.stdout.write(f"The former contents of the database are in {before.path}")
            changed = restore.replace_contents(backup, contents, show_progress, self.stderr.write, committed)
            self.put_back_changed(backup, changed)
            if is_migrated:
                databases.migrate(databases.in_service())

    @contextmanager
    def saying_what_serves(self, backup: Backup) -> Iterator[Callable[[bool | None], object]]:
        """Say after an error or a signal which database is in service.

        Call what it yields with whether that is the backup, or with None when it is not known.
        """
        name = databases.in_service()
        possible = {
            False: f"The database {name} is unchanged and in service.",
            True: f"{backup.path.name} is in service.",
            None: f"PostgreSQL ended while it committed, so whether the database {name} was restored is not known. "
            f"Restore it again: restore_database {backup.path}",
        }
        consequences = [possible[False]]
        try:
            with databases.translate_errors():
                yield lambda is_committed: consequences.append(possible[is_committed])
        except BackupError as error:
            raise BackupError(f"{error} {consequences[-1]}") from None
        except SystemExit:
            self.stderr.write(f"Interrupted. {consequences[-1]}")
            raise

    def put_back_changed(self, backup: Backup, changed: set[str]) -> None:
        """Bring back the uploaded files that have changed."""
        if aside := restore.put_back_changed(backup, changed):
            self.stdout.write(f"{len(changed)} uploaded files were restored. Their newer versions are in {aside}")
