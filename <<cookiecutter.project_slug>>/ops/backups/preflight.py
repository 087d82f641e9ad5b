"""Whether there is a backup that is new, one that was restored, and a way to restore it here."""

from datetime import datetime, timedelta

import psycopg
from django.conf import settings
from django.db import Error
from django.utils import timezone

from ops.backups import databases, files, status
from ops.contracts import Finding, Target, error, note, ok, reason, warning
from ops.deployments import commands

# A drill is made once a month (docs/runbooks/drill.md).
DRILL = timedelta(days=35)


def check(target: Target) -> Finding:
    """Find how the backups stand."""
    here = commands()
    backups = files.existing()
    if problem := status.problem(backups):
        return error(problem, f"Create one, and read its error if it fails: {here.manage} backup_database")
    if not backups:
        # Where nobody needs to know, they are somebody else's.
        return note(
            f"There is none in {settings.BACKUPS_DIR}, and BACKUPS_MAX_AGE_HOURS is 0: another system makes them.",
            f"If none does, create one: {here.manage} backup_database",
        )
    newest = f"The newest is {backups[0].path.name}"
    times = [datetime.fromisoformat(time) for backup in backups if (time := backup.verified())]
    if not times or timezone.now() - max(times) > DRILL:
        return warning(
            f"{newest}, and none was verified within the last {DRILL.days} days.",
            f"Restore it beside the database, as the drill does: {here.manage} verify_backup latest",
        )
    return ok(f"{newest}; one was verified on {max(times):%Y-%m-%d}.")


def check_restore(target: Target) -> Finding:
    """Find how a backup can be restored into the database in service."""
    try:
        obstacle = databases.obstacle()
        foreign = databases.irreplaceable()
    except (Error, psycopg.Error) as failure:
        return note(f"Skipped: the database does not respond: {reason(failure)}.")
    if obstacle is None:
        return ok("A restore puts a new database in the place of the one in service, which is retained.")
    if foreign:
        return warning(
            f"A restore cannot replace the database, because {obstacle}, nor what other roles own in it: {foreign}.",
            "Let an administrator give them to the role of DATABASE_URL: ALTER TABLE … OWNER TO …",
        )
    return note(f"A restore replaces the contents of the database in one transaction: {obstacle}.")
