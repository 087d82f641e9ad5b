"""What is found to have changed between two releases."""

from tools.release.documents import REQUIREMENTS
from tools.release.markdown import Change, changes, meanings, pins, plain, variables
from tools.release.project import read


def test_each_requirement_has_its_version() -> None:
    text = "# made by uv\ndjango==6.1.3 \\\n    --hash=sha256:00\n    # via x\npsycopg[c]==3.3.8 ; os_name == 'nt' \\\n"
    assert pins(text) == {"django": "6.1.3", "psycopg[c]": "3.3.8"}
    assert pins("a==1 ; os_name == 'nt'\na==2 ; os_name != 'nt'\n") == {"a": "1, 2"}


def test_what_is_installed_is_found() -> None:
    assert {"django", "gunicorn"} <= set(pins(read(REQUIREMENTS)))


def test_each_variable_has_its_default_and_its_meaning() -> None:
    text = "# The environment.\n\n# Seconds to wait\n# MAIL_LIMIT=10\n# Key (required)\nMAIL_KEY=\n"
    assert variables(text) == {"MAIL_LIMIT": "10", "MAIL_KEY": ""}
    assert meanings(text) == {"MAIL_LIMIT": "Seconds to wait", "MAIL_KEY": "Key (required)"}


def test_what_was_added_removed_and_changed() -> None:
    found = changes({"a": "1", "b": "1", "c": "1"}, {"b": "2", "c": "1", "d": ""})
    assert found == [Change("a", "1", None), Change("b", "1", "2"), Change("d", None, "")]
    assert [change.kind for change in found] == ["removed", "changed", "added"]


def test_text_is_no_markup() -> None:
    assert plain("Use <b> & `a_b` | *c*") == r"Use \<b> & \`a\_b\` \| \*c\*"
