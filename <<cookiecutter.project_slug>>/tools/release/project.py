"""The versions of the project, and the files that a release reads and changes, from the root of the project."""

import re
import tomllib
from pathlib import Path
from typing import NamedTuple


class ReleaseError(Exception):
    """What a person has to put right first: all that is shown."""


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


PYPROJECT = Path("pyproject.toml")
CHANGELOG = Path("CHANGELOG.md")
RELEASES = Path("docs/maintainers/planning/releases")
HISTORY = RELEASES / "history.md"
TEMPLATES = RELEASES / "templates"
# What may still change between the checks of a release and its tag.
DOCUMENTS = (CHANGELOG, RELEASES)
UNRELEASED = "## Unreleased\n"


def read(path: Path) -> str:
    """Return the text of a file of the project; raise ReleaseError when it is missing."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ReleaseError(f"{path} is missing. Restore it from the last commit that had it.") from None


def version_in(pyproject: str) -> str:
    """Return the version that the text of pyproject.toml gives the project."""
    return str(tomllib.loads(pyproject)["project"]["version"])


def with_version(pyproject: str, version: Version) -> str:
    """Return the text of pyproject.toml with another version, and nothing else changed.

    Raises ReleaseError when its version is written in a way that this cannot change.
    """
    former = version_in(pyproject)
    changed = re.sub(rf'^version = "{re.escape(former)}"$', f'version = "{version}"', pyproject, flags=re.MULTILINE)
    expected = tomllib.loads(pyproject)
    expected["project"]["version"] = str(version)
    if tomllib.loads(changed) != expected:
        raise ReleaseError(f'The version in pyproject.toml cannot be changed; write it as: version = "{former}"')
    return changed


def accepted_migrations(pyproject: str) -> set[str]:
    """Return the migrations, such as ``users.0002_name``, that people accept although the former code may not."""
    return set(tomllib.loads(pyproject)["tool"].get("release", {}).get("accepted_migrations", []))


def with_section(changelog: str, version: Version) -> str:
    """Return the text of CHANGELOG.md with what was unreleased under the version, and nothing unreleased any more."""
    if section_of(changelog, version) is not None:
        raise ReleaseError(f"CHANGELOG.md already has a section {version}. Rename it to Unreleased.")
    if changelog.count(f"\n{UNRELEASED}") != 1:
        raise ReleaseError('CHANGELOG.md needs one line "## Unreleased"; put it above the newest section.')
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n## {version}\n")


def section_of(changelog: str, version: Version) -> str | None:
    """Return what CHANGELOG.md says of a version below its heading, which may have a date; None without a heading."""
    heading = rf"^## {re.escape(str(version))}(?: \([^\n]*\))?\n"
    match = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return match[1].strip() if match else None


def with_date(changelog: str, version: Version, date: str) -> str:
    """Return the text of CHANGELOG.md with the date of the release in the version's heading."""
    return re.sub(rf"^## {re.escape(str(version))}$", f"## {version} ({date})", changelog, flags=re.MULTILINE)


def with_entry(history: str, version: Version, date: str) -> str:
    """Return the text of history.md with a line for the version above the others."""
    rule = re.search(r"^\| --- .*\n", history, re.MULTILINE)
    if not rule:
        raise ReleaseError("history.md has no table. Restore it from the last commit that had it.")
    documents = f"[notes]({version.tag}/release-notes.md), [checklist]({version.tag}/checklist.md)"
    return f"{history[: rule.end()]}| {version} | {date} | {documents} |\n{history[rule.end() :]}"
