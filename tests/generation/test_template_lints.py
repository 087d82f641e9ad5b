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


def test_every_path_of_a_feature_exists_once() -> None:
    features = json.loads((ROOT / "cookiecutter.json").read_text())["_features"]
    paths = [path for answers in features.values() for paths in answers.values() for path in paths]
    assert len(paths) == len(set(paths))
    for path in paths:
        assert (TEMPLATE / path).exists(), path


def test_imports_run_downwards() -> None:
    subprocess.run([tool("lint-imports"), "--no-cache"], cwd=TEMPLATE, check=True)


@pytest.mark.parametrize(
    ("name", "line", "broken"),
    [
        ("apps/core/views.py", "import config.urls", "apps is not allowed to import config"),
        ("ops/http.py", "from apps.users.models import User", "ops is not allowed to import apps"),
        ("ops/http.py", "import config.settings.environment", "ops is not allowed to import config"),
        ("apps/users/views.py", "import apps.api.permissions", "apps.users is not allowed to import apps.api"),
        ("apps/core/views.py", "import apps.users.models", "apps.core is not allowed to import apps.users"),
        ("apps/orders/views.py", "import apps.users.models", "apps.orders is not allowed to import apps.users"),
        ("ops/preflight/runner.py", "import ops.health.views", "ops.preflight is not allowed to import ops.health"),
        ("ops/http.py", "import ops.health.views", "ops.http is not allowed to import ops.health"),
        ("ops/other.py", "", "ops.other"),
    ],
)
def test_import_that_runs_upwards_or_sideways_is_refused(tmp_path: Path, name: str, line: str, broken: str) -> None:
    for package in ("apps", "config", "ops"):
        shutil.copytree(TEMPLATE / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TEMPLATE / "pyproject.toml", tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).parent.joinpath("__init__.py").touch()
    with (tmp_path / name).open("a") as module:
        module.write(f"\n{line}\n")
    command = [tool("lint-imports"), "--no-cache"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert broken in " ".join(answer.stdout.split())
