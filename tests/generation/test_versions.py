"""The template's versions: the same everywhere, and each has upgrade notes."""

import json
import re
import tomllib

from drift import upgrade_notes
from tests.conftest import ROOT

CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
VERSION = json.loads((ROOT / "cookiecutter.json").read_text())["_version"]
SECTIONS = re.split(r"^## ", CHANGELOG, flags=re.MULTILINE)[1:]


def test_the_version_is_the_newest_of_the_changelog() -> None:
    released = [section.split()[0] for section in SECTIONS if not section.startswith("Unreleased")]
    assert released[0] == VERSION == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert released == sorted(released, key=upgrade_notes.number, reverse=True)


def test_each_version_has_upgrade_notes() -> None:
    for section in SECTIONS:
        heading = section.splitlines()[0]
        assert heading == "Unreleased" or re.fullmatch(r"\d+\.\d+\.\d+ \(\d{4}-\d\d-\d\d\)", heading)
        assert heading == "Unreleased" or len(re.findall(r"^### Upgrade notes\n\n\S", section, re.MULTILINE)) == 1, (
            heading
        )


def test_drift_finds_the_upgrade_notes_of_each_version() -> None:
    asked = CHANGELOG.replace("Nothing.", "Look twice.")
    with_notes = [section.split()[0] for section in SECTIONS if "\n### Upgrade notes\n" in section]
    found = upgrade_notes.between(asked, "0.0.0", VERSION)
    assert [note.version for note in found] == with_notes[::-1]
