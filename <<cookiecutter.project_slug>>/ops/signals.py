"""Handle SIGINT, SIGTERM and SIGHUP so that a command leaves nothing half done."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def stop(number: int, frame: FrameType | None) -> None:
    """Raise SystemExit, which runs the cleanup of every block that is open."""
    sys.exit(128 + number)


@contextlib.contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn signals within the block into SystemExit."""
    former = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def block_signals() -> Iterator[None]:
    """Delay signals until the end of the block."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
