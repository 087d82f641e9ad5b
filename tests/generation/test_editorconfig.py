"""Every file is written as .editorconfig tells editors to."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from editorconfig import get_properties

from tests.conftest import ROOT, TEMPLATE, Project
from tests.support.combinations import ALL_OFF, ALL_ON


def breaches(path: Path, properties: dict[str, Any]) -> list[str]:
    """Return what in a file is not as its properties in .editorconfig ask for."""
    assert (properties.pop("charset"), properties.pop("end_of_line")) == ("utf-8", "lf")
    assert properties.pop("insert_final_newline") == properties.pop("trim_trailing_whitespace") == "true"
    text = path.read_bytes().decode()
    found = ["line breaks"] if "\r" in text else []
    found += ["end"] if text and not text.endswith("\n") else []
    found += ["blanks"] if re.search(r"[ \t]$", text, re.MULTILINE) else []
    longest = properties.pop("max_line_length", "off")
    # ruff does not count what is addressed to it.
    counted = [re.sub(r"  # noqa: .*", "", line) for line in text.splitlines()]
    found += ["long line"] if longest != "off" and max(map(len, counted), default=0) > int(longest) else []
    style, size = properties.pop("indent_style"), properties.pop("indent_size")
    unit = {"tab": "\t", "space": " " if size == "unset" else " " * int(size), "unset": "[ \t]"}[style]
    # The lines of a long comment in CSS or JavaScript begin with a blank and a star.
    lines = [line for line in text.splitlines() if not re.match(r" +\*", line)]
    found += [f"indent of {line!r}" for line in lines if not re.match(rf"(?:{unit})*(?![ \t])", line)]
    assert properties.keys() <= {"tab_width"}
    return found


def test_every_file_is_as_editorconfig_says(bake: Callable[..., Project]) -> None:
    assert (ROOT / ".editorconfig").read_text() == (TEMPLATE / ".editorconfig").read_text()
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    own = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    paths = [ROOT / name for name in own if name and not name.endswith(".png")]
    for answers in (ALL_ON, ALL_OFF, ALL_ON | {"ci_provider": "gitlab"}):
        paths += [bake(**answers).path / name for name in bake(**answers).files()]
    found = {path: breaches(path, get_properties(str(path))) for path in paths if path.exists()}
    assert {path: problems for path, problems in found.items() if problems} == {}


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.py", "a\r\n", "line breaks"),
        ("a.py", "a", "end"),
        ("a.txt", "a \n", "blanks"),
        ("a.py", "a" * 121 + "\n", "long line"),
        ("a.yml", "a:\n   b\n", "indent of '   b'"),
        ("a.sh", "a\n  b\n", "indent of '  b'"),
        ("a.py", "a\n\tb\n", "indent of '\\tb'"),
        ("a.md", "a\n\tb\n", "indent of '\\tb'"),
        ("Makefile", "a:\n    b\n", "indent of '    b'"),
        ("a.mk", "a:\n    b\n", "indent of '    b'"),
    ],
)
def test_what_is_not_as_editorconfig_says_is_found(tmp_path: Path, name: str, text: str, problem: str) -> None:
    shutil.copy(ROOT / ".editorconfig", tmp_path)
    (tmp_path / name).write_bytes(text.encode())
    assert problem in breaches(tmp_path / name, get_properties(str(tmp_path / name)))
