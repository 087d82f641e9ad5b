"""``drift update --continue`` and ``--abort`` after git has changed the files of the update."""

import json
from collections.abc import Callable

import pytest

from tests.drift.history import Project, commit_all, files, git, replace, write


@pytest.fixture
def mine(project: Callable[..., Project]) -> Project:
    """A project with an update in progress, which has conflicts in edited.txt and image.bin."""
    mine = project()
    replace(mine.path / "edited.txt", "line 3\n", "my line 3\n")
    write(mine.path / "image.bin", b"\0mine")
    mine.commit()
    mine.drift("update", "--to", "v0.2.0", status=1)
    return mine


def resolve(mine: Project) -> None:
    """Decide the conflicts for the project's side."""
    git(mine.path, "checkout", "--quiet", "HEAD", "--", "edited.txt")
    [beside] = mine.path.glob("image.bin~*")
    beside.unlink()


@pytest.mark.parametrize("command", [["reset", "--quiet", "--hard"], ["stash", "--quiet", "--include-untracked"]])
def test_update_removed_by_git_is_not_recorded(mine: Project, command: list[str]) -> None:
    before = mine.record()
    updated = files(mine.path)
    git(mine.path, *command)
    for arguments in (["--continue"], ["--continue", "--decline", "edited.txt"], []):
        said = mine.drift("update", *arguments, status=2).stderr
        assert "git reset or git stash has removed the update" in said
        assert "start again with: drift update --abort, then drift update" in said
        assert said.count("\n") == 1
    assert "has removed the update" in mine.drift("status").stdout
    assert mine.record() == before
    if command[0] == "stash":
        git(mine.path, "stash", "pop", "--quiet")
        assert files(mine.path) == updated
        resolve(mine)
        mine.drift("update", "--continue")
        assert mine.record()["version"] == "0.2.0"
    else:
        mine.drift("update", "--abort")
        assert git(mine.path, "status", "--porcelain") == ""
        mine.drift("update", "--to", "v0.2.0", status=1)
        assert files(mine.path) == updated


def test_messages_name_the_command_of_the_project(mine: Project) -> None:
    said = mine.drift("update", "--continue", status=1, DRIFT_COMMAND='make drift ARGS="{}"').stderr
    assert (
        'then run: make drift ARGS="update --continue". To undo the update: make drift ARGS="update --abort"\n' in said
    )


def test_file_put_back_during_an_update_is_recorded_only_if_declined(mine: Project) -> None:
    resolve(mine)
    git(mine.path, "checkout", "--quiet", "HEAD", "--", "program.sh")
    (mine.path / "added.txt").unlink()
    said = mine.drift("update", "--continue", status=2).stderr
    assert "The update is only partly in the project. These files are as before it: added.txt, program.sh. " in said
    assert "drift update --continue --decline PATH\n" in said
    assert "added.txt. Undo" in mine.drift("update", "--continue", "--decline", "program.sh", status=2).stderr
    assert mine.record()["version"] == "0.1.0"
    assert "drift update --continue --decline PATH" in mine.drift("update", "--decline", "x", status=2).stderr
    mine.drift("update", "--continue", "--decline", "../program.sh", "--decline", "../added.txt", cwd="library")
    assert mine.record()["version"] == "0.2.0"


def test_abort_after_commits_of_the_updates_files_is_refused(mine: Project) -> None:
    began = git(mine.path, "rev-parse", "HEAD")
    write(mine.path / "mine.txt", "mine\n")
    git(mine.path, "add", "mine.txt")
    git(mine.path, "commit", "--quiet", "--message", "Not of the update")
    resolve(mine)
    updated = files(mine.path)
    commit_all(mine.path)
    said = mine.drift("update", "--abort", status=2).stderr
    assert "Commits since the update began have changed its files: README.md, added.txt, " in said
    assert said.endswith(f": git reset {began[:12]}. Then: drift update --abort\n")
    assert files(mine.path) == updated
    git(mine.path, *said.partition(": git ")[2].partition(". Then")[0].split())
    mine.drift("update", "--abort")
    git(mine.path, "add", "mine.txt")
    assert git(mine.path, "status", "--porcelain") == "A  mine.txt"


def test_state_that_cannot_be_read_is_named(mine: Project) -> None:
    state = mine.path / ".git/drift/state.json"
    state.write_text(json.dumps({"before": "x"}))
    for command in (["update"], ["update", "--abort"]):
        said = mine.drift(*command, status=2).stderr
        assert f"The update in progress cannot be read: {state}: " in said
        assert f"rm -r {state.parent}\n" in said
