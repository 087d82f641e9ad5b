"""Check a release: tick in its checklist what a machine can see to, and say what is left for people."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from tools.release import git
from tools.release.checklist import Item, missing_checks, open_items, with_checked_commit, with_ticks
from tools.release.documents import changelog_problem, checklist_of, notes_problem, version_problem, write_together
from tools.release.errors import ReleaseError
from tools.release.project import read
from tools.release.version import Version

Check = Callable[[Version], str | None]


def made(target: str) -> Check:
    """Return the check that a command of the Makefile ends well."""

    def check(version: Version) -> str | None:
        with subprocess.Popen(["make", target]) as process:  # noqa: S603, S607
            try:
                status = process.wait()
            except BaseException:
                # Ends what it has started, too.
                process.terminate()
                raise
        return None if status == 0 else f"make {target} failed. See the lines above."

    return check


# The release documents are looked at once more before the tag.
DOCUMENT_CHECKS: dict[str, Check] = {"version": version_problem, "changelog": changelog_problem, "notes": notes_problem}
CHECKS: dict[str, Check] = {
    **DOCUMENT_CHECKS,
    "lint": made("lint"),
    "production": made("check-production"),
    "migrations": made("check-migrations"),
    "tests": made("coverage"),
}


def run(version: Version) -> None:
    """Check a release; raise ReleaseError when anything that its tag requires is open, or when it cannot be checked."""
    path = untagged_checklist(version)
    require_complete(read(path))
    git.require_committed(*git.WITHOUT_DOCUMENTS)
    commit = git.head()

    outcome = {}
    for name, check in CHECKS.items():
        print(f"==> {name}", flush=True)
        problem = check(version)
        outcome[name] = problem is None
        print(f"{name}: {problem or 'well'}", flush=True)

    git.require_committed(*git.WITHOUT_DOCUMENTS)
    if git.head() != commit:
        raise ReleaseError("Another commit was checked out during the checks. Run them again.")
    # People may have ticked theirs in the meantime.
    checklist = with_checked_commit(with_ticks(read(path), outcome), commit)
    write_together({path: checklist})
    require_nothing_open(version, open_items(checklist))
    print(
        f"Nothing that the tag requires is open. Commit the release documents, then: make release-tag VERSION={version}"
    )


def untagged_checklist(version: Version) -> Path:
    """Return where the checklist of a release is; raise ReleaseError when it was not begun, or is tagged already."""
    path = checklist_of(version)
    git.require_repository()
    if git.is_tagged(version):
        raise ReleaseError(f"{version.tag} is tagged already. A tagged release does not change.")
    return path


def require_complete(checklist: str) -> None:
    """Raise ReleaseError when the checklist lacks a check that every release has to pass."""
    if missing := missing_checks(checklist, CHECKS):
        names = ", ".join(f"`{name}`" for name in missing)
        raise ReleaseError(f"The checklist lacks {names} before the release. Restore the lines from its template.")


def require_nothing_open(version: Version, items: list[Item]) -> None:
    """Raise ReleaseError, naming them, when there are open items."""
    if items:
        lines = "\n".join(f"  - {item.text}" for item in items)
        raise ReleaseError(f"{version} cannot be tagged while {checklist_of(version)} has open:\n{lines}")
