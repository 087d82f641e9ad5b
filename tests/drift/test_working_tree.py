"""Projects of which git does not keep every file in the working tree: sparse checkouts and submodules."""

from collections.abc import Callable

import pytest

from tests.drift.history import Project, commit_all, files, git, replace, write


def leave_out(mine: Project, how: str) -> None:
    """Leave the folder package out of the working tree."""
    if how == "sparse":
        git(mine.path, "sparse-checkout", "set", "--no-cone", "/*", "!/package/")
    else:
        git(mine.path, "update-index", "--skip-worktree", "package/one.py", "package/two.py")
        for name in ("one.py", "two.py"):
            (mine.path / "package" / name).unlink()


@pytest.mark.parametrize(
    ("how", "command"),
    [
        ("sparse", "git sparse-checkout disable"),
        ("skipped", "git update-index --no-skip-worktree PATH && git checkout -- PATH"),
    ],
)
def test_files_left_out_by_git_are_not_missing(project: Callable[..., Project], how: str, command: str) -> None:
    mine = project()
    replace(mine.path / "package/two.py", "B3 = 3", "B3 = 33")
    mine.commit()
    leave_out(mine, how)
    assert mine.changes("--to", "v0.1.0") == {"package/two.py": "project"}
    said = mine.drift("update", status=2).stderr
    files_left_out = "Files are not in the working tree: package/one.py, package/two.py."
    assert said == f"Error: {files_left_out} Check out all of them: {command}\n"
    assert git(mine.path, "status", "--porcelain") == ""


def test_sparse_checkout_during_an_update_can_be_ended(project: Callable[..., Project]) -> None:
    mine = project()
    replace(mine.path / "edited.txt", "line 3\n", "my line 3\n")
    mine.commit()
    before = files(mine.path)
    mine.drift("update", "--to", "v0.2.0", status=1)
    git(mine.path, "sparse-checkout", "set", "--no-cone", "/*", "!/package/")
    for option in ("--abort", "--continue"):
        mine.drift("update", option, status=2)
    git(mine.path, "sparse-checkout", "disable")
    mine.drift("update", "--abort")
    assert files(mine.path) == before
    assert git(mine.path, "status", "--porcelain") == ""


@pytest.mark.parametrize("state", ["checked out", "empty", "ignored"])
def test_update_of_a_submodules_files_is_refused(project: Callable[..., Project], state: str) -> None:
    mine = project()
    # The folder with files of the template has become a repository of its own.
    other = (mine.path / "package").rename(mine.path.parent / "other")
    commit_all(other)
    git(mine.path, "rm", "--quiet", "--cached", "-r", "package")
    if state == "ignored":
        git(mine.path, "clone", "--quiet", str(other), "package")
        write(mine.path / ".git/info/exclude", "/package/\n")
    else:
        git(mine.path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "package")
    replace(mine.path / "edited.txt", "line 3\n", "my line 3\n")
    mine.commit()
    if state == "empty":
        git(mine.path, "submodule", "--quiet", "deinit", "package")
    before = files(mine.path)
    assert not [path for path in mine.changes("--to", "v0.1.0") if path.startswith("package/")]
    said = mine.drift("update", "--to", "v0.2.0", status=2).stderr
    assert "package is a repository of its own, such as a submodule, where the template has 2 files, such as " in said
    assert files(mine.path) == before
    [pattern] = said.splitlines()[0].rpartition("commit it: ")[2:]
    write(mine.path / ".driftignore", f"{pattern}\n")
    mine.commit()
    before = files(mine.path)
    mine.drift("update", "--to", "v0.2.0", status=1)
    mine.drift("update", "--abort")
    assert files(mine.path) == before
    assert git(mine.path, "status", "--porcelain") == ""
