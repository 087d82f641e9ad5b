"""Run the generated project's own tests."""

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Project
from tests.support.combinations import ALL_OFF, Answers
from tests.support.servers import Server

# Tests that no answer affects. They run with everything off here, and with everything on in a job of tests/ci.
UNAFFECTED = ["tests/integration/test_admin_input.py", "tests/integration/test_browser.py", "tests/performance"]
# Tests of one feature, by its question. They run with that feature alone on here, and with everything on in that job.
OF_FEATURE = {
    "use_api": ["tests/integration/api"],
    "use_celery": ["tests/integration/test_celery.py"],
    "use_mfa": ["tests/integration/test_second_factor.py"],
}


def run_tests(
    bake: Callable[..., Project], install: Callable[..., Path], database: Server, cache: Server, answers: Answers
) -> None:
    """Run the tests of a project that its answers affect, on real servers; none may be skipped."""
    left_out = [] if answers == ALL_OFF else list(UNAFFECTED)
    for question, paths in OF_FEATURE.items():
        left_out += paths if answers != ALL_OFF | {question: True} else []
    project = bake(**answers)
    python = install(project, "test")
    urls = {"DATABASE_URL": database.url, "REDIS_URL": cache.url, "CI": "true"}
    options = ["-p", "no:cacheprovider", "--durations", "10"]
    if answers == ALL_OFF:
        # As `make test` runs them: each process has databases of its own, of PostgreSQL and of Redis. Once is enough,
        # because other tests keep the cores busy, and the start of a second process costs more than it saves.
        options += ["--numprocesses", "2", "--dist", "worksteal"]
    options += [f"--ignore={path}" for path in left_out]
    result = project.run(python, "-m", "pytest", *options, **urls)
    print(result.stdout)
    outcome = result.stdout.splitlines()[-1]
    assert " passed" in outcome
    assert "skipped" not in outcome


def but_one(answers: Answers, others: Answers) -> list[Answers]:
    """Return ``answers`` once for each feature that the code depends on, with that feature's answer from ``others``.

    The code does not depend on the CI provider. deployment=systemd has nothing that systemd-and-docker has not.
    """
    return [answers | {question: other} for question, other in others.items() if question != "ci_provider"]
