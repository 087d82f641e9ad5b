"""What a release writes into the project's files, and that it writes all of them or none."""

import tomllib
from pathlib import Path

import pytest

from tools.release.documents import write_together
from tools.release.project import (
    CHANGELOG,
    HISTORY,
    PYPROJECT,
    ReleaseError,
    Version,
    accepted_migrations,
    read,
    section_of,
    version_in,
    with_date,
    with_entry,
    with_section,
    with_version,
)

LATER = Version(97, 0, 1)


def test_the_version_changes_and_nothing_else() -> None:
    before = read(PYPROJECT)
    after = with_version(before, LATER)
    assert version_in(after) == "97.0.1"
    changed = [lines for lines in zip(before.splitlines(), after.splitlines(), strict=True) if lines[0] != lines[1]]
    assert changed == [(f'version = "{version_in(before)}"', 'version = "97.0.1"')]


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nversion="1.0.0"\n',
        '[project]\nversion = "1.0.0"\n[tool.other]\nversion = "1.0.0"\n',
    ],
)
def test_a_version_that_cannot_be_changed_alone_is_left_alone(text: str) -> None:
    with pytest.raises(ReleaseError, match=r'cannot be changed; write it as: version = "1\.0\.0"'):
        with_version(text, LATER)


def test_the_changelog_gets_a_section_and_then_a_date() -> None:
    text = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 1.0.0 (2026-01-01)\n\n- Old.\n"
    begun = with_section(text, LATER)
    assert begun == "# Changelog\n\n## Unreleased\n\n## 97.0.1\n\n- New.\n\n## 1.0.0 (2026-01-01)\n\n- Old.\n"
    assert section_of(begun, LATER) == "- New."
    dated = with_date(begun, LATER, "2026-11-21")
    assert "\n## 97.0.1 (2026-11-21)\n\n- New.\n" in dated
    assert section_of(dated, LATER) == "- New."
    assert section_of(dated, Version(1, 0, 0)) == "- Old."
    assert section_of(dated, Version(7, 0, 1)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# Changelog\n\n## Unreleased\n\n## 97.0.1\n", "already has a section 97.0.1. Rename it to Unreleased."),
        ("# Changelog\n\n## Next\n", 'needs one line "## Unreleased"; put it above the newest section.'),
    ],
)
def test_a_changelog_that_does_not_suit_is_refused(text: str, message: str) -> None:
    with pytest.raises(ReleaseError, match=message):
        with_section(text, LATER)


def test_the_projects_own_files_take_a_release() -> None:
    assert section_of(with_section(read(CHANGELOG), LATER), LATER) is not None
    rows = [line for line in with_entry(read(HISTORY), LATER, "2026-11-21").splitlines() if line.startswith("| ")]
    assert rows[2] == "| 97.0.1 | 2026-11-21 | [notes](v97.0.1/release-notes.md), [checklist](v97.0.1/checklist.md) |"


def test_a_history_without_its_table_is_refused() -> None:
    with pytest.raises(ReleaseError, match=r"history.md has no table"):
        with_entry("# History\n", LATER, "2026-11-21")


def test_accepted_migrations_are_named_in_the_configuration() -> None:
    assert accepted_migrations(read(PYPROJECT)) == set(tomllib.loads(read(PYPROJECT))["tool"].get("release", {}))
    assert accepted_migrations('[tool.release]\naccepted_migrations = ["users.0002_x"]\n') == {"users.0002_x"}


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"/nothing.md is missing. Restore it"):
        read(tmp_path / "nothing.md")


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")
    write_together({tmp_path / "old": "after", tmp_path / "new" / "a": "a", tmp_path / "new" / "b": "b"})
    assert {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == {
        "old": "after",
        "a": "a",
        "b": "b",
    }


def test_when_one_cannot_be_written_none_is(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")
    with pytest.raises(FileNotFoundError):
        write_together({tmp_path / "old": "after", tmp_path / "new" / "a": "a", tmp_path / "none" / "none" / "b": "b"})
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]
    assert (tmp_path / "old").read_text() == "before"
