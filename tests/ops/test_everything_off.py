"""The tests of what the template owns, in a project with everything off: the modules that need no feature."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.ops.running import TOPICS, run_modules, with_suite, without_features
from tests.support.combinations import ALL_OFF
from tests.support.servers import Server


@pytest.fixture(scope="module")
def project(bake: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with everything off that has the suite."""
    return with_suite(bake(**ALL_OFF), tmp_path_factory.mktemp("everything_off") / "project")


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if without_features(topic)])
def test_everything_off_passes(
    bake: Callable[..., Project],
    install: Callable[..., Path],
    project: Project,
    postgresql: Server,
    redis: Server,
    topic: str,
) -> None:
    run_modules(project, install(bake(**ALL_OFF), "test"), postgresql, redis, without_features(topic))
