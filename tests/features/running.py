"""Run the generated project's own tests."""

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Project
from tests.support.combinations import Answers
from tests.support.servers import Server


def run_tests(
    bake: Callable[..., Project], install: Callable[..., Path], database: Server, cache: Server, answers: Answers
) -> None:
    """Run all tests of a project on real servers; none may be skipped."""
    project = bake(**answers)
    python = install(project, "test")
    urls = {"DATABASE_URL": database.url, "REDIS_URL": cache.url, "CI": "true"}
    result = project.run(python, "-m", "pytest", "-p", "no:cacheprovider", "--durations", "10", **urls)
    print(result.stdout)
    outcome = result.stdout.splitlines()[-1]
    assert " passed" in outcome
    assert "skipped" not in outcome


def but_one(answers: Answers, others: Answers) -> list[Answers]:
    """Return ``answers`` once for each feature that the code depends on, with that feature's answer from ``others``.

    The code does not depend on the CI provider. deployment=systemd has nothing that systemd-and-docker has not.
    """
    return [answers | {question: other} for question, other in others.items() if question != "ci_provider"]
