"""``drift answers``: other answers, a year later."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drift.history import Project, files, replace, write


def test_feature_is_switched_on_and_off(
    project: Callable[..., Project], generated: Callable[..., Path], tmp_path: Path
) -> None:
    mine = project("v0.2.0", use_extra=False)
    replace(mine.path / "edited.txt", "line 28\n", "my line\n")
    write(mine.path / "own.txt", "mine\n")
    mine.commit()
    before = files(mine.path)
    mine.drift("answers", "use_extra=yes", "color=green")
    assert mine.record()["answers"]["use_extra"] is True
    assert mine.record()["version"] == "0.2.0"
    anew = shutil.copytree(generated("v0.2.0", color="green"), tmp_path / "anew", symlinks=True)
    replace(anew / "edited.txt", "line 28\n", "my line\n")
    write(anew / "own.txt", "mine\n")
    assert files(mine.path) == files(anew)
    mine.commit()
    mine.drift("answers", "use_extra=false")
    assert files(mine.path) == before
    mine.commit()
    assert "up to date" in mine.drift("answers", "use_extra=false").stdout


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("use_extra", "expected KEY=VALUE, such as use_celery=true, got 'use_extra'"),
        (
            "kind=x",
            "The template has no question 'kind'. Its questions are name, slug, color, use_extra, author, shape, "
            "has_corners.",
        ),
        ("_version=9", "The template has no question '_version'. Its questions are "),
        ("color=blue", "color: expected one of red, green, got 'blue'."),
        ("use_extra=maybe", "use_extra: expected true or false, got 'maybe'."),
    ],
)
def test_what_is_no_answer_is_refused(project: Callable[..., Project], answer: str, said: str) -> None:
    mine = project("v0.2.0")
    assert mine.drift("answers", answer, status=2).stderr.startswith(f"Error: {said}")


def test_it_may_be_in_conflict(project: Callable[..., Project]) -> None:
    mine = project("v0.2.0")
    replace(mine.path / "extra.txt", "in red", "in pink")
    mine.commit()
    assert "extra.txt: both changed the same lines" in mine.drift("answers", "color=green", status=1).stderr
    assert mine.record()["answers"]["color"] == "red"
    write(mine.path / "extra.txt", "solved\n")
    mine.drift("update", "--continue")
    assert mine.record()["answers"]["color"] == "green"
