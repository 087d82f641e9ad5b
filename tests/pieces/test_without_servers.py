"""The generated project's own tests that need no server; those that do are not selected, and none is skipped."""

from collections.abc import Callable
from pathlib import Path

from tests.combinations import ALL_OFF, ALL_ON, NASTY_NAME
from tests.conftest import Project
from tests.pieces.running import ALIKE

NO_SERVERS = ("-m", "pytest", "-p", "no:cacheprovider", "-m", "not servers")


def test_with_nothing_on(bake: Callable[..., Project], install: Callable[..., Path]) -> None:
    """With everything on, those that answers make a difference to are run so by the test below."""
    project = bake(**ALL_OFF)
    python = install(project, "test")
    result = project.run(python, *NO_SERVERS, CI="true")
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


def test_with_a_name_that_holds_everything(bake: Callable[..., Project], install: Callable[..., Path]) -> None:
    names = {"project_name": NASTY_NAME, "description": NASTY_NAME, "author_name": NASTY_NAME}
    project = bake(**names, project_slug="nasty", python_version="3.12", **ALL_ON)
    python = install(project, "test", python="3.12")
    options = [f"--ignore-glob={pattern}" for pattern in ALIKE]
    result = project.run(python, *NO_SERVERS, *options, CI="true")
    assert " passed" in result.stdout
