"""The project: its files, and its repository."""

import os
from pathlib import Path

from drift import git, record
from drift.errors import DriftError
from drift.trees import Store, Tree

IGNORED = ".driftignore"
ALLOWED = ".driftallow"
# The name up to version 0.2.0 of Slipway; the version after this one stops reading it.
FORMERLY_ALLOWED = ".driftexpected"
# Files about the comparison are no part of it.
OF_DRIFT = (record.NAME, IGNORED, ALLOWED, FORMERLY_ALLOWED)


def has_repository(root: Path) -> bool:
    """Say whether the project is kept in a git repository, its own or one that it is a folder of."""
    if not git.succeeds("rev-parse", "--is-inside-work-tree", folder=root):
        return False
    return not git.succeeds("check-ignore", "--quiet", ".", folder=root)


def snapshot(root: Path, store: Store, *more: str) -> Tree:
    """Return the project's files: those that are not ignored, and which of ``more`` paths are there."""
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    if has_repository(root):
        store.use_settings_of(root)
        found = git.run(*listing, folder=root).stdout
    else:
        found = store.git(*listing, work_tree=root)
    paths = {path for path in os.fsdecode(found).split("\0") if path and not path.endswith("/")}
    return store.snapshot(root, sorted(paths.union(more).difference(OF_DRIFT)))


def patterns(root: Path, name: str) -> list[str]:
    """Return the patterns in a file of the project, or none if there is no such file."""
    path = root / name
    return path.read_text(encoding="utf-8", errors="surrogateescape").splitlines() if path.exists() else []


def ignored(root: Path) -> list[str]:
    """Return the patterns of files that drift neither compares nor updates."""
    return patterns(root, IGNORED)


def allowed(root: Path) -> list[str]:
    """Return the patterns of files that the project may change without drift, under either name of the file."""
    return patterns(root, FORMERLY_ALLOWED) + patterns(root, ALLOWED)


def require_repository(root: Path) -> None:
    """Raise DriftError unless the project is kept in a git repository."""
    if not has_repository(root):
        raise DriftError(
            "The project is not in a git repository, which could undo an update. Create one first: "
            "git init && git add --all && git commit"
        )


def require_clean(root: Path) -> None:
    """Raise DriftError unless everything in the project is committed."""
    changed = os.fsdecode(git.run("status", "--porcelain", "-z", "--", ".", folder=root).stdout).split("\0")[:-1]
    if changed:
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise DriftError(f"{changed[0][3:]}{more}: not committed. Commit it, or put it away with: git stash -u")


def state_folder(root: Path) -> Path:
    """Return where in the project's repository the state of an update is kept."""
    repository, prefix = git.ask("rev-parse", "--absolute-git-dir", "--show-prefix", folder=root).split("\n")
    # Not drift-…, which is what a killed update leaves behind.
    return Path(repository) / (f"drift@{prefix.replace('/', '@')}" if prefix else "drift")
