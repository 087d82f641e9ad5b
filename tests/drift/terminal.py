"""A terminal for drift to ask and to show on."""

import fcntl
import os
import struct
import subprocess
import sys
import termios

from tests.conftest import ROOT, clean_environment
from tests.drift.history import Project


def at_a_terminal(mine: Project, arguments: list[str], typed: str = "", status: int = 0) -> str:
    """Run drift on a terminal of 24 lines, type what it asks for, and return what it shows.

    Its exit status is held against ``status``.
    """
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-m", "drift", *arguments],
        cwd=mine.path,
        env=clean_environment(PYTHONPATH=str(ROOT), XDG_CACHE_HOME=str(mine.cache), TERM="dumb"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, typed.encode())
    said = b""
    while True:
        try:
            said += os.read(ours, 65536)
        except OSError:  # the end of a terminal
            break
    os.close(ours)
    assert running.wait() == status, said.decode()
    return said.decode().replace("\r\n", "\n")
