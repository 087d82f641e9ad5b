"""The tests, started in the background of a shell, which then ignores SIGINT."""

import signal
import subprocess
import sys

from tests.conftest import ROOT

# The child sends SIGINT to itself, and lives on only where it is ignored.
CHILD = "import os, signal; os.kill(os.getpid(), signal.SIGINT); print('ignored')"


def status_of_interrupted_child(before: str) -> tuple[int, str]:
    """Run ``before`` in a Python that ignores SIGINT, then a child that interrupts itself; return how that ends."""
    start = f"{before}; import subprocess, sys; sys.exit(-subprocess.call([sys.executable, '-c', {CHILD!r}]))"
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", start]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout


def test_children_can_be_interrupted_when_the_tests_run_in_the_background() -> None:
    assert status_of_interrupted_child("import tests.conftest") == (signal.SIGINT, "")
    # Without that, the shell's choice holds for every child.
    assert status_of_interrupted_child("pass") == (0, "ignored\n")
