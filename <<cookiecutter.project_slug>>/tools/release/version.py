"""Versions of the form X.Y.Z, as https://semver.org/ orders them."""

import re
from typing import NamedTuple

from tools.release.errors import ReleaseError

NUMBER = "(0|[1-9][0-9]*)"
FORM = re.compile(rf"{NUMBER}\.{NUMBER}\.{NUMBER}")


class Version(NamedTuple):
    """A version; the greater one is the later one."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """The name of the tag, and of the folder, of this version's release."""
        return f"v{self}"


def parse(text: str) -> Version:
    """Return the version that ``text`` is; raise ReleaseError when it is none, or one before a release such as rc.1."""
    if not text:
        raise ReleaseError("VERSION is missing. Add it to the command, such as VERSION=1.2.3.")
    match = FORM.fullmatch(text)
    if not match:
        raise ReleaseError(f"Expected a version X.Y.Z, such as 1.2.3, got {text}.")
    return Version(*map(int, match.groups()))


def greatest(tags: list[str]) -> Version | None:
    """Return the greatest version among the names of tags, or None; other tags do not count."""
    return max((parse(tag[1:]) for tag in tags if tag[:1] == "v" and FORM.fullmatch(tag[1:])), default=None)
