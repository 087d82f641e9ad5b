"""The documents of a release: where they are, what has to be in them, and how several are written at once."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template

from ops.signals import block_signals
from tools.release import git
from tools.release.changes import Change, changes, pins, variables
from tools.release.errors import ReleaseError
from tools.release.migrations import split, was_in
from tools.release.project import CHANGELOG, PYPROJECT, RELEASES, TEMPLATES, read, section_of, version_in
from tools.release.version import Version

REQUIREMENTS = Path("requirements/production.txt")
EXAMPLES = [
    Path(".env.example"),
    # >> if "docker" in cookiecutter.deployment
    Path(".env.production.template"),
    # >> endif
]
TO_WRITE = re.compile(r"^TODO: ", re.MULTILINE)


def checklist_of(version: Version) -> Path:
    """Return where the checklist of a release is; raise ReleaseError when the release was not begun."""
    path = RELEASES / version.tag / "checklist.md"
    if not path.exists():
        raise ReleaseError(f"{path} is missing. Begin the release with: make release-new VERSION={version}")
    return path


def notes_of(version: Version) -> Path:
    """Return where the notes of a release are."""
    return RELEASES / version.tag / "release-notes.md"


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return the text of a template, such as checklist.md, with ``values`` in place of its $names."""
    try:
        return Template(read(TEMPLATES / template)).substitute(values)
    except (KeyError, ValueError) as error:
        raise ReleaseError(f"{TEMPLATES / template} cannot be filled in. Correct {error}.") from None


def changed_pins(former: Version) -> list[Change]:
    """Return what has changed since a release among the requirements of production."""
    return changes(pins(git.text_at(former, REQUIREMENTS)), pins(read(REQUIREMENTS)))


def changed_variables(former: Version) -> list[Change]:
    """Return what has changed since a release among the variables of the environment."""
    found: dict[str, Change] = {}
    for name in EXAMPLES:
        for change in changes(variables(git.text_at(former, name)), variables(read(name))):
            found.setdefault(change.name, change)
    return sorted(found.values())


def version_problem(version: Version) -> str | None:
    """Return why pyproject.toml does not suit the release, or None."""
    current = version_in(read(PYPROJECT))
    return None if current == str(version) else f"pyproject.toml has the version {current}; set it to {version}."


def changelog_problem(version: Version) -> str | None:
    """Return why CHANGELOG.md does not suit the release, or None."""
    if section_of(read(CHANGELOG), version):
        return None
    return f'CHANGELOG.md says nothing of {version}; write it below the line "## {version}".'


def notes_problem(version: Version) -> str | None:
    """Return what the notes lack, or None: lines that people write, and what has changed since they were made."""
    path = notes_of(version)
    notes = read(path)
    if TO_WRITE.search(notes):
        return f'{path} has a line that begins with "TODO:"; write what it asks for in its place.'
    former = git.last_release()
    if former is None:
        return None
    names = [str(migration) for migration in split(was_in(git.files_at(former)))[1]]
    names += [change.name for change in [*changed_pins(former), *changed_variables(former)]]
    if missing := [name for name in names if f"`{name}`" not in notes]:
        return (
            f"{path} was made before {', '.join(missing)}; say it there, or remove the folder {version.tag} "
            "and begin again."
        )
    return None


def write_together(files: Mapping[Path, str]) -> None:
    """Write several files, whose folders are made; when that fails or is interrupted, nothing has changed."""
    made = [folder for folder in {path.parent for path in files} if not folder.exists()]
    partial = {path: path.with_name(f"{path.name}.partial") for path in files}
    try:
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            partial[path].write_text(text, encoding="utf-8")
    except BaseException:
        for path in partial.values():
            path.unlink(missing_ok=True)
        for folder in made:
            if folder.exists():
                folder.rmdir()
        raise
    with block_signals():
        for path, unfinished in partial.items():
            unfinished.replace(path)
