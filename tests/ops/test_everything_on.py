"""The tests of what the template owns, in a project with everything on, by topic."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, clean_environment
from tests.ops.running import TOPICS, run_modules, with_suite
from tests.support.combinations import ALL_ON
from tests.support.servers import Server


@pytest.fixture(scope="module")
def project(bake: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with everything on that has the suite."""
    return with_suite(bake(**ALL_ON), tmp_path_factory.mktemp("everything_on") / "project")


@pytest.fixture(scope="module")
def python(bake: Callable[..., Project], install: Callable[..., Path]) -> Path:
    """The Python that has the project's requirements."""
    return install(bake(**ALL_ON), "test")


@pytest.mark.parametrize("topic", TOPICS)
def test_everything_on_passes(project: Project, python: Path, postgresql: Server, redis: Server, topic: str) -> None:
    run_modules(project, python, postgresql, redis, [topic])


def test_lint_names_the_errors_of_all_linters(project: Project, python: Path, tmp_path: Path) -> None:
    broken = Project(shutil.copytree(project.path, tmp_path / "project"))
    (broken.path / "apps/core/views.py").write_text("import os\n")
    (broken.path / "start_production.sh").write_text("#!/bin/sh\necho $1\n")
    (broken.path / "templates/home.html").write_text("<div>\n<p>Text</p></div>\n")
    # The others take longest, and fail in the same way.
    variables = [f"VENV={python.parents[1]}", "LINTERS=lint-style lint-scripts lint-templates"]
    (python.parents[1] / "test.installed").touch()
    command = ["make", "lint", *variables]
    result = subprocess.run(
        command, cwd=broken.path, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "F401" in result.stdout
    assert "SC2086" in result.stdout
    assert "templates/home.html" in result.stdout


def test_suite_follows_the_style_and_types_of_the_project(project: Project, python: Path) -> None:
    project.run(python, "-m", "ruff", "check", "--no-cache", "tests")
    project.run(python, "-m", "ruff", "format", "--no-cache", "--check", "tests")
    project.run(python, "-m", "mypy", ".")
