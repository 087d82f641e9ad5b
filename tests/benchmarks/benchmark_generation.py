"""Print how long generating the default project takes, against cookiecutter rendering the same tree without hooks.

Run as ``make benchmark``; the goal is a ratio of at most 1.5.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 15


def seconds(*options: str) -> float:
    """Return how long one run of cookiecutter takes, as its user sees it, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).parent / "cookiecutter"), str(ROOT), "--no-input", *options]
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True)
        return time.perf_counter() - start


def main() -> None:
    """Measure both, taking turns, and print the medians and their ratio."""
    seconds()
    rounds = [(seconds(), seconds("--accept-hooks", "no")) for _ in range(ROUNDS)]
    complete, rendering = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"generating {complete:.3f} s, rendering alone {rendering:.3f} s, ratio {complete / rendering:.2f}")


if __name__ == "__main__":
    main()
