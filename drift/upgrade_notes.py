"""The upgrade notes in a template's CHANGELOG: what people do themselves after an update."""

import re
from dataclasses import dataclass

HEADING = re.compile(r"^## .*?(\d+\.\d+\.\d+).*$", re.MULTILINE)
# Up to version 0.2.0 of Slipway the heading was "By hand".
NOTES = re.compile(r"^### (?:Upgrade notes|By hand)\n+(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
NOTHING = "Nothing."


@dataclass(frozen=True)
class UpgradeNote:
    """The upgrade notes of one version, as Markdown."""

    version: str
    text: str


def number(version: str | None) -> tuple[int, ...] | None:
    """Return a version such as 1.10.0 so that it can be compared, or None when it is not of this kind."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", version or "")
    return tuple(map(int, found.groups())) if found else None


def between(changelog: str, recorded: str | None, newest: str | None) -> list[UpgradeNote]:
    """Return the upgrade notes of the versions after ``recorded``, up to ``newest``, the oldest first.

    A version is a heading ``## X.Y.Z``, its notes are below ``### Upgrade notes``. "Nothing." there is no note.
    """
    first, last = number(recorded), number(newest)
    if first is None or last is None:
        return []
    found = []
    headings = list(HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=False):
        text = NOTES.search(changelog, heading.end(), end)
        version = number(heading[1])
        if version and first < version <= last and text and text[1].strip() != NOTHING:
            found.append(UpgradeNote(heading[1], text[1].strip()))
    return found[::-1]
