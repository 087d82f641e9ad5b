"""Putting a backup in the place of what is there: nothing is touched before all of it was read and stands ready."""

from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection
from django.db.backends.utils import CursorWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from ops.backups import archive, databases, media
from ops.backups.archive import pg_load
from ops.backups.files import STAMP, Backup, BackupError, check, existing, require_signature
from ops.backups.programs import require_restrictable_psql
from ops.postgres import connected_to
from ops.read_only_state import lock_state
from ops.signals import block_signals

# The end of the reason for which a restore enables read-only mode.
REASON = " is being restored"


def examine(
    backup: Backup,
    show_progress: Callable[..., Any],
    are_unknown_allowed: bool = False,
    is_unsigned_allowed: bool = False,
) -> archive.Contents:
    """Read a backup to its end, and return what is in its database.

    Raises BackupError when it is damaged, of a newer PostgreSQL, or, unless they are allowed, with migrations that
    neither this code nor the database in service knows, or without a signature of the site's; and when psql has no
    restricted mode.
    """
    require_restrictable_psql()
    for path in backup.archives():
        if not is_unsigned_allowed:
            require_signature(path)
        with show_progress(f"Checking {path.name}", path.stat().st_size) as progress:
            check(path, progress)
    with show_progress("Reading the backup", backup.path.stat().st_size) as progress:
        contents = archive.read(backup.path, progress)
    here = databases.server_version()
    if contents.server > here:
        raise BackupError(
            f"{backup.path.name} is from PostgreSQL {contents.server}, and this server is PostgreSQL {here}. "
            f"Restore it on PostgreSQL {contents.server} or newer."
        )
    if (unknown := unknown_migrations(contents)) and not are_unknown_allowed:
        raise BackupError(
            f"{backup.path.name} has unknown migrations: {', '.join(unknown)}. Restore it with the release that made "
            "it. If an app was removed, add --allow-unknown-migrations."
        )
    return contents


def unknown_migrations(contents: archive.Contents) -> list[str]:
    """Return the migrations of a backup that are neither in this code nor in the database in service."""
    loader = MigrationLoader(None)
    known = set(loader.disk_migrations)
    known |= {replaced for migration in loader.disk_migrations.values() for replaced in migration.replaces}
    known |= set(MigrationRecorder(connection).applied_migrations())
    return sorted(f"{app}.{name}" for app, name in contents.migrations - known)


def lost_privileges(contents: archive.Contents) -> tuple[list[str], list[str]]:
    """Return the roles with privileges in a backup that this server lacks, and those that have privileges only here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(rolname) FROM pg_roles")
        roles = {name for [name] in cursor.fetchall()} | {"PUBLIC"}
    return sorted(contents.grantees - roles), sorted(databases.grantees() - contents.grantees)


def uncreatable(contents: archive.Contents) -> set[tuple[str, str]]:
    """Return type and name of the extensions of a backup that this role cannot create in a new database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM pg_available_extensions AS e JOIN pg_available_extension_versions AS v "
            "USING (name) JOIN pg_roles ON rolname = current_user WHERE v.version = e.default_version "
            "AND (rolsuper OR trusted OR NOT superuser)"
        )
        creatable = {name for [name] in cursor.fetchall()} | {"plpgsql"}
    return {thing for thing in contents.objects if thing[0] == "EXTENSION" and thing[1] not in creatable}


def pending_migrations(database: str) -> int:
    """Return how many migrations of this code a database does not have."""
    with connected_to(database):
        executor = MigrationExecutor(connection)
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def interrupted() -> Backup | None:
    """Return the backup in BACKUPS_DIR whose restore was killed and has left the site read-only, or None.

    In place, a restore has first created a newer backup, of the former contents.
    """
    state = lock_state()
    if state is None or not state.reason.endswith(REASON):
        return None
    name = state.reason.removesuffix(REASON)
    return next((backup for backup in existing() if backup.path.name == name), None)


@contextmanager
def read_only(backup: Backup, out: Any) -> Iterator[bool]:
    """Enable read-only mode within the block; yield whether an operator has enabled it before, and it stays on.

    The mode that a killed restore has left on is disabled at the end.
    """
    state = lock_state()
    is_left = state is not None and state.reason.endswith(REASON)
    if settings.READ_ONLY_MODE or (state and not is_left):
        out.write("The site was read-only before, and stays so. Disable it with: read_only off")
        yield state is not None and not is_left
        return
    if is_left:
        out.write("An interrupted restore has left the site read-only. This restore disables that at its end.")
    call_command("read_only", "on", reason=f"{backup.path.name}{REASON}", stdout=out)
    try:
        yield False
    finally:
        with block_signals(), databases.translate_errors():
            databases.wait_for_server()
            call_command("read_only", "off", stdout=out)


def replace_database(
    backup: Backup,
    contents: archive.Contents,
    is_migrated: bool,
    stays_read_only: bool,
    show_progress: Callable[..., Any],
    warn: Callable[[str], object],
    committed: Callable[[bool | None], object],
) -> tuple[str, set[str]]:
    """Restore into a new database, bring back uploaded files that are missing, and only then swap the databases.

    Returns the name by which the former one is kept, and the uploaded files that have changed, which are for
    put_back_changed. An error, or an interruption, leaves the former database in service, unless ``committed``, which
    pg_load describes, was called with another value.
    """
    former = databases.name_to_keep()
    with databases.temporary("restoring") as new:
        fill(new, backup, contents, show_progress, warn)
        if is_migrated:
            databases.migrate(new)
        if stays_read_only:
            with databases.session() as connected:
                databases.set_value(new, databases.READ_ONLY, "on", connected)
        changed = put_back_missing(backup, show_progress)
        databases.copy_properties(new)
        with block_signals():
            try:
                databases.swap(new, former)
            except psycopg.OperationalError:
                # Whether the server has ended before the swap or after it, the next session knows.
                committed(None)
                databases.wait_for_server()
                committed(databases.exists(former))
                raise
            committed(True)
    return former, changed


def replace_contents(
    backup: Backup,
    contents: archive.Contents,
    show_progress: Callable[..., Any],
    warn: Callable[[str], object],
    committed: Callable[[bool | None], object],
) -> set[str]:
    """Restore into the database in service itself, in one transaction.

    Returns the uploaded files that have changed, and leaves the database as it was after an error, likewise.
    """
    changed = put_back_missing(backup, show_progress)
    kept = databases.administrated()
    # An extension that is there is not created again, and is restored if it is not.
    left_out = {thing for thing in kept if thing[0] != "EXTENSION"} | databases.foreign_schemas()
    name = databases.in_service()
    fill(name, backup, contents, show_progress, warn, is_emptied=True, left_out=left_out, committed=committed)
    return changed


def fill(
    database: str,
    backup: Backup,
    contents: archive.Contents,
    show_progress: Callable[..., Any],
    warn: Callable[[str], object],
    is_emptied: bool = False,
    left_out: Set[tuple[str, str]] = frozenset(),
    committed: Callable[[bool | None], object] = lambda _: None,
) -> None:
    """Fill a database with that of a backup, in which every table then has its rows, and let PostgreSQL know them."""
    with show_progress("Restoring the database", backup.path.stat().st_size) as progress:
        warnings = pg_load(database, backup.path, contents, progress, is_emptied, left_out, committed)
    for warning in warnings:
        warn(f"PostgreSQL: {warning}")
    with connected_to(database), connection.cursor() as cursor:
        analyze(cursor)
        # As the site would, before it is led here.
        for table in contents.model_tables():
            cursor.execute(f"SELECT FROM {connection.ops.quote_name(table)} LIMIT 1")


def analyze(cursor: CursorWrapper) -> None:
    """Collect statistics, without which the first queries would be slow.

    PostgreSQL fails when a table is dropped meanwhile, such as a temporary one at the end of its session.
    """
    for is_last in (False, False, True):
        try:
            cursor.execute("ANALYZE")
        except ProgrammingError:
            if is_last:
                raise
        else:
            return


def put_back_missing(backup: Backup, show_progress: Callable[..., Any]) -> set[str]:
    """Bring back uploaded files that are gone; return the names of those that have changed."""
    if not backup.media.exists():
        return set()
    with show_progress("Bringing back uploaded files", backup.media.stat().st_size) as progress:
        return media.put_back_missing(backup.media, progress)


def put_back_changed(backup: Backup, changed: set[str]) -> Path | None:
    """Bring back uploaded files as they were; return the folder in which they are kept as they are now."""
    if not changed:
        return None
    aside: Path = settings.BACKUPS_DIR / f"replaced_{timezone.now().strftime(STAMP)}"
    media.put_back_others(backup.media, changed, aside)
    return aside
