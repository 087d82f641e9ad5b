"""Django: its own checks for a deployment, and migrations."""

from django.core import checks
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from ops.contracts import Finding, Severity, Target, error, note, ok, reason
from ops.deployments import commands


def check_deploy(target: Target) -> Finding:
    """Find what ``manage.py check --deploy`` says."""
    messages = [message for message in checks.run_checks(include_deployment_checks=True) if not message.is_silenced()]
    if not messages:
        return ok("Django's deployment checks pass.")
    # Their first sentences; the rest gives reasons.
    summary = " ".join(f"({message.id}) {message.msg.partition('. ')[0].rstrip('.')}." for message in messages)
    hint = f"See what each asks for: {commands().manage} check --deploy"
    level = max(message.level for message in messages)
    if level < checks.WARNING:
        return note(summary, hint)
    return Finding(Severity.ERROR if level >= checks.ERROR else Severity.WARNING, summary, hint)


# So many are named.
NAMED = 3


def check_migrations(target: Target) -> Finding:
    """Find the migrations that have not been applied."""
    try:
        executor = MigrationExecutor(connection)
    except Error as failure:
        return note(f"Skipped: the database does not respond: {reason(failure)}.")
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return ok("All migrations are applied.")
    names = ", ".join(str(migration) for migration, _ in plan[:NAMED]) + (", …" if len(plan) > NAMED else "")
    return error(
        f"Not applied: {len(plan)} of the migrations ({names}).",
        f"Make a backup, then apply them: {commands().manage} migrate",
    )
