"""Whether there is a backup that is new, and one that was restored."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from ops.backups import files, status
from ops.contracts import Finding, Target, error, note, ok, warning
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
