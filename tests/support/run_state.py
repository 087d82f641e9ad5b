"""What the processes of one test run share."""

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def shared(folder: Path, create: Callable[[], Any], remove: Callable[[Any], None]) -> Iterator[Any]:
    """Yield what ``create()`` has returned in the first process that came; the last process to leave removes it.

    Args: ``folder`` is the same in all processes of a run, and in no other run. The value must be one that JSON knows.
    Others wait while it is created. If creating it fails, the next process tries again.
    """
    state = folder / "state.json"
    with locked(folder):
        known = json.loads(state.read_text()) if state.exists() else {"users": 0, "value": create()}
        state.write_text(json.dumps(known | {"users": known["users"] + 1}))
    try:
        yield known["value"]
    finally:
        with locked(folder):
            known = json.loads(state.read_text())
            if known["users"] == 1:
                state.unlink()
                remove(known["value"])
            else:
                state.write_text(json.dumps(known | {"users": known["users"] - 1}))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_folder(base: Path, worker: str) -> Path:
    """Return the folder of a test run, from the folder for temporary files and the name of a process of it."""
    return base if worker == "master" else base.parent
