"""Django's migrate, for PostgreSQL that serves visitors meanwhile."""

import time
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.migrations import Migration

from ops.database.migrations import MigrationSettings, migration_lock
from ops.postgres import is_failed_lock

# Seconds that a migration waits for a lock, in one attempt after another. Whoever asks for the table meanwhile waits
# behind it, so the first attempts are short. After each, visitors have as long to catch up.
LOCK_TIMEOUTS = (1, 2, 4, 7, 10)


class Command(migrate.Command):
    """Migrates as Django does, but one process at a time, and with short waits for locks.

    A migration that does not get its lock, or that PostgreSQL ends because of a deadlock, is tried again, unless it is
    not atomic: what it has done so far is still there.
    """

    settings: MigrationSettings | None = None
    current: Migration | None = None

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the lock for migrations, and migrate."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql" or options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        is_within_transaction = connection.in_atomic_block
        with migration_lock(connection, self.stdout.write):
            for timeout in LOCK_TIMEOUTS:
                self.settings = MigrationSettings(connection, timeout)
                self.current = None
                try:
                    with self.settings.applied():
                        super().handle(*args, **options)
                    return
                except OperationalError as error:
                    if not is_failed_lock(error) or is_within_transaction:
                        raise
                    # Django leaves the transaction open when deferred SQL fails, such as a foreign key.
                    connection.close()
                    connection.connect()
                    self._give_up_or_wait(error, timeout)

    def _give_up_or_wait(self, error: OperationalError, timeout: float) -> None:
        name = f"The migration {self.current}" if self.current else "A migration"
        reason = str(error).splitlines()[0]
        if self.current and not self.current.atomic:
            raise CommandError(
                f"{name} did not get a lock: {reason}. It is not atomic, so it may be half applied. Undo what it has "
                "done, and migrate again."
            ) from error
        if timeout == LOCK_TIMEOUTS[-1]:
            raise CommandError(
                f"{name} did not get a lock in {len(LOCK_TIMEOUTS)} attempts: {reason}. End the session that holds it, "
                "which the view pg_locks shows, and migrate again."
            ) from error
        self.stdout.write(f"\n{name} did not get a lock within {timeout} s: {reason}. It is tried again.")
        time.sleep(timeout)

    def migration_progress_callback(self, action: str, migration: Migration | None = None, fake: bool = False) -> None:
        """Note which migration runs. One that is not atomic has a single attempt, so it waits longest at once."""
        if self.settings and migration and action in ("apply_start", "unapply_start"):
            self.current = migration
            if not migration.atomic:
                self.settings.begin_non_atomic(LOCK_TIMEOUTS[-1])
        elif self.settings and action in ("apply_success", "unapply_success"):
            self.current = None
            self.settings.end_non_atomic()
        super().migration_progress_callback(action, migration, fake)
