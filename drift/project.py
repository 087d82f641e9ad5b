"""The project: its files, and its repository."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from drift import git, record
from drift.errors import DriftError
from drift.texts import listed
from drift.trees import Entry, Store, Tree

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


@dataclass
class Index:
    """What git tracks of the project and does not keep as files in its folder."""

    left_out: Tree = field(default_factory=dict)
    """Files that a sparse checkout leaves out of the working tree."""
    submodules: Tree = field(default_factory=dict)


def read_index(root: Path) -> Index:
    """Return which entries of the project's index are no files on the disk."""
    index = Index()
    for line in os.fsdecode(git.run("ls-files", "-t", "--stage", "-z", "--", ".", folder=root).stdout).split("\0")[:-1]:
        about, path = line.split("\t", 1)
        tag, mode, blob, _ = about.split(" ")
        if mode == "160000":
            index.submodules[path] = Entry(mode, blob)
        elif tag == "S" and not os.path.lexists(root / path):
            index.left_out[path] = Entry(mode, blob)
    return index


def snapshot(root: Path, store: Store, *more: str) -> Tree:
    """Return the project's files: those that are not ignored, and which of ``more`` paths are there.

    Files that a sparse checkout leaves out, and submodules, are as the index has them.
    """
    listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    index = Index()
    if has_repository(root):
        store.use_settings_of(root)
        found = git.run(*listing, folder=root).stdout
        index = read_index(root)
        store.copy(root, {entry.blob for entry in index.left_out.values()})
    else:
        found = store.git(*listing, work_tree=root)
    paths = {path for path in os.fsdecode(found).split("\0") if path and not path.endswith("/")}
    paths = paths.union(more).difference(OF_DRIFT, index.submodules)
    return store.snapshot(root, sorted(paths)) | index.left_out | index.submodules


def nested_repositories(root: Path, files: Tree, paths: set[str]) -> dict[str, list[str]]:
    """Return the folders that are repositories of their own, such as submodules, with those of ``paths`` in them."""
    folders = {str(above) for path in paths for above in Path(path).parents} - {"."}
    nested = {
        folder
        for folder in folders
        if (folder in files and files[folder].mode == "160000") or (root / folder / ".git").exists()
    }
    return {folder: sorted(path for path in paths if path.startswith(f"{folder}/")) for folder in sorted(nested)}


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


def require_whole(root: Path) -> None:
    """Raise DriftError when a sparse checkout leaves files out of the working tree."""
    if left_out := sorted(read_index(root).left_out):
        is_sparse = git.run("config", "--type=bool", "--get", "core.sparseCheckout", folder=root, allowed=(0, 1))
        command = "git sparse-checkout disable"
        if is_sparse.stdout.strip() != b"true":
            command = "git update-index --no-skip-worktree PATH && git checkout -- PATH"
        raise DriftError(f"Files are not in the working tree: {listed(left_out)}. Check out all of them: {command}")


def state_folder(root: Path) -> Path:
    """Return where in the project's repository the state of an update is kept."""
    repository, prefix = git.ask("rev-parse", "--absolute-git-dir", "--show-prefix", folder=root).split("\n")
    # Not drift-…, which is what a killed update leaves behind.
    return Path(repository) / (f"drift@{prefix.replace('/', '@')}" if prefix else "drift")
