"""Ending early without leaving anything half done."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def stop(number: int, frame: FrameType | None) -> None:
    """End as an interruption by the keyboard does: what was begun is undone first."""
    sys.exit(128 + number)


@contextlib.contextmanager
def undo_on_signals() -> Iterator[None]:
    """Within the block, let signals that end this process do so by SystemExit, so that what was begun is undone."""
    former = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Let such a signal wait until the block is done."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
