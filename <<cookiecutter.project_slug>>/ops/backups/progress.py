"""How far something long has come, on a terminal."""

import time
from types import TracebackType
from typing import Self, TextIO

from django.template.defaultfilters import filesizeformat

# Seconds between two looks of a line that is written over.
INTERVAL = 0.2


class Progress:
    """A line of a terminal that says what is done and how many bytes of it; nothing where there is no terminal."""

    def __init__(self, out: TextIO, what: str, total: int | None = None) -> None:
        """Take the bytes that there will be, if they are known."""
        self.out = out
        self.what = what
        self.total = total
        self.is_shown = out.isatty()
        self.next = 0.0

    def __call__(self, done: int) -> None:
        """Show how many bytes are done."""
        if self.is_shown and (now := time.monotonic()) >= self.next:
            self.next = now + INTERVAL
            share = f", {min(done * 100 // self.total, 100)} %" if self.total else ""
            # The sequence clears what is left of a longer line (ECMA-48: erase in line).
            self.out.write(f"\r{self.what}: {filesizeformat(done)}{share}\x1b[K")
            self.out.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_shown:
            self.out.write("\r\x1b[K")
            self.out.flush()
