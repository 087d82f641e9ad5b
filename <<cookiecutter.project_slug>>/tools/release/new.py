"""Begin a release: set the version, give CHANGELOG.md a section, and write the checklist and the notes."""

import datetime

from tools.release import git, markdown
from tools.release.changes import meanings, pins
from tools.release.database import require_postgresql
from tools.release.documents import (
    EXAMPLES,
    REQUIREMENTS,
    changed_pins,
    changed_variables,
    filled,
    notes_of,
    write_together,
)
from tools.release.errors import ReleaseError
from tools.release.migrations import measure, split, was_in, way_back
from tools.release.project import (
    CHANGELOG,
    PYPROJECT,
    RELEASES,
    accepted_migrations,
    read,
    with_section,
    with_version,
)
from tools.release.version import Version


def run(version: Version) -> None:
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
