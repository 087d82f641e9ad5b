"""A checklist: lines ``- [ ] …``, of which some begin with the name of a check that a machine makes."""

import re
from collections.abc import Mapping
from typing import NamedTuple

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
