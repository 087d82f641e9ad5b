"""The documents of a release: where they are, what they must hold, and how several are written at once."""

import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import NamedTuple

from ops.signals import block_signals
from tools.release import git
from tools.release.markdown import Change, changes, pins, variables
from tools.release.migrations import split, was_in
from tools.release.project import (
    CHANGELOG,
    PYPROJECT,
    RELEASES,
    TEMPLATES,
    ReleaseError,
    Version,
    read,
    section_of,
    version_in,
)

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


# A checklist has lines `- [ ] …`, of which some begin with the name of a check that a machine makes.
REQUIRED = "Before the release"
ITEM = re.compile(r"- \[([ xX])\] ((?:`([a-z]+)`: )?.*)")
CHECKED = re.compile(r"^Checked at commit: (.*)$", re.MULTILINE)
NEVER = "none yet"


class Item(NamedTuple):
    """A line of a checklist; without a check, people tick it."""

    section: str
    text: str
    check: str | None
    is_ticked: bool


def items(checklist: str) -> list[Item]:
    """Return the items in the text of a checklist."""
    section = ""
    found = []
    for line in checklist.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif match := ITEM.fullmatch(line):
            found.append(Item(section, match[2], match[3], match[1] != " "))
    return found


def open_items(checklist: str) -> list[Item]:
    """Return what is required for the tag and not ticked."""
    return [item for item in items(checklist) if item.section == REQUIRED and not item.is_ticked]


def missing_checks(checklist: str, checks: Mapping[str, object]) -> list[str]:
    """Return the names of those of the checks that the checklist does not require."""
    there = {item.check for item in items(checklist) if item.section == REQUIRED}
    return [name for name in checks if name not in there]


def with_ticks(checklist: str, outcome: Mapping[str, bool]) -> str:
    """Return the text of a checklist with the items of the checks in ``outcome`` ticked, or no longer."""

    def tick(line: str) -> str:
        match = ITEM.fullmatch(line)
        if not match or match[3] not in outcome:
            return line
        return f"- [{'x' if outcome[match[3]] else ' '}] {match[2]}"

    return "\n".join(map(tick, checklist.split("\n")))


def checked_commit(checklist: str) -> str | None:
    """Return the commit that the checks were made at, or None before they were."""
    match = CHECKED.search(checklist)
    return match[1] if match and match[1] != NEVER else None


def with_checked_commit(checklist: str, commit: str) -> str:
    """Return the text of a checklist that says at which commit the checks were made."""
    return CHECKED.sub(f"Checked at commit: {commit}", checklist)
