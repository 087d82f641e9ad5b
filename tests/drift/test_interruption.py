"""An update that is interrupted, at whichever step: it can be gone on from, or put back, and nothing is lost."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drift import cli, git
from tests.conftest import ROOT, clean_environment
from tests.drift.history import Project, files, replace, write
from tests.drift.history import git as ask


class Killed(BaseException):
    """What stands for the end of the process: nothing catches it."""


@contextmanager
def killed_at(step: int) -> Iterator[list[str]]:
    """End the process, as it were, before the given step that changes something on the disk; give the steps until then.

    Steps are the renaming of files, and the git commands that write.
    """
    steps: list[str] = []
    places: list[tuple[object, str]] = [(os, "replace"), (Path, "rename"), (git, "run")]

    def counted(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            command = " ".join(map(str, arguments)) if name == "run" else name
            if name != "run" or re.match("read-tree|commit-tree|write-tree", command):
                steps.append(command)
                if len(steps) == step:
                    raise Killed
            return function(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for place in places:
            patch.setattr(*place, counted(place[1], getattr(*place)))
        yield steps


def changed(project: Callable[..., Project]) -> Project:
    """Return a project with changes of its own, one of which is in conflict with the template's.

    Its cache has what it will be compared with, so that each update does the same.
    """
    mine = project()
    replace(mine.path / "edited.txt", "line 28\n", "my line\n")
    replace(mine.path / "old_name.txt", "line 28\n", "my line\n")
    write(mine.path / "own/file.txt", "mine\n")
    mine.commit()
    mine.drift("status")
    return mine


def put_back(mine: Project) -> None:
    """Undo what is not committed."""
    ask(mine.path, "reset", "--quiet", "--hard")
    ask(mine.path, "clean", "--quiet", "--force", "-d")


def state(mine: Project) -> tuple[dict[str, tuple[str, bytes]], dict[str, object]]:
    """Return the files and the record."""
    return files(mine.path), mine.record()


def test_it_is_put_back_or_gone_on_from_at_every_step(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = changed(project)
    monkeypatch.chdir(mine.path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(mine.cache))
    before = state(mine)
    with killed_at(0) as steps:
        assert cli.main(["update"]) == 0
    after = state(mine)
    assert after != before
    first_write = steps.index("rename")
    outcomes = []
    # Until the first one nothing is written to the project, so not all of these are tried.
    for step in [1, first_write // 2, *range(first_write, len(steps) + 1)]:
        put_back(mine)
        with killed_at(step), pytest.raises(Killed):
            cli.main(["update"])
        if not (mine.path / ".git/drift").exists():
            outcomes.append("not begun" if state(mine) == before else "done")
            assert state(mine) in (before, after)
            continue
        # Every second one is put back, the others are gone on from.
        outcomes.append(["--abort", "--continue"][step % 2])
        assert cli.main(["update", outcomes[-1]]) == 0
        assert state(mine) == (before if outcomes[-1] == "--abort" else after)
    assert outcomes[:3] == ["not begun"] * 3
    assert {"--abort", "--continue"} <= set(outcomes)
    put_back(mine)
    assert cli.main(["update"]) == 0
    assert state(mine) == after
    assert [path.name for path in (mine.path / ".git").glob("drift*")] == ["drift.lock"]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_signal_at_any_moment(project: Callable[..., Project], sent: signal.Signals) -> None:
    mine = changed(project)
    before = files(mine.path)
    begun = time.monotonic()
    mine.drift("update")
    duration = time.monotonic() - begun
    after = files(mine.path)
    outcomes = set()
    # The project is written to towards the end.
    for moment in (0.1, 0.5, 0.7, 0.8, 0.9, 1.0):
        put_back(mine)
        running = subprocess.Popen(
            [sys.executable, "-m", "drift", "update"],
            cwd=mine.path,
            env=clean_environment(PYTHONPATH=str(ROOT), XDG_CACHE_HOME=str(mine.cache)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(duration * moment)
        os.killpg(running.pid, sent)
        _, said = running.communicate(timeout=30)
        assert "Traceback" not in said
        if (mine.path / ".git/drift").exists():
            if sent == signal.SIGINT:
                assert "Continue with: drift update --continue. Undo it with: drift update --abort" in said
            outcomes.add("under way")
            mine.drift("update", "--abort")
            assert files(mine.path) == before
        else:
            is_done = mine.record()["version"] == "0.3.0"
            outcomes.add("done" if is_done else "not begun")
            assert files(mine.path) == (after if is_done else before)
    assert "not begun" in outcomes


def test_what_was_changed_meanwhile_is_not_written_over(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = changed(project)
    monkeypatch.chdir(mine.path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(mine.cache))
    before = files(mine.path)
    with killed_at(0) as steps:
        cli.main(["update"])
    put_back(mine)
    [writes_the_files] = [number for number, step in enumerate(steps, 1) if step.startswith("read-tree -m")]
    with killed_at(writes_the_files), pytest.raises(Killed):
        cli.main(["update"])
    write(mine.path / "README.md", "mine, written meanwhile\n")
    assert cli.main(["update", "--continue"]) == 2
    said = capsys.readouterr().err
    assert "README.md was changed during the interrupted update. Copy it elsewhere, then: drift update --abort" in said
    assert (mine.path / "README.md").read_text() == "mine, written meanwhile\n"
    assert cli.main(["update", "--abort"]) == 0
    assert files(mine.path) == before
