"""What the benchmarks share."""

import shutil
import sys
from pathlib import Path

from tests.conftest import ROOT, Project, tool


def docker_program() -> str:
    """Return the path of docker; end, saying what to install, where there is none."""
    if docker := shutil.which("docker"):
        return docker
    sys.exit("docker is missing; install it (Debian: apt-get install docker.io).")


def generate(folder: Path) -> Path:
    """Generate the default project into a folder; return where it is."""
    Project(folder).run(tool("cookiecutter"), str(ROOT), "--no-input")
    return folder / "my_project"
