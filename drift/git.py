"""Run git."""

import functools
import os
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from drift.errors import DriftError

# `git merge-tree --write-tree` came with it.
OLDEST = (2, 38)
# What a git hook sets to the repository that it is of; `git rev-parse --local-env-vars` lists them, with configuration.
OF_A_REPOSITORY = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}
# A bare repository in which a command is run is one that drift has made, or that the user has named.
NAMED_BARE = ["-c", "safe.bareRepository=all"]
ANOTHER_OWNER = re.compile(rb"git config --global --add safe\.directory (.+)")


def run(
    *arguments: str | Path, folder: Path, stdin: bytes | None = None, allowed: Iterable[int] = (0,), **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a git command in a folder, untouched by what a git hook has set.

    Raises DriftError, with git's own reason, when it ends with another status than those ``allowed``. A refusal of
    another user's repository always raises it.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OF_A_REPOSITORY}
    try:
        result = subprocess.run(
            ["git", *NAMED_BARE, *arguments] if is_bare(folder) else ["git", *arguments],
            cwd=folder,
            env=environment | {"LC_ALL": "C"} | variables,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise DriftError("git is missing. Install it.") from None
    if result.returncode and (refused := ANOTHER_OWNER.search(result.stderr)):
        path = os.fsdecode(refused[1])
        raise DriftError(
            f"git refuses the repository {path}, which belongs to another user. "
            f"If you trust that user, allow it: git config --global --add safe.directory {path}"
        )
    if result.returncode not in allowed:
        command = next(str(argument) for argument in arguments if re.fullmatch("[a-z-]+", str(argument)))
        said = os.fsdecode(result.stderr).strip() or f"it ended with status {result.returncode}"
        raise DriftError(f"git {command} failed in {folder}: {said.removeprefix('fatal: ')}")
    return result


def is_bare(folder: Path) -> bool:
    """Return whether a folder is a bare repository."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and not (folder / ".git").exists()


def ask(*arguments: str | Path, folder: Path, **variables: str) -> str:
    """Return what a git command prints, without the last line break."""
    return os.fsdecode(run(*arguments, folder=folder, **variables).stdout).removesuffix("\n")


def succeeds(*arguments: str | Path, folder: Path) -> bool:
    """Say whether a git command ends with status 0; 1 and 128 are its other answers."""
    return run(*arguments, folder=folder, allowed=(0, 1, 128)).returncode == 0


def head(folder: Path) -> str:
    """Return the commit that is checked out, or an empty text where there is none yet."""
    found = run("rev-parse", "--verify", "--quiet", "HEAD", folder=folder, allowed=(0, 1))
    return os.fsdecode(found.stdout).strip()


@functools.cache
def require_git() -> None:
    """Raise DriftError unless git is there and new enough."""
    said = ask("version", folder=Path("/"))
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise DriftError(f"git 2.38 or newer is required, not {said.removeprefix('git version ')}. Upgrade git.")
