"""The template is a project: its files are valid in their own language before they are rendered."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, TEMPLATE, tool


def sources() -> list[str]:
    """Return the names of the files of the template that git knows or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    answer = subprocess.run(command, cwd=TEMPLATE, capture_output=True, text=True, check=True)
    return sorted(name for name in answer.stdout.split("\0") if name and (TEMPLATE / name).exists())


def test_python_is_clean() -> None:
    for arguments in (["check"], ["format", "--check"]):
        subprocess.run([tool("ruff"), *arguments, "--no-cache"], cwd=ROOT, check=True)


def test_html_is_clean() -> None:
    subprocess.run([tool("djlint"), "--check", "--lint", "--quiet", "templates"], cwd=TEMPLATE, check=True)


def test_toml_and_yaml_parse() -> None:
    parsed = 0
    for name in sources():
        if name.endswith(".toml"):
            tomllib.loads((TEMPLATE / name).read_text())
            parsed += 1
        elif name.endswith((".yaml", ".yml")):
            yaml.safe_load((TEMPLATE / name).read_text())
            parsed += 1
    assert parsed > 0


def test_no_condition_swallows_a_blank_line() -> None:
    """Jinja takes the blank lines after a line statement for a part of it, so the rendered file would lose them."""
    for name in sources():
        found = re.search(r"^.*# >> .*\n[ \t]*\n", (TEMPLATE / name).read_text(), re.MULTILINE)
        assert found is None, f"{name}: move the blank line in front of {found and found[0].strip()!r}"


@pytest.mark.parametrize("kind", ["generate", "test"])
def test_the_requirements_are_what_pyproject_asks_for(kind: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    command = [tool("uv"), "pip", "compile", "pyproject.toml", "--quiet", "--universal", "--python-version", "3.12"]
    command += ["--generate-hashes", "--no-emit-index-url", "--custom-compile-command", "make lock"]
    command += ["--group", "test"] if kind == "test" else ["--constraint", "requirements/test.txt"]
    name = f"requirements/{kind}.txt"
    subprocess.run([*command, "--output-file", name], cwd=tmp_path, check=True)
    assert (tmp_path / name).read_text() == (ROOT / name).read_text()


def test_every_piece_is_there_once() -> None:
    pieces = json.loads((ROOT / "cookiecutter.json").read_text())["_pieces"]
    paths = [path for answers in pieces.values() for paths in answers.values() for path in paths]
    assert len(paths) == len(set(paths))
    for path in paths:
        assert (TEMPLATE / path).exists(), path


def test_an_app_imports_no_sibling_but_core() -> None:
    for path in sorted((TEMPLATE / "apps").rglob("*.py")):
        app = path.relative_to(TEMPLATE / "apps").parts[0]
        for sibling in re.findall(r"^\s*(?:from|import) apps\.(\w+)", path.read_text(), re.MULTILINE):
            assert sibling in (app, "core"), f"{path} imports apps.{sibling}"
