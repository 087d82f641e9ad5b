"""Run the tests of what the template owns in generated projects."""

import re
import shutil
from pathlib import Path

from tests.conftest import Project
from tests.support.combinations import ALL_OFF, FEATURES, Answers
from tests.support.servers import Server

SUITE = Path(__file__).parent / "suite"
# Helpers, and what only the template's own linter reads.
NO_TESTS = ("__pycache__", "ruff.toml")
TOPICS = sorted(folder.name for folder in SUITE.iterdir() if list(folder.glob("test_*.py")))
# The modules of code that a project has only with a feature, by the feature's question. They run with everything on,
# and once more with that feature alone. All others run with everything on and with everything off.
MODULES = {
    "deployment": [
        "deployment/test_nginx_headers.py",
        "deployment/test_production_environment.py",
        "security/test_logged_in.py",
    ],
    "use_celery": [
        "metrics/test_tasks.py",
        "observability/test_task_logs.py",
        "preflight/test_tasks.py",
        "read_only/test_read_only_tasks.py",
        "read_only/test_task_queue.py",
    ],
    "use_metrics": ["metrics/test_metrics.py", "metrics/test_tasks.py"],
    "use_sentry": ["observability/test_sentry.py"],
}


def without_features(topic: str) -> list[str]:
    """Return the modules of a topic that a project has with everything off."""
    names = {f"{topic}/{path.name}" for path in (SUITE / topic).glob("test_*.py")}
    return sorted(names - {module for modules in MODULES.values() for module in modules})


def alone(question: str) -> list[str]:
    """Return the modules of one feature that need no other feature."""
    others = {module for other, modules in MODULES.items() if other != question for module in modules}
    return sorted(set(MODULES[question]) - others)


def answers_of(question: str) -> Answers:
    """Return the answers with one feature on and everything else off."""
    return ALL_OFF | {question: FEATURES[question][1]}


def with_suite(project: Project, folder: Path) -> Project:
    """Return a copy of a project, in a folder, that has the suite as ``tests/ops``."""
    shutil.copytree(project.path, folder)
    shutil.copytree(SUITE, folder / "tests/ops", ignore=shutil.ignore_patterns(*NO_TESTS))
    return Project(folder)


def run_modules(project: Project, python: Path, database: Server, cache: Server, modules: list[str]) -> None:
    """Run modules or folders of the suite in a project, on real servers; some tests pass, and none is skipped."""
    urls = {"DATABASE_URL": database.url, "REDIS_URL": cache.url, "CI": "true"}
    paths = [f"tests/ops/{module}" for module in modules]
    result = project.run(python, "-m", "pytest", "-p", "no:cacheprovider", "--durations", "10", *paths, **urls)
    print(result.stdout)
    outcome = result.stdout.splitlines()[-1]
    assert re.search(r"\b[1-9]\d* passed\b", outcome), outcome
    assert not re.search(r"\b(skipped|deselected|xfailed|xpassed)\b", outcome), outcome
