"""The tests of what the template owns and only a feature brings, in a project with nothing but that feature."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.ops.running import MODULES, SUITE, alone, answers_of, run_modules, with_suite
from tests.support.servers import Server


def test_table_of_features_names_modules_of_the_suite() -> None:
    for modules in MODULES.values():
        for module in modules:
            assert (SUITE / module).is_file(), module


@pytest.mark.parametrize("question", MODULES)
def test_feature_alone_passes(
    bake: Callable[..., Project],
    install: Callable[..., Path],
    postgresql: Server,
    redis: Server,
    tmp_path: Path,
    question: str,
) -> None:
    project = bake(**answers_of(question))
    copy = with_suite(project, tmp_path / "project")
    run_modules(copy, install(project, "test"), postgresql, redis, alone(question))
