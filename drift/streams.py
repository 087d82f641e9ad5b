"""The standard streams: one may be closed, be full, or have an encoding that cannot show every character."""

import io
import os
import sys
from typing import Any

from drift.errors import DriftError


class Output(io.FileIO):
    """Standard output, which says so when it cannot be written."""

    def write(self, data: Any) -> int | None:
        """Write some bytes; raise DriftError, except for a reader that has read enough."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            discard_output()
            raise DriftError(f"Standard output cannot be written: {error.strerror}. Write to another file.") from None


def prepare() -> None:
    """Prepare the streams; raise DriftError when standard output is closed."""
    # Otherwise the next file that is opened would become a standard stream.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        raise DriftError("Standard output is closed. Open it, such as with: > FILE")
    raw = io.BufferedWriter(Output(sys.stdout.fileno(), "w", closefd=False))
    encoding, is_terminal = sys.stdout.encoding, sys.stdout.isatty()
    sys.stdout = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", line_buffering=is_terminal)


def discard_output() -> None:
    """Discard what is still to be written, which Python would try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
