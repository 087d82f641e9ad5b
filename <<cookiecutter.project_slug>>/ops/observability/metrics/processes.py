"""gunicorn's processes and their numbers, for metrics that add up over all of them.

The library's way to add up is a file of each process. It names them by process ids, so that each process that is
replaced would leave files behind, for as long as gunicorn runs. Here a process has the least number that is free: the
one that replaces another takes its number, and goes on counting in its files.

gunicorn.conf.py imports this before the library may be: whether PROMETHEUS_MULTIPROC_DIR is set decides, once and for
all, how that counts.
"""

import atexit
import fcntl
import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "<< cookiecutter.project_slug >>-metrics-"
# Seconds after which a folder that nobody holds is nobody's; one that was just made is not held yet.
ABANDONED = 60

_owner: int | None = None
_taken: set[int] = set()
# gunicorn's own until it has become one of its processes.
_number = "main"


def number() -> str:
    """Return what this process's files are called by."""
    return _number


def prepare(parent: str | None) -> None:
    """Make a folder for the files below ``parent``, or the system's own for such; it goes when gunicorn ends.

    When gunicorn reads its configuration again, the folder stays.
    """
    global _owner
    if _owner == os.getpid():
        return
    _owner = os.getpid()
    place = Path(parent or tempfile.gettempdir())
    for path in place.glob(f"{PREFIX}*"):
        _remove_abandoned(path)
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=place)
    # Held by gunicorn and all its processes, until the last of them has ended.
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_SH)
    os.environ[FOLDER] = folder
    atexit.register(_remove, folder, os.getpid())


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        # A process that was just killed may still be writing; what is left is removed by the next gunicorn.
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(path: Path) -> None:
    """Remove a folder whose gunicorn was killed."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        # Another user's, or it has just been removed.
        return
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if time.time() - os.fstat(folder).st_mtime > ABANDONED:
            shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        # It is held.
        return
    finally:
        os.close(folder)


def pre_fork(server: Any, process: Any) -> None:
    """Give a number to a process that is about to be made."""
    process.metrics_number = next(free for free in itertools.count() if free not in _taken)
    _taken.add(process.metrics_number)


def post_fork(server: Any, process: Any) -> None:
    """Take the number, within the new process."""
    global _number
    _number = str(process.metrics_number)


def child_exit(server: Any, process: Any) -> None:
    """Forget what a process that has ended was at, and free its number."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(process.metrics_number)
    _taken.discard(process.metrics_number)
