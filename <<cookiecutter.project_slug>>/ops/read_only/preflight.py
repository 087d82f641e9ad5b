"""Whether visitors may write."""

from django.conf import settings

from ops.contracts import Finding, Target, ok, warning
from ops.deployments import commands
from ops.read_only_state import read_only_state


def check(target: Target) -> Finding:
    """Find whether the site was left read-only."""
    here = commands()
    state = read_only_state()
    if state is None:
        return ok("The site can be written to.")
    if settings.READ_ONLY_MODE:
        return warning(
            "The site is read-only: READ_ONLY_MODE is set.",
            f"Remove READ_ONLY_MODE from {here.settings}. {here.apply}",
        )
    since = f" since {state.since:%Y-%m-%d %H:%M} UTC" if state.since else ""
    why = f" ({state.reason})" if state.reason else ""
    return warning(f"The site is read-only{since}{why}.", f"Turn read-only mode off: {here.manage} read_only off")
