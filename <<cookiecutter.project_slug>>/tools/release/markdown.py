"""What a release changes, and how its documents show that as Markdown."""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from typing import NamedTuple

from tools.release.migrations import MODES, Measured, is_in_the_way
from tools.release.project import Version

PIN = re.compile(r"^([A-Za-z0-9][\w.-]*(?:\[[^]]*\])?)==([^\s;\\]+)", re.MULTILINE)
VARIABLE = re.compile(r"(?:# )?([A-Z][A-Z0-9_]*)=(.*)")


class Change(NamedTuple):
    """Something that is there, or is another; None where there is nothing."""

    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """Whether it was added, removed or changed."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Return what is not the same in two mappings, by name."""
    found = [Change(name, before.get(name), after.get(name)) for name in sorted({*before, *after})]
    return [change for change in found if change.before != change.after]


def pins(requirements: str) -> dict[str, str]:
    """Return the version of each requirement that the text of a file in requirements/ pins."""
    found: dict[str, str] = {}
    for name, version in PIN.findall(requirements):
        # Some are pinned twice, for different machines.
        found[name] = f"{found[name]}, {version}" if name in found else version
    return found


def variables(example: str) -> dict[str, str]:
    """Return the default of each variable in the text of a file like .env.example."""
    return {name: default for _, name, default in _assignments(example)}


def meanings(example: str) -> dict[str, str]:
    """Return what the line above each variable says of it."""
    return {name: above.removeprefix("# ") for above, name, _ in _assignments(example)}


def _assignments(example: str) -> Iterator[tuple[str, str, str]]:
    """Yield the line above each variable, its name and its default."""
    above = ""
    for line in example.splitlines():
        if match := VARIABLE.fullmatch(line):
            yield above, match[1], match[2]
        above = line


def plain(text: str) -> str:
    """Return ``text`` escaped where Markdown would take it for markup, so that it is shown as it is."""
    return re.sub(r"([\\`*_<\[\]|~])", r"\\\1", text)


EMPTY = "_(empty)_"
REWRITTEN = "the whole table is rewritten, which takes the longer the larger it is"


def render_subjects(subjects: list[str]) -> str:
    """Return the list of what was committed."""
    return "\n".join(f"- {plain(subject)}" for subject in subjects) or "Nothing was committed."


def render_changes(changes: list[Change], what: str, cell: Callable[[str], str] = str) -> str:
    """Return the table of what has changed of ``what``; ``cell`` makes a cell of what is there."""
    if not changes:
        return f"No {what} has changed."
    lines = [f"| {what} | | before | now |", "| --- | --- | --- | --- |"]
    for change in changes:
        before, after = ("" if value is None else cell(value) for value in (change.before, change.after))
        lines.append(f"| `{change.name}` | {change.kind} | {before} | {after} |")
    return "\n".join(lines)


def render_default(value: str) -> str:
    """Return the default of a variable as it is shown."""
    return f"`{value}`" if value else EMPTY


def render_migration(one: Measured, former: Version, accepted: Set[str]) -> Iterator[str]:
    """Yield the lines about a migration."""
    yield f"- `{one.label}`"
    if not one.is_atomic:
        yield "    - runs outside of a transaction, so that its locks cannot be measured: people have to read it"
    elif not one.locks:
        yield "    - locks no table that is in use"
    for table, mode in one.locks.items():
        name, who = MODES[mode]
        yield f"    - locks `{table}`: {name}; {who}"
    for table in one.rewritten:
        yield f"    - `{table}`: {REWRITTEN}"
    for reason in one.incompatible:
        judged = "is accepted, although" if one.label in accepted else f"**cannot run while {former} serves**:"
        yield f"    - {judged} {reason}"
    if not one.incompatible:
        yield f"    - can run while {former} serves"
    if one.irreversible:
        yield f"    - **cannot be undone**: {', '.join(map(plain, one.irreversible))}"
    else:
        yield "    - can be undone"


def render_migrations(found: list[Measured], former: Version, accepted: Set[str]) -> str:
    """Return the list of all migrations."""
    return "\n".join(line for one in found for line in render_migration(one, former, accepted)) or "There is none."


def not_accepted(found: list[Measured], accepted: Set[str]) -> list[str]:
    """Return the migrations that cannot run while the former release serves, but for those that are accepted."""
    return [one.label for one in found if one.incompatible and one.label not in accepted]


def render_way_back(found: list[Measured], former: Version, targets: list[str]) -> str:
    """Return how the database goes back to the former release; ``targets`` are what ``migrate`` is given for that."""
    if not found:
        return f"There is no migration: the code alone goes back to {former}, and the database stays as it is."
    against = ", ".join(f"`{one.label}`" for one in found if one.incompatible)
    lasting = ", ".join(f"`{one.label}`" for one in found if one.irreversible)
    steps = "\n".join(f"- `migrate {target}`" for target in targets)
    if against and lasting:
        return (
            f"{former} cannot serve with the database as it will be, because of {against}, and {lasting} cannot be "
            "undone. The backup from before the release is the only way back; what was written since is not in it."
        )
    if against:
        return (
            f"{former} cannot serve with the database as it will be, because of {against}. The site is stopped, the "
            f"migrations are undone, and then the code goes back. They are undone by\n\n{steps}"
        )
    text = f"{former} can serve with the database as it will be: the code alone goes back, and the database stays."
    if lasting:
        return f"{text} What {lasting} has done cannot be undone."
    return f"{text} To undo the migrations as well, before the code goes back:\n\n{steps}"


def render_questions(found: list[Measured], variables: list[Change], meanings: Mapping[str, str]) -> str:
    """Return the items of a checklist that this release alone has."""
    items = []
    for one in found:
        if one.incompatible:
            items.append(
                f"Former code and `{one.label}`: the site is stopped for it, or somebody knows that it is harmless"
            )
        if not one.is_atomic:
            items.append(f"Locks of `{one.label}` judged by somebody who has read it, for they were not measured")
        for table, mode in one.locks.items():
            if is_in_the_way(mode):
                items.append(f"Size of `{table}` in production judged: `{one.label}` locks it ({MODES[mode][0]})")
        if one.irreversible:
            items.append(f"No way back from `{one.label}`: those who would have to go back know it")
    for change in variables:
        if change.kind == "added":
            items.append(f"Value of `{change.name}` decided for production: {plain(meanings[change.name])}")
    return "\n".join(f"- [ ] {item}" for item in items) or "Nothing besides."
