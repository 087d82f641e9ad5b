"""Whether the site is read-only: it can be read, and nothing can be changed."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from ops.files import replace_text

# The former name of the lock file, which counts and is removed too. The next version ignores it.
FORMER_LOCK = ".restore.lock"


@dataclass(frozen=True)
class ReadOnly:
    """Why the site is read-only, and since when; READ_ONLY_MODE does not tell the latter."""

    reason: str
    since: datetime | None


def read_only_state() -> ReadOnly | None:
    """Return why the site is read-only, or None while it is not.

    READ_ONLY_MODE, which takes a restart, makes it so, or a lock file, which every process sees at once. Without a lock
    file a call costs two looks at the file system.
    """
    if settings.READ_ONLY_MODE:
        return ReadOnly("READ_ONLY_MODE is set", since=None)
    return lock_state()


class _Latest:
    """The state that this process has last looked up, and until when, on the monotonic clock, it is returned."""

    state: ReadOnly | None = None
    end = 0.0


def recent_read_only_state() -> ReadOnly | None:
    """Return what ``read_only_state`` does, or has done at most ``READ_ONLY_CACHE_SECONDS`` ago in this process.

    For what only reads: it may begin as late as that, as if it had begun before the site became read-only.
    """
    now = time.monotonic()
    if now >= _Latest.end:
        _Latest.state = read_only_state()
        _Latest.end = now + settings.READ_ONLY_CACHE_SECONDS
    return _Latest.state


def lock_state() -> ReadOnly | None:
    """Return what the lock file says, or None when there is none; one that says nothing, made by touch, counts too."""
    return next(filter(None, map(_state_of, _lock_files())), None)


def _lock_files() -> list[Path]:
    """Return the lock file and the file with its former name."""
    path = Path(settings.READ_ONLY_LOCK_FILE)
    return [path, path.with_name(FORMER_LOCK)]


def _state_of(path: Path) -> ReadOnly | None:
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
    for path in _lock_files():
        path.unlink(missing_ok=True)
