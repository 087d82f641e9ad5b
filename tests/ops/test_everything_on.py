"""The tests of what the template owns, in a project with everything on, by topic."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
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


def test_suite_follows_the_style_and_types_of_the_project(project: Project, python: Path) -> None:
    project.run(python, "-m", "ruff", "check", "--no-cache", "tests")
    project.run(python, "-m", "ruff", "format", "--no-cache", "--check", "tests")
    project.run(python, "-m", "mypy", ".")
