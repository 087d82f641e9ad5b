"""Tag a release: date it in CHANGELOG.md and history.md, commit that, and tag the commit."""

import datetime

from ops.signals import block_signals
from tools.release import git
from tools.release.check import DOCUMENT_CHECKS, require_complete, require_nothing_open, untagged_checklist
from tools.release.checklist import checked_commit, open_items, with_ticks
from tools.release.documents import write_together
from tools.release.errors import ReleaseError
from tools.release.project import CHANGELOG, HISTORY, read, with_date, with_entry
from tools.release.version import Version


def run(version: Version) -> None:
    """Tag a release; raise ReleaseError, with nothing changed, when anything that this requires is open."""
    path = untagged_checklist(version)
    branch = git.branch()
    git.require_committed()
    checklist = read(path)
    require_complete(checklist)
    require_nothing_open(version, open_items(checklist))
    require_checked(version, checked_commit(checklist))
    for check in DOCUMENT_CHECKS.values():
        if problem := check(version):
            raise ReleaseError(problem)

    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    files = {
        CHANGELOG: with_date(read(CHANGELOG), version, date),
        HISTORY: with_entry(read(HISTORY), version, date),
        path: with_ticks(checklist, {"tag": True}),
    }
    former = git.head()
    try:
        write_together(files)
        git.git("add", "--", *map(str, files))
        git.git("commit", "--quiet", "--message", f"Release {version}")
        git.git("tag", "--annotate", "--message", f"Release {version}", version.tag)
    except BaseException:
        with block_signals():
            if git.is_tagged(version):
                git.git("tag", "--delete", version.tag)
            # Everything was committed, so that nothing else is lost.
            git.git("reset", "--quiet", "--hard", former)
        raise
    print(f"{version.tag} is tagged. Publish it with: git push --atomic {git.remote(branch)} {branch} {version.tag}")


def require_checked(version: Version, commit: str | None) -> None:
    """Raise ReleaseError unless the code is what it was at the commit that was checked."""
    again = f"check again: make release-check VERSION={version}"
    if commit is None:
        raise ReleaseError(f"{version} was never checked. Check it now: make release-check VERSION={version}")
    if not git.has_commit(commit):
        raise ReleaseError(f"The checked commit {commit} is not in this clone; {again}")
    if changed := git.changed_since(commit):
        raise ReleaseError(f"{git.first_of(changed)}: changed since the checks; {again}")
