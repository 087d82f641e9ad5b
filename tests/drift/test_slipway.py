"""Slipway's own projects: from the first released version to the present, with other answers, and without a record."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import conftest
from tests.drift.history import Project, commit_all, files, git, replace, run, write
from tests.support.combinations import ALL_OFF, ALL_ON

RELEASE = re.compile(r"^## (\d+\.\d+\.\d+) \(\d{4}-\d\d-\d\d\)$", re.MULTILINE)


@pytest.fixture
def slipway(clone: Path) -> Path:
    """The template with its history, and what is not committed yet on top of it."""
    commit_all(clone)
    return clone


def releases(slipway: Path) -> dict[str, str]:
    """Return the commit of each version that was released, the first one first: the commit that dated it."""
    versions = RELEASE.findall((slipway / "CHANGELOG.md").read_text())[::-1]
    found = {}
    for version in versions:
        log = git(slipway, "log", "--reverse", "--format=%H", f"-S\n## {version} (", "--", "CHANGELOG.md")
        assert log, f"Version {version} is not in the history; fetch all of it, with: git fetch --unshallow"
        found[version] = log.split()[0]
    return found


def generate(slipway: Path, ref: str, output: Path, **answers: Any) -> Path:
    """Generate a project from a commit."""
    git(slipway, "checkout", "--quiet", ref)
    configuration = output.with_suffix(".json")
    configuration.write_text(json.dumps({"replay_dir": f"{output}-replay", "cookiecutters_dir": f"{output}-templates"}))
    options = ["--no-input", "--output-dir", str(output), "--config-file", str(configuration)]
    given = [f"{name}={answer}" for name, answer in answers.items()]
    run(slipway, conftest.tool("cookiecutter"), *options, str(slipway), *given)
    git(slipway, "checkout", "--quiet", "main")
    [project] = output.iterdir()
    return project


def project_of(path: Path) -> Project:
    """Return a generated project, committed."""
    project = object.__new__(Project)
    project.path, project.cache = path, path.parent / "cache"
    project.commit()
    return project


def own_changes(folder: Path) -> None:
    """Do in a project what projects do, in files that the template goes on changing too."""
    write(folder / "README.md", "# Mine\n")
    write(folder / "apps/orders/__init__.py", "")
    write(folder / "tests/unit/test_orders.py", "def test_orders() -> None:\n    assert True\n")
    replace(folder / "config/settings/base.py", '"apps.users",\n', '"apps.users",\n    "apps.orders",\n')
    # Later versions have it in another folder.
    [views] = [path for path in (folder / "apps/health/views.py", folder / "ops/health/views.py") if path.exists()]
    replace(views, '"healthy"', '"well"')
    replace(folder / "Makefile", "ADDRESS ?= 127.0.0.1:8000", "ADDRESS ?= 127.0.0.1:8001")


def test_a_project_of_the_first_version_through_every_later_one(
    slipway: Path, tmp_path: Path, install: Callable[..., Path]
) -> None:
    versions = releases(slipway)
    first = generate(slipway, versions.pop(next(iter(versions))), tmp_path / "first", **ALL_ON)
    mine = project_of(first)
    own_changes(mine.path)
    mine.commit()
    for version in [*versions.values(), "main"]:
        mine.drift("update", "--to", version)
        mine.commit()
    anew = generate(slipway, "main", tmp_path / "anew", **ALL_ON)
    own_changes(anew)
    assert files(mine.path) == files(anew)
    assert mine.record()["commit"] == git(slipway, "rev-parse", "main")
    assert mine.record()["answers"] == json.loads((anew / ".cookiecutter.json").read_text())["answers"]
    # Its tests pass: the jobs of tests/ci run all that a project with these answers has.
    tested = conftest.Project(shutil.copytree(mine.path, tmp_path / "tested"))
    python = install(tested, "test")
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "-m", "not servers", "tests/unit"]
    result = tested.run(*command, CI="true")
    assert " passed" in result.stdout
    assert "tests/unit/test_orders.py" in result.stdout


def test_features_are_switched_on_and_off_later(slipway: Path, tmp_path: Path) -> None:
    off = generate(slipway, "main", tmp_path / "off", **ALL_OFF)
    on = generate(slipway, "main", tmp_path / "on", **ALL_ON)
    mine = project_of(shutil.copytree(off, tmp_path / "mine"))
    mine.drift("answers", *(f"{name}={answer}" for name, answer in ALL_ON.items()))
    assert files(mine.path) == files(on)
    mine.commit()
    mine.drift("answers", *(f"{name}={answer}" for name, answer in ALL_OFF.items()))
    assert files(mine.path) == files(off)


def test_a_project_without_a_record(slipway: Path, tmp_path: Path) -> None:
    names = {"project_name": "A Fine Shop", "project_slug": "shop", "domain_name": "shop.example.org"}
    answers = ALL_OFF | names | {"license": "MIT", "timezone": "Europe/Berlin", "deployment": "docker"}
    mine = project_of(generate(slipway, "main", tmp_path / "made", **answers))
    record = mine.record()
    (mine.path / ".cookiecutter.json").unlink()
    own_changes(mine.path)
    # What is known makes it shorter.
    mine.drift("link", "--template", str(slipway), "deployment=docker", "ci_provider=none")
    assert mine.record() == record


def test_it_is_installed_from_where_the_template_is(slipway: Path, tmp_path: Path) -> None:
    made = project_of(generate(slipway, "main", tmp_path / "made"))
    command = [conftest.tool("uv"), "tool", "run", "--from", f"git+file://{slipway}", "drift"]
    said = conftest.Project(made.path).run(*command, "status", "--exit-code", UV_CACHE_DIR=str(tmp_path / "uv"))
    assert "Nothing to report" in said.stdout
