"""The upgrade notes in a template's CHANGELOG: what people do themselves after an update."""

import re
from dataclasses import dataclass

UNRELEASED = "Unreleased"
HEADING = re.compile(r"^## (?:.*?(\d+\.\d+\.\d+).*|\[?Unreleased\b.*)$", re.MULTILINE | re.IGNORECASE)
# An item of a list, with the lines that are indented below it; other text is one item.
ITEM = re.compile(r"^(?=[-*] )", re.MULTILINE)
# Up to version 0.2.0 of Slipway the heading was "By hand".
NOTES = re.compile(r"^### (?:Upgrade notes|By hand)\n+(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
NOTHING = "Nothing."


@dataclass(frozen=True)
class UpgradeNote:
    """The upgrade notes of one version, as Markdown; the version may be UNRELEASED."""

    version: str
    text: str

    @property
    def title(self) -> str:
        """The heading of the notes."""
        return "Upgrade notes, not released yet" if self.version == UNRELEASED else f"Upgrade notes of {self.version}"


def number(version: str | None) -> tuple[int, ...] | None:
    """Return a version such as 1.10.0 so that it can be compared, or None when it is not of this kind."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", version or "")
    return tuple(map(int, found.groups())) if found else None


def sections(changelog: str) -> list[UpgradeNote]:
    """Return the upgrade notes of each version in a changelog, in its order.

    A version is a heading ``## X.Y.Z`` or ``## Unreleased``, its notes are below ``### Upgrade notes``. "Nothing."
    there is no note.
    """
    found = []
    headings = list(HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    for heading, end in zip(headings, ends, strict=False):
        text = NOTES.search(changelog, heading.end(), end)
        if text and text[1].strip() != NOTHING:
            found.append(UpgradeNote(heading[1] or UNRELEASED, text[1].strip()))
    return found


def items(text: str) -> list[str]:
    """Return the items of upgrade notes."""
    return [item for item in ITEM.split(text) if item.strip()]


def between(changelog: str, recorded: str | None, newest: str | None, former: str = "") -> list[UpgradeNote]:
    """Return the upgrade notes of the versions after ``recorded``, up to ``newest``, the oldest first.

    The commits that follow a version still have its name, so unreleased notes are added. Items that are unreleased in
    ``former``, the changelog at the recorded commit, are left out.
    """
    first, last = number(recorded), number(newest)
    known = {item.strip() for note in sections(former) if note.version == UNRELEASED for item in items(note.text)}
    found = []
    for note in sections(changelog):
        version = number(note.version)
        is_between = first is not None and last is not None and version is not None and first < version <= last
        is_unreleased = version is None and (first is None or last is None or first <= last)
        if is_between or is_unreleased:
            text = "".join(item for item in items(note.text) if item.strip() not in known).strip()
            found += [UpgradeNote(note.version, text)] if text else []
    return found[::-1]
