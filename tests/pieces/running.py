"""Running the generated project's own tests."""

from collections.abc import Callable
from pathlib import Path

from tests.combinations import ALL_OFF, Answers
from tests.conftest import Project
from tests.servers import Server

# Tests of what no answer changes: the jobs of tests/ci run them, once with everything on and once with everything off.
ALIKE = ["tests/integration/backups", "tests/*/test_release_*.py", "tests/integration/test_read_only_*.py"]
ALIKE += ["tests/integration/test_task_queue.py", "tests/integration/test_csrf_js.py", "tests/performance"]
ALIKE += ["tests/integration/test_content_policy.py", "tests/integration/test_admin_input.py"]
ALIKE += [f"tests/integration/preflight/test_{name}.py" for name in ("site", "services", "command")]
# Tests of a piece alone, by its question: they run where that is alone on, and in the job that has everything on.
OF_ONE = {
    "use_api": ["tests/integration/api"],
    "use_celery": ["tests/integration/test_celery.py", "tests/integration/test_task_logs.py"],
    "use_mfa": ["tests/integration/test_second_factor.py"],
}


def run_tests(
    bake: Callable[..., Project], install: Callable[..., Path], database: Server, cache: Server, answers: Answers
) -> None:
    """Run the tests that answers may make a difference to, on real servers; none may be skipped."""
    project = bake(**answers)
    python = install(project, "test")
    others = [patterns for question, patterns in OF_ONE.items() if answers != ALL_OFF | {question: True}]
    options = [f"--ignore-glob={pattern}" for pattern in sum(others, ALIKE)]
    urls = {"DATABASE_URL": database.url, "REDIS_URL": cache.url, "CI": "true"}
    result = project.run(python, "-m", "pytest", "-p", "no:cacheprovider", *options, **urls)
    assert " passed" in result.stdout
    assert "skipped" not in result.stdout


def but_one(answers: Answers, others: Answers) -> list[Answers]:
    """Return ``answers`` with one piece after the other that the code knows of taken from ``others``.

    Who runs the tests is nothing that code knows; deployment=systemd has nothing that systemd-and-docker has not. The
    jobs of tests/ci run the tests of everything on, and of deployment=docker with all else off.
    """
    return [answers | {question: other} for question, other in others.items() if question != "ci_provider"]
