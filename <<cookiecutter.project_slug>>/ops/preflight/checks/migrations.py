"""Whether the database has what the code expects."""

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from ops.contracts import Finding, Target, error, note, ok, reason
from ops.deployments import commands

# So many are named.
NAMED = 3


def check(target: Target) -> Finding:
    """Find the migrations that have not been applied."""
    try:
        executor = MigrationExecutor(connection)
    except Error as failure:
        return note(f"Not seen, for the database does not answer: {reason(failure)}.")
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return ok("All migrations have been applied.")
    names = ", ".join(str(migration) for migration, _ in plan[:NAMED]) + (", …" if len(plan) > NAMED else "")
    return error(
        f"Not applied: {len(plan)} of the migrations ({names}).",
        f"Make a backup, then apply them: {commands().manage} migrate",
    )
