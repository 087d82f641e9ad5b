"""What is asked of git, in the project's repository."""

import subprocess
from pathlib import Path

from tools.release.project import DOCUMENTS, ReleaseError, Version, greatest

WITHOUT_DOCUMENTS = [".", *(f":(exclude){path}" for path in DOCUMENTS)]


def git(*arguments: str) -> str:
    """Return what a git command prints; raise ReleaseError, with what it said, when it fails."""
    try:
        run = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise ReleaseError("git is missing. Install it.") from None
    if run.returncode != 0:
        raise ReleaseError(f"git {arguments[0]} failed:\n{run.stdout}{run.stderr}".rstrip())
    return run.stdout


def is_repository() -> bool:
    """Say whether the project is a git repository of its own, not a folder in another's."""
    return Path(".git").exists()


def require_repository() -> None:
    """Raise ReleaseError unless the project is a git repository of its own, and has a commit."""
    if not is_repository():
        raise ReleaseError("The project is not a git repository. Create one with: git init --initial-branch main")
    if not git("rev-list", "--max-count", "1", "--all"):
        raise ReleaseError("The repository has no commit. Create the first with: git add --all && git commit")


def branch() -> str:
    """Return the name of the branch that is checked out; raise ReleaseError when it is none."""
    name = git("branch", "--show-current").strip()
    if not name:
        raise ReleaseError("No branch is checked out. Switch to the branch of the release, such as: git switch main")
    return name


def require_committed(*pathspec: str) -> None:
    """Raise ReleaseError, naming a file, when something is not committed; ``pathspec`` chooses what counts."""
    changes = git("status", "--porcelain", "--untracked-files=all", "--", *pathspec).splitlines()
    if changes:
        names = first_of([change[3:] for change in changes])
        raise ReleaseError(f"{names}: changed and not committed. Commit or undo the change first.")


def first_of(names: list[str]) -> str:
    """Return the first of some names, and how many more there are."""
    return names[0] + (f" and {len(names) - 1} more" if names[1:] else "")


def head() -> str:
    """Return the commit that is checked out."""
    return git("rev-parse", "HEAD").strip()


def is_tagged(version: Version) -> bool:
    """Say whether a version has its tag, wherever that leads."""
    return bool(git("tag", "--list", version.tag))


def last_release() -> Version | None:
    """Return the greatest version with a tag in the history of what is checked out; None before the first release."""
    last = greatest(git("tag", "--list", "--merged", "HEAD").split())
    if last is None and git("rev-parse", "--is-shallow-repository").strip() == "true":
        raise ReleaseError("The clone ends before any release. Fetch its history: git fetch --unshallow --tags")
    return last


def files_at(version: Version) -> set[str]:
    """Return the names of the project's files at the release of a version."""
    return set(git("ls-tree", "-r", "-z", "--name-only", version.tag).split("\0"))


def text_at(version: Version, path: Path) -> str:
    """Return the text of a file at the release of a version; nothing, where that had no such file."""
    return git("show", f"{version.tag}:{path}") if str(path) in files_at(version) else ""


def subjects_since(version: Version) -> list[str]:
    """Return the subjects of the commits since a release, except merges and commits of release documents alone."""
    return git("log", "--no-merges", "--format=%s", f"{version.tag}..HEAD", "--", *WITHOUT_DOCUMENTS).splitlines()


def changed_since(commit: str) -> list[str]:
    """Return the files that have changed since a commit, except release documents."""
    return git("diff", "--name-only", commit, "HEAD", "--", *WITHOUT_DOCUMENTS).splitlines()


def has_commit(name: str) -> bool:
    """Say whether the repository has a commit of that name."""
    return name in git("rev-list", "--all", "HEAD").split()


def remote(branch_name: str) -> str:
    """Return the name of the repository that a branch is pushed to."""
    return git("config", "--default", "origin", "--get", f"branch.{branch_name}.remote").strip()
