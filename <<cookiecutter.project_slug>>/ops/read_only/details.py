"""What operators are told of the read-only mode."""

from ops.read_only_state import read_only_state


def read_only() -> dict[str, object]:
    """Return whether the site is read-only, why, and since when."""
    state = read_only_state()
    if state is None:
        return {"on": False, "reason": None, "since": None}
    return {"on": True, "reason": state.reason, "since": state.since.isoformat() if state.since else None}
