"""The generated project's own tests that need no server; the others are deselected, and none is skipped."""

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Project
from tests.support.combinations import ALL_OFF, ALL_ON, NASTY_NAME

PYTEST = ("-m", "pytest", "-p", "no:cacheprovider")
NO_SERVERS = (*PYTEST, "-m", "not servers")
PARALLEL = ("--numprocesses", "2", "--dist", "worksteal")


def test_everything_off_passes_without_servers(bake: Callable[..., Project], install: Callable[..., Path]) -> None:
    project = bake(**ALL_OFF)
    python = install(project, "test")
    outcome = project.run(python, *NO_SERVERS, CI="true").stdout.splitlines()[-1]
    assert " passed" in outcome
    assert "skipped" not in outcome


def test_nasty_name_and_everything_on_passes_without_servers(
    bake: Callable[..., Project], install: Callable[..., Path]
) -> None:
    names = {"project_name": NASTY_NAME, "description": NASTY_NAME, "author_name": NASTY_NAME}
    project = bake(**names, project_slug="nasty", python_version="3.12", **ALL_ON)
    python = install(project, "test", python="3.12")
    outcome = project.run(python, *NO_SERVERS, CI="true").stdout.splitlines()[-1]
    assert " passed" in outcome
    assert "skipped" not in outcome


def test_terminal_names_the_tests_that_need_servers(bake: Callable[..., Project], install: Callable[..., Path]) -> None:
    project = bake(**ALL_ON)
    python = install(project, "test")
    result = project.run(python, *PYTEST, *PARALLEL, "tests/integration/test_celery.py", CI="")
    assert "tests need PostgreSQL and Redis: set DATABASE_URL and REDIS_URL to run them." in result.stdout
