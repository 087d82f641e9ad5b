"""The folder of the user's cache in which drift keeps files. All of it can be deleted at any time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def folder() -> Path:
    """Return the folder, which need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-drift"


@contextlib.contextmanager
def locked() -> Iterator[Path]:
    """Create the folder, and lock it against other processes of this machine."""
    caches = folder()
    caches.mkdir(parents=True, exist_ok=True)
    with (caches / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield caches
