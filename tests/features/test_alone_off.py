"""The generated project's own tests, with each feature alone off, on real servers."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.features.running import but_one, run_tests
from tests.support.combinations import ALL_OFF, ALL_ON, Answers, name_of
from tests.support.servers import Server


@pytest.mark.parametrize("answers", but_one(ALL_ON, ALL_OFF), ids=name_of)
def test_project_passes_on_postgresql_and_redis(
    bake: Callable[..., Project], install: Callable[..., Path], postgresql: Server, redis: Server, answers: Answers
) -> None:
    run_tests(bake, install, postgresql, redis, answers)
