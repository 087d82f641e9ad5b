"""The template of the tests, with its history, and projects of it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.drift.history import Project, Template, first_version, second_version, third_version


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template with three versions, for tests that do not change it."""
    template = first_version(tmp_path_factory.mktemp("history") / "template")
    second_version(template)
    third_version(template)
    return template


@pytest.fixture
def template(original: Template, tmp_path: Path) -> Template:
    """The template with three versions, for a test that may change it."""
    copy = object.__new__(Template)
    copy.folder = shutil.copytree(original.folder, tmp_path / "template", symlinks=True)
    copy.room = copy.folder / original.room.name
    return copy


@pytest.fixture(scope="session")
def generated(original: Template, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Generate a project from a version, once for each set of answers; the folder is not to be changed."""
    made: dict[str, Path] = {}

    def run(ref: str, **answers: Any) -> Path:
        key = repr((ref, sorted(answers.items())))
        if key not in made:
            made[key] = original.generate(tmp_path_factory.mktemp("generated"), ref, **answers)
        return made[key]

    return run


@pytest.fixture
def project(original: Template, generated: Callable[..., Path], tmp_path: Path) -> Callable[..., Project]:
    """Make a project of a version, by default the first, with its record, committed."""

    def run(ref: str = "v0.1.0", template: Template = original, **answers: Any) -> Project:
        path = shutil.copytree(generated(ref, **answers), tmp_path / "my_thing", symlinks=True)
        defaults = {"name": "My Thing", "slug": "my_thing", "color": "red", "use_extra": True}
        if ref == "v0.1.0":
            defaults |= {"owner": "Ann Example", "nickname": "annie"}
        else:
            defaults |= {"author": "Ann Example", "shape": "round", "has_corners": False}
        return Project(path, template, ref, defaults | answers)

    return run
