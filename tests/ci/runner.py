"""What the runners of GitHub and of GitLab have in common, which the tests stand in for."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import IDENTITY

# Set on every machine. Python compiles the modules that a job imports; pip would compile all that are installed, which
# takes longer. It is the value for "off" that turns on an option of pip's whose name begins with "no".
MACHINE = {"PIP_NO_COMPILE": "0"}


def load(path: Path) -> Any:
    """Return a YAML file, whose words are all texts: ``on`` and ``false`` too."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts


def commit(folder: Path) -> None:
    """Make a git repository of a folder, whose files are its only commit."""
    for arguments in (["init", "--quiet", "--initial-branch", "main"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    subprocess.run(["git", *IDENTITY, "commit", "--quiet", "--message", "Begin"], cwd=folder, check=True)


def clone(repository: Path, folder: Path, depth: int) -> None:
    """Clone a repository with so many commits; with all of them, and all tags, for 0."""
    some = [f"--depth={depth}", "--no-tags"] if depth else []
    subprocess.run(["git", "clone", "--quiet", *some, f"file://{repository}", str(folder)], check=True)


class Result:
    """What a job has printed, and whether it ended well."""

    def __init__(self, status: int, output: str) -> None:
        self.is_good = status == 0
        self.output = output


class Containers:
    """Containers on an engine of Docker that are removed at the end."""

    def __init__(self, docker: str) -> None:
        self.docker = docker
        self.names: list[str] = []

    def run(self, *arguments: str) -> str:
        """Return what a command of Docker prints."""
        answer = subprocess.run([self.docker, *arguments], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"docker {shlex.join(arguments)}\n{answer.stderr}"
        return answer.stdout.strip()

    def start(self, image: str, *options: str, command: Sequence[str] = ()) -> str:
        """Start a container, which runs a command other than its own if there is one; return its name."""
        self.names.append(self.run("run", "--detach", *options, image, *command))
        return self.names[-1]

    def gateway(self, network: str) -> str:
        """Return the address of this machine in a network of the engine's."""
        return self.run("network", "inspect", network, "--format", "{{(index .IPAM.Config 0).Gateway}}")

    def remove(self) -> None:
        """Stop all of them, and remove their volumes too."""
        if self.names:
            self.run("rm", "--force", "--volumes", *self.names)
