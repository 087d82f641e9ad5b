"""Errors of the environment: one sentence and status 2, for status 1 means that something differs."""

import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import ROOT, clean_environment
from tests.drift.history import Project, git
from tests.drift.terminal import at_a_terminal


def in_shell(mine: Project, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a shell command, in which ``drift`` is drift, in the project."""
    return subprocess.run(
        ["bash", "-c", f'drift() {{ "{sys.executable}" -m drift "$@"; }}; {command}'],
        cwd=mine.path,
        env=clean_environment(PYTHONPATH=str(ROOT), **environment),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("drift status >&-", "Error: Standard output is closed. Open it, such as with: > FILE\n"),
        ("drift diff > /dev/full", "Error: Standard output cannot be written: No space left on device. Write to "),
        ("drift --help > /dev/full", "Error: Standard output cannot be written: No space left on device. Write to "),
        ("mkdir x && cd x && rmdir ../x && drift status", "Error: The current folder was removed. Go into the "),
        ("rm .cookiecutter.json; mkdir .cookiecutter.json; drift status", "Error: .cookiecutter.json cannot be read: "),
        ("mkdir .driftignore; drift status", "/.driftignore: Is a directory\n"),
    ],
)
def test_error_of_the_environment_is_one_sentence(project: Callable[..., Project], command: str, said: str) -> None:
    result = in_shell(project(), command)
    assert said in result.stderr
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)


def test_update_is_recorded_before_it_is_printed(project: Callable[..., Project]) -> None:
    mine = project()
    result = in_shell(mine, "drift update > /dev/full")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert mine.record()["version"] == "0.3.0"
    assert not (mine.path / ".git/drift").exists()


def test_streams_may_be_of_another_encoding_or_closed(project: Callable[..., Project]) -> None:
    mine = project()
    result = in_shell(mine, "drift status --to v0.2.0 <&- 2>&-", PYTHONIOENCODING="ascii")
    assert (result.returncode, result.stderr) == (0, "")
    assert "  R  old_name.txt \\u2192 new_name.txt\n" in result.stdout


def test_end_of_input_at_a_question_changes_nothing(project: Callable[..., Project]) -> None:
    mine = project()
    said = at_a_terminal(mine, ["update", "--to", "v0.2.0"], "\x04", status=2)
    assert "Error: shape: the input ended without an answer. Add shape=VALUE to the command.\n" in said
    assert git(mine.path, "status", "--porcelain") == ""


def test_fault_of_drift_is_no_difference(project: Callable[..., Project]) -> None:
    mine = project()
    (mine.path.parent / "faulty").mkdir()
    shutil.copytree(ROOT / "drift", mine.path.parent / "faulty/drift")
    with (mine.path.parent / "faulty/drift/report.py").open("a") as file:
        file.write("\n\nstatus = None\n")
    result = in_shell(mine, f"PYTHONPATH={mine.path.parent}/faulty drift status --exit-code")
    assert (result.returncode, result.stdout) == (2, "")
    assert "TypeError: 'NoneType' object is not callable\n" in result.stderr
