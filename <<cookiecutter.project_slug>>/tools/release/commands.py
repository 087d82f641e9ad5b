"""The commands: begin, check and tag a release, and report what its migrations do."""

import datetime
import subprocess
from collections.abc import Callable
from pathlib import Path

from ops.signals import block_signals
from tools.release import git, markdown
from tools.release.documents import (
    EXAMPLES,
    REQUIREMENTS,
    Item,
    changed_pins,
    changed_variables,
    changelog_problem,
    checked_commit,
    checklist_of,
    filled,
    missing_checks,
    notes_of,
    notes_problem,
    open_items,
    version_problem,
    with_checked_commit,
    with_ticks,
    write_together,
)
from tools.release.markdown import meanings, pins
from tools.release.migrations import measure, require_postgresql, split, was_in, way_back
from tools.release.project import (
    CHANGELOG,
    HISTORY,
    PYPROJECT,
    RELEASES,
    ReleaseError,
    Version,
    accepted_migrations,
    read,
    with_date,
    with_entry,
    with_section,
    with_version,
)


def new(version: Version) -> None:
    """Begin the release of a version; raise ReleaseError, with nothing written, when that cannot be."""
    git.require_repository()
    git.require_committed()
    former = git.last_release()
    folder = RELEASES / version.tag
    if former and version <= former:
        raise ReleaseError(f"{version} is not higher than the last release, {former}. Choose a higher version.")
    if git.is_tagged(version):
        raise ReleaseError(f"{version.tag} is tagged already. Choose a higher version.")
    if folder.exists():
        raise ReleaseError(f"{folder} exists already. Continue with it, or remove it to begin again.")
    require_postgresql()
    pyproject = with_version(read(PYPROJECT), version)
    changelog = with_section(read(CHANGELOG), version)

    print("Measuring the migrations.", flush=True)
    values = {"version": str(version), "date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    values |= since(former) if former else at_first()
    documents = {folder / name: filled(name, values) for name in ("checklist.md", "release-notes.md")}
    write_together({PYPROJECT: pyproject, CHANGELOG: changelog, **documents})
    print(f"Began {version}: its documents are in {folder}.")
    print(f"Write what {notes_of(version)} and CHANGELOG.md lack, and commit all of it.")


def since(former: Version) -> dict[str, str]:
    """Return what the release documents say of a release that follows another."""
    there, pending = split(was_in(git.files_at(former)))
    found = measure(there, pending)
    accepted = accepted_migrations(read(PYPROJECT))
    variables = changed_variables(former)
    explained = {name: text for file in EXAMPLES for name, text in meanings(read(file)).items()}
    return {
        "former": str(former),
        "changes": markdown.render_subjects(git.subjects_since(former)),
        "migrations": markdown.render_migrations(found, former, accepted),
        "requirements": markdown.render_changes(changed_pins(former), "requirement"),
        "environment": markdown.render_changes(variables, "variable", markdown.render_default),
        "way_back": markdown.render_way_back(found, former, way_back(there, pending)),
        "questions": markdown.render_questions(found, variables, explained),
    }


def at_first() -> dict[str, str]:
    """Return what the release documents say of the first release; that its migrations can be applied is tried."""
    migrations = len(measure(*split(lambda migration: False)))
    requirements = len(pins(read(REQUIREMENTS)))
    return {
        "former": "none",
        "changes": "This is the first release: it brings all that the project is.",
        "migrations": f"This is the first release: {migrations} migrations make the database, and nobody waits.",
        "requirements": f"This is the first release: it installs all {requirements} requirements.",
        "environment": "This is the first release: PRODUCTION.md has all variables.",
        "way_back": "This is the first release: there is none to go back to.",
        "questions": "Nothing besides.",
    }


Check = Callable[[Version], str | None]


def made(target: str) -> Check:
    """Return the check that a command of the Makefile ends well."""

    def run(version: Version) -> str | None:
        with subprocess.Popen(["make", target]) as process:  # noqa: S603, S607
            try:
                status = process.wait()
            except BaseException:
                # Ends what it has started, too.
                process.terminate()
                raise
        return None if status == 0 else f"make {target} failed. See the lines above."

    return run


# The release documents are looked at once more before the tag.
DOCUMENT_CHECKS: dict[str, Check] = {"version": version_problem, "changelog": changelog_problem, "notes": notes_problem}
CHECKS: dict[str, Check] = {
    **DOCUMENT_CHECKS,
    "lint": made("lint"),
    "production": made("check-production"),
    "migrations": made("check-migrations"),
    "tests": made("coverage"),
}


def check(version: Version) -> None:
    """Check a release; raise ReleaseError when anything that its tag requires is open, or when it cannot be checked."""
    path = untagged_checklist(version)
    require_complete(read(path))
    git.require_committed(*git.WITHOUT_DOCUMENTS)
    commit = git.head()

    outcome = {}
    for name, find_problem in CHECKS.items():
        print(f"==> {name}", flush=True)
        problem = find_problem(version)
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


def tag(version: Version) -> None:
    """Tag a release; raise ReleaseError, with nothing changed, when anything that this requires is open."""
    path = untagged_checklist(version)
    branch = git.branch()
    git.require_committed()
    checklist = read(path)
    require_complete(checklist)
    require_nothing_open(version, open_items(checklist))
    require_checked(version, checked_commit(checklist))
    for find_problem in DOCUMENT_CHECKS.values():
        if problem := find_problem(version):
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


def report_migrations() -> None:
    """Print what each was seen to do; raise ReleaseError when one cannot run while the last release serves."""
    former = git.last_release() if git.is_repository() else None
    if former is None:
        print("There is no release yet, so nothing serves that a migration could be in the way of.")
        return
    there, pending = split(was_in(git.files_at(former)))
    if not pending:
        print(f"There is no migration since {former}.")
        return
    require_postgresql()
    found = measure(there, pending)
    accepted = accepted_migrations(read(PYPROJECT))
    print(markdown.render_migrations(found, former, accepted))
    if against := markdown.not_accepted(found, accepted):
        raise ReleaseError(
            f"{', '.join(against)} cannot run while {former} serves. Spread the change over two releases, or accept it "
            "as docs/maintainers/release-workflow.md says."
        )
