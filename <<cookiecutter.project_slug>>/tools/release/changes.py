"""What has changed between two texts of a file, for people who read notes."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

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
