"""What a template's CHANGELOG says that people have to do themselves."""

import re
from dataclasses import dataclass

HEADING = re.compile(r"^## .*?(\d+\.\d+\.\d+).*$", re.MULTILINE)
BY_HAND = re.compile(r"^### By hand\n+(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
NOTHING = "Nothing."


@dataclass(frozen=True)
class Step:
    """What a version asks for."""

    version: str
    text: str


def number(version: str | None) -> tuple[int, ...] | None:
    """Return a version such as 1.10.0 so that it can be compared, or None when it is not of this kind."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", version or "")
    return tuple(map(int, found.groups())) if found else None


def steps(changelog: str, recorded: str | None, newest: str | None) -> list[Step]:
    """Return what the versions after ``recorded``, up to ``newest``, have under ``### By hand``, the oldest first.

    A version is a heading ``## X.Y.Z``; one without such a section, or with "Nothing." in it, asks for nothing.
    """
    first, last = number(recorded), number(newest)
    if first is None or last is None:
        return []
    found = []
    headings = list(HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=False):
        text = BY_HAND.search(changelog, heading.end(), end)
        version = number(heading[1])
        if version and first < version <= last and text and text[1].strip() != NOTHING:
            found.append(Step(heading[1], text[1].strip()))
    return found[::-1]
