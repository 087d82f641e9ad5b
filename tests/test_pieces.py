"""The generated project's own tests, with every piece alone on and alone off, on real servers and without any."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.combinations import ALL_OFF, ALL_ON, NASTY_NAME, Answers, each_piece, name_of
from tests.conftest import Project
from tests.servers import Server

# Of those that differ in who runs the tests alone, which no code knows, one. The jobs of tests/ci run those of
# deployment=docker, with everything else on and with everything else off; deployment=systemd has nothing that
# systemd-and-docker has not.
EACH_CODE = {
    repr(answers | {"ci_provider": ""}): answers
    for answers in each_piece()
    if answers["deployment"] not in ("docker", "systemd")
}
# Tests of what no answer changes: those jobs run them, once with everything on and once with everything off.
ALIKE = ["tests/integration/backups", "tests/*/test_release_*.py", "tests/integration/test_read_only_*.py"]
ALIKE += ["tests/integration/test_task_queue.py", "tests/integration/test_csrf_js.py", "tests/performance"]
ALIKE += [f"tests/integration/preflight/test_{name}.py" for name in ("site", "services", "command")]
WITHOUT_ALIKE = [f"--ignore-glob={pattern}" for pattern in ALIKE]


@pytest.mark.parametrize("answers", EACH_CODE.values(), ids=name_of)
def test_on_postgresql_and_redis(
    bake: Callable[..., Project], install: Callable[..., Path], postgresql: Server, redis: Server, answers: Answers
) -> None:
    project = bake(**answers)
    python = install(project, "test")
    urls = {"DATABASE_URL": postgresql.url, "REDIS_URL": redis.url, "CI": "true"}
    result = project.run(python, "-m", "pytest", "-p", "no:cacheprovider", *WITHOUT_ALIKE, **urls)
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


def test_without_any_server(bake: Callable[..., Project], install: Callable[..., Path]) -> None:
    """The tests that are about servers are not selected; on a machine that has none they would be skipped.

    With everything on they are run so by tests/drift/test_slipway.py.
    """
    project = bake(**ALL_OFF)
    python = install(project, "test")
    result = project.run(python, "-m", "pytest", "-p", "no:cacheprovider", "-m", "not servers", CI="true")
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


def test_with_a_name_that_holds_everything(bake: Callable[..., Project], install: Callable[..., Path]) -> None:
    names = {"project_name": NASTY_NAME, "description": NASTY_NAME, "author_name": NASTY_NAME}
    project = bake(**names, project_slug="nasty", python_version="3.12", **ALL_ON)
    python = install(project, "test", python="3.12")
    result = project.run(python, "-m", "pytest", "-p", "no:cacheprovider", "-m", "not servers", CI="true")
    assert " passed" in result.stdout


def test_on_python_3_14(
    bake: Callable[..., Project], docker: str, tmp_path: Path, postgresql: Server, redis: Server
) -> None:
    """In the image that the project's answer stands for; without programs that know nothing of Python, as a browser."""
    folder = tmp_path / "project"
    shutil.copytree(bake(**ALL_ON, python_version="3.14").path, folder)
    steps = [
        "apt-get update -qq && apt-get install --yes -qq --no-install-recommends git make",
        "python -m venv /venv",
        "/venv/bin/pip install --quiet --require-hashes --requirement requirements/test.txt",
        "/venv/bin/python -m pytest -p no:cacheprovider --ignore tests/integration/test_csrf_js.py"
        " --ignore tests/integration/backups",
    ]
    environment = {"DATABASE_URL": postgresql.url, "REDIS_URL": redis.url, "CI": "true"}
    variables = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
    command = [docker, "run", "--rm", "--network", "host", "--volume", f"{folder}:/project", "--workdir", "/project"]
    result = Project(folder).run(*command, *variables, "python:3.14-slim-trixie", "sh", "-euc", "\n".join(steps))
    assert "Python 3.14" in result.stdout
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout
