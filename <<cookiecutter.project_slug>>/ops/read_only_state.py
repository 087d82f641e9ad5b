"""Whether the site is read-only: it can be read, and nothing can be changed."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from ops.files import replace_text


@dataclass(frozen=True)
class ReadOnly:
    """Why the site is read-only, and since when; READ_ONLY_MODE does not tell the latter."""

    reason: str
    since: datetime | None


def read_only_state() -> ReadOnly | None:
    """Return why the site is read-only, or None while it is not.

    It is by READ_ONLY_MODE, which takes a restart, or by a lock file, which every process sees at once. While there is
    none, asking costs one look at the file system.
    """
    if settings.READ_ONLY_MODE:
        return ReadOnly("READ_ONLY_MODE is set", since=None)
    return lock_state()


def lock_state() -> ReadOnly | None:
    """Return what the lock file says, or None when there is none; one that says nothing, made by touch, counts too."""
    path = Path(settings.READ_ONLY_LOCK_FILE)
    try:
        modified = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    except FileNotFoundError:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return ReadOnly(str(content["reason"]), datetime.fromisoformat(content["since"]))
    except FileNotFoundError:
        # It was removed between the two looks.
        return None
    except (PermissionError, ValueError, TypeError, KeyError):
        return ReadOnly("", modified)


def lock(reason: str, since: datetime | None = None) -> None:
    """Write the lock file, at once and whole; raise OSError when it cannot be."""
    path = Path(settings.READ_ONLY_LOCK_FILE)
    content = {"since": (since or datetime.now(tz=UTC)).isoformat(timespec="seconds"), "reason": reason}
    # Whoever switches it on, perhaps root, the site's own user must be able to read it.
    replace_text(path, json.dumps(content) + "\n", mode=0o644)


def unlock() -> None:
    """Remove the lock file, if there is one; raise OSError when it cannot be."""
    Path(settings.READ_ONLY_LOCK_FILE).unlink(missing_ok=True)
