"""What Django's own checks for a deployment say."""

from django.core import checks

from ops.contracts import Finding, Severity, Target, note, ok
from ops.deployments import commands


def check(target: Target) -> Finding:
    """Find what ``manage.py check --deploy`` says."""
    messages = [message for message in checks.run_checks(include_deployment_checks=True) if not message.is_silenced()]
    if not messages:
        return ok("Django's checks for a deployment have nothing to say.")
    # Their first sentences; the rest gives reasons.
    told = " ".join(f"({message.id}) {message.msg.partition('. ')[0].rstrip('.')}." for message in messages)
    remedy = f"See what each asks for: {commands().manage} check --deploy"
    level = max(message.level for message in messages)
    if level < checks.WARNING:
        return note(told, remedy)
    return Finding(Severity.ERROR if level >= checks.ERROR else Severity.WARNING, told, remedy)
