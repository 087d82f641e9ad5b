"""``drift update``: what it brings, what it leaves, and what it says when both changed the same."""

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drift.history import ODD, Project, Template, files, git, replace, write
from tests.drift.terminal import at_a_terminal

Change = Callable[[Path], None]


def nothing(folder: Path) -> None:
    """Change nothing."""


def other_lines(folder: Path) -> None:
    """Change other lines than the template does, in files that it edits, renames and moves."""
    for name in ("edited.txt", ODD, "delimiters.txt", "README.md"):
        replace(folder / name, "line 28\n", "my line\n")
    renamed = folder / ("new_name.txt" if (folder / "new_name.txt").exists() else "old_name.txt")
    replace(renamed, "line 28\n", "my line\n")
    moved = folder / ("library" if (folder / "library").exists() else "package")
    replace(moved / "one.py", "A15 = 15", "A15 = 'mine'")
    replace(folder / "program.sh", "echo 4", "echo mine")
    replace(folder / "windows.bat", "echo four", "echo mine")


def own_files(folder: Path) -> None:
    """Add files of every kind, also to a folder that the template renames."""
    write(folder / "own/deep/file.txt", "mine\n")
    write(folder / "own/own.bin", b"\0\1\2")
    write(folder / "own/run", "#!/bin/sh\n", 0o755)
    write(folder / "new_folder/mine.txt", "mine\n")
    (folder / "own/link").symlink_to("nowhere")
    write(folder / ".hidden", "mine\n")
    write(folder / 'a "b"\n c', "mine\n")


def deleted_files(folder: Path) -> None:
    """Delete files that the template leaves as they are, and one that it removes too."""
    (folder / "left.txt").unlink()
    (folder / "empty").unlink()
    (folder / "removed.txt").unlink(missing_ok=True)


def renamed_files(folder: Path) -> None:
    """Rename files, also one that the template edits."""
    (folder / "names").mkdir()
    (folder / "edited.txt").rename(folder / "names/mine.txt")
    (folder / "left.txt").rename(folder / "names/left.txt")
    (folder / "my_thing.cfg").rename(folder / "names/my_thing.cfg")


def executable_bits(folder: Path) -> None:
    """Make programs of files, one of which the template edits."""
    (folder / "edited.txt").chmod(0o755)
    (folder / "left.txt").chmod(0o755)


def line_endings(folder: Path) -> None:
    """End every line with CR LF, and change one that the template leaves."""
    for name in ("edited.txt", "left.txt", "README.md"):
        path = folder / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    replace(folder / "edited.txt", "line 28\r\n", "my line\r\n")


def binaries_and_links(folder: Path) -> None:
    """Replace a file by a link, and a link to a folder by files."""
    (folder / "left.txt").unlink()
    (folder / "left.txt").symlink_to("README.md")
    write(folder / "empty", bytes(256))


def same_as_template(folder: Path) -> None:
    """Make some of the template's changes before it does."""
    write(folder / "edited.txt", (folder / "edited.txt").read_bytes().replace(b"line 3\n", b"line three\n"))
    write(folder / "image.bin", bytes(range(255, -1, -1)))
    (folder / "removed.txt").unlink(missing_ok=True)
    (folder / "becomes_program.sh").chmod(0o755)


CHANGES = [
    nothing,
    other_lines,
    own_files,
    deleted_files,
    renamed_files,
    executable_bits,
    line_endings,
    binaries_and_links,
    same_as_template,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_an_update_is_generating_anew_with_the_projects_changes_on_top(
    project: Callable[..., Project], generated: Callable[..., Path], tmp_path: Path, change: Change
) -> None:
    mine = project()
    change(mine.path)
    mine.commit()
    said = mine.drift("update")
    anew = shutil.copytree(generated("v0.3.0"), tmp_path / "anew", symlinks=True)
    change(anew)
    assert files(mine.path) == files(anew)
    assert mine.record()["version"] == "0.3.0"
    assert mine.record()["commit"] == git(Path(mine.record()["template"]), "rev-parse", "v0.3.0")
    assert "Recorded" in said.stdout
    # Nothing is left of it, and what was changed can be committed.
    mine.commit()
    assert git(mine.path, "status", "--porcelain", "--ignored") == ""
    assert [path.name for path in (mine.path / ".git").glob("drift*")] == ["drift.lock"]
    assert not {"template", "both"} & set(mine.changes().values())
    assert "up to date" in mine.drift("update").stdout


@pytest.mark.parametrize("how", ["committed", "autocrlf"])
def test_new_files_end_their_lines_as_the_project_does(project: Callable[..., Project], how: str) -> None:
    mine = project()
    if how == "autocrlf":
        git(mine.path, "config", "core.autocrlf", "true")
    for path in mine.path.rglob("*.*"):
        if path.suffix in (".txt", ".md", ".py", ".cfg") and path.is_file():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    mine.commit()
    mine.drift("update", "--to", "v0.2.0")
    found = files(mine.path)
    assert found["added.txt"][1] == b"round\r\n"
    assert b"line three\r\n" in found["new_name.txt"][1]
    if how == "committed":
        # Not what another kind of file says.
        assert b"\r" not in found["program.sh"][1]
    mine.commit()
    assert mine.changes("--to", "v0.2.0") == {}


def test_one_version_after_the_other_ends_where_one_step_does(
    project: Callable[..., Project], generated: Callable[..., Path]
) -> None:
    mine = project()
    for target in ("v0.2.0", "v0.3.0"):
        mine.drift("update", "--to", target)
        mine.commit()
    assert files(mine.path) == files(generated("v0.3.0"))


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        ("line 2\n", "line 2\nmine\n", "line 2\nmine\nline three\nline 4\n"),
        ("line 3\n", "line 3\nmine\n", "line 2\nline three\nmine\nline 4\n"),
    ],
    ids=["before", "after"],
)
def test_lines_added_beside_a_line_that_the_template_changed_are_kept(
    project: Callable[..., Project], old: str, new: str, merged: str
) -> None:
    mine = project()
    replace(mine.path / "edited.txt", old, new)
    mine.commit()
    mine.drift("update", "--to", "v0.2.0")
    assert merged in (mine.path / "edited.txt").read_text()


def test_lines_added_beside_a_line_that_both_changed_are_a_conflict(project: Callable[..., Project]) -> None:
    mine = project()
    replace(mine.path / "edited.txt", "line 3\n", "mine\nmy line 3\n")
    mine.commit()
    said = mine.drift("update", "--to", "v0.2.0", status=1)
    assert "edited.txt: both changed the same lines" in said.stderr


def test_lines_added_beside_a_line_that_the_template_removed_are_a_conflict(
    project: Callable[..., Project], template: Template
) -> None:
    template.replace("edited.txt", "line three\n", "")
    template.release("0.4.0")
    mine = project(template=template)
    replace(mine.path / "edited.txt", "line 3\n", "mine\nline 3\n")
    mine.commit()
    said = mine.drift("update", "--to", "v0.4.0", status=1)
    assert "edited.txt: both changed the same lines" in said.stderr


def test_changes_in_a_file_that_the_template_moved_and_rewrote_are_kept(
    project: Callable[..., Project], template: Template
) -> None:
    """git finds a renamed file only while half of its content is the same."""
    lines = (template.room / "edited.txt").read_text().splitlines(keepends=True)
    (template.room / "edited.txt").unlink()
    template.write("moved/edited.txt", "".join([*lines[:8], *(f"new {number}\n" for number in range(100))]))
    template.questions(_drift={"moved": {"edited.txt": "moved/edited.txt"}})
    template.release("0.4.0")
    mine = project("v0.3.0", template)
    replace(mine.path / "edited.txt", "line 5\n", "mine\n")
    mine.commit()
    assert mine.status("--to", "v0.4.0")["changes"]
    mine.drift("update", "--to", "v0.4.0")
    assert "line 4\nmine\nline 6\n" in (mine.path / "moved/edited.txt").read_text()
    assert not (mine.path / "edited.txt").exists()


class TestConflicts:
    def same_lines(self, mine: Project) -> dict[str, tuple[str, bytes]]:
        """Change the lines that the template changes, and return the files."""
        for name in ("edited.txt", ODD):
            replace(mine.path / name, "line 3\n", "my line 3\n")
        write(mine.path / "image.bin", b"\0mine")
        (mine.path / "link").unlink()
        (mine.path / "link").symlink_to("README.md")
        mine.commit()
        return files(mine.path)

    def test_the_same_lines(self, project: Callable[..., Project], generated: Callable[..., Path]) -> None:
        mine = project()
        self.same_lines(mine)
        former = mine.record()
        name = f"template-{git(Path(former['template']), 'rev-parse', 'v0.2.0')[:8]}"
        said = mine.drift("update", "--to", "v0.2.0", status=1)
        assert "4 conflicts left" in said.stderr
        assert "edited.txt: both changed the same lines" in said.stderr
        expected = f"line 2\n<<<<<<< this-project\nmy line 3\n=======\nline three\n>>>>>>> {name}\nline 4\n"
        assert expected in (mine.path / "edited.txt").read_text()
        assert (mine.path / "image.bin").read_bytes() == b"\0mine"
        assert (mine.path / f"image.bin~{name}").read_bytes() == bytes(range(255, -1, -1))
        assert (mine.path / "link").readlink() == Path("README.md")
        assert (mine.path / f"link~{name}").readlink() == Path("left.txt")
        # Everything else is there already; the commit is not recorded.
        assert (mine.path / "new_name.txt").exists()
        assert mine.record() == former
        assert "An update is in progress" in mine.drift("status").stdout
        for command in (["update"], ["answers", "color=green"]):
            assert "An update is in progress" in mine.drift(*command, status=2).stderr
        assert "4 conflicts left" in mine.drift("update", "--continue", status=1).stderr
        for path in ("edited.txt", ODD):
            text = (mine.path / path).read_text().splitlines(keepends=True)
            (mine.path / path).write_text("".join(line for line in text if line[:7] not in ("<" * 7, "=" * 7, ">" * 7)))
        assert "2 conflicts left" in mine.drift("update", "--continue", status=1).stderr
        (mine.path / f"image.bin~{name}").rename(mine.path / "image.bin")
        (mine.path / f"link~{name}").unlink()
        assert mine.record() == former
        assert "Recorded" in mine.drift("update", "--continue").stdout
        assert mine.record()["version"] == "0.2.0"
        assert (mine.path / "image.bin").read_bytes() == files(generated("v0.2.0"))["image.bin"][1]

    def test_putting_everything_back(self, project: Callable[..., Project]) -> None:
        mine = project()
        before = self.same_lines(mine)
        mine.drift("update", "--to", "v0.2.0", status=1)
        write(mine.path / "edited.txt", "what I made of it\n")
        write(mine.path / "mine.txt", "begun meanwhile\n")
        said = mine.drift("update", "--abort").stdout
        assert files(mine.path) == before | {"mine.txt": ("file", b"begun meanwhile\n")}
        assert git(mine.path, "status", "--porcelain") == "?? mine.txt"
        # What was edited since is not lost either.
        assert "Your edits of edited.txt are kept" in said
        [command] = [line.partition(": ")[2] for line in said.splitlines() if "edited.txt" in line]
        assert git(mine.path, *command.split()[1:]) == "what I made of it"
        assert "No update is in progress" in mine.drift("update", "--abort", status=2).stderr
        assert "No update is in progress" in mine.drift("update", "--continue", status=2).stderr
        assert "drift answers" in mine.drift("update", "--abort", "color=red", status=2).stderr

    def test_what_the_one_removed_and_the_other_changed(self, project: Callable[..., Project]) -> None:
        mine = project()
        replace(mine.path / "removed.txt", "line 28\n", "my line\n")
        (mine.path / "edited.txt").unlink()
        mine.commit()
        said = mine.drift("update", "--to", "v0.2.0").stdout
        assert "removed.txt stays, for the project changed it; the template has removed it." in said
        assert "edited.txt stays removed from the project; the template has changed it." in said
        assert "my line" in (mine.path / "removed.txt").read_text()
        assert not (mine.path / "edited.txt").exists()
        mine.commit()
        (mine.path / "removed.txt").unlink()
        assert mine.changes("--to", "v0.2.0") == {"edited.txt": "missing"}

    def test_a_file_that_both_renamed(self, project: Callable[..., Project]) -> None:
        mine = project()
        (mine.path / "old_name.txt").rename(mine.path / "my_name.txt")
        mine.commit()
        said = mine.drift("update", "--to", "v0.2.0").stdout
        assert "my_name.txt keeps the name that the project gave it; the template's is new_name.txt." in said
        assert "line three" in (mine.path / "my_name.txt").read_text()
        assert not (mine.path / "new_name.txt").exists()
        assert not (mine.path / "old_name.txt").exists()

    @pytest.mark.parametrize(
        ("renames", "added", "kept"),
        [
            ({"old_name.txt": "my_name.txt"}, "new_name.txt", "new_name.txt"),
            ({"old_name.txt": "my_name.txt", "package/one.py": "new_name.txt"}, "mine.txt", "new_name.txt"),
            ({"old_name.txt": "library"}, "mine.txt", "library~this-project"),
            ({}, "library", "library~this-project"),
        ],
        ids=["added", "renamed", "file for a folder", "added for a folder"],
    )
    def test_file_of_the_project_at_the_templates_new_name_is_kept(
        self, project: Callable[..., Project], renames: dict[str, str], added: str, kept: str
    ) -> None:
        mine = project()
        for former, present in renames.items():
            (mine.path / former).rename(mine.path / present)
            replace(mine.path / present, "A15 = 15\n" if former.endswith(".py") else "line 28\n", "my line\n")
        write(mine.path / added, "my line, added\n")
        mine.commit()
        mine.drift("update", "--to", "v0.2.0", status=1 if kept.endswith("~this-project") else 0)
        found = files(mine.path)
        assert b"my line" in found[kept][1]
        assert sum(b"my line" in content for _, content in found.values()) == len(renames) + 1
        # The template's changes have come too.
        assert b"A3 = 33\n" in found["library/one.py" if "package/one.py" not in renames else kept][1]

    def test_the_same_new_file(self, project: Callable[..., Project]) -> None:
        mine = project()
        write(mine.path / "added.txt", "mine\n")
        mine.commit()
        assert "added.txt: both changed the same lines" in mine.drift("update", "--to", "v0.2.0", status=1).stderr

    def test_a_folder_where_the_template_has_a_file(self, project: Callable[..., Project]) -> None:
        mine = project()
        write(mine.path / "added.txt/mine.txt", "mine\n")
        mine.commit()
        before = files(mine.path)
        assert "added.txt~template" in mine.drift("update", "--to", "v0.2.0", status=1).stderr
        assert (mine.path / "added.txt/mine.txt").read_text() == "mine\n"
        mine.drift("update", "--abort")
        assert files(mine.path) == before

    def test_a_file_where_the_template_has_a_folder(self, project: Callable[..., Project]) -> None:
        mine = project()
        write(mine.path / "new_folder", "mine\n")
        mine.commit()
        assert "new_folder~this-project" in mine.drift("update", status=1).stderr
        assert (mine.path / "new_folder~this-project").read_text() == "mine\n"
        (mine.path / "new_folder~this-project").unlink()
        mine.drift("update", "--continue")
        assert (mine.path / "new_folder/deep/file.txt").exists()

    def test_lines_that_end_as_those_of_windows(self, project: Callable[..., Project]) -> None:
        mine = project()
        path = mine.path / "edited.txt"
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").replace(b"line 3\r", b"my line 3\r"))
        mine.commit()
        assert "1 conflict left" in mine.drift("update", "--to", "v0.2.0", status=1).stderr
        assert b"my line 3\r\n=======\r\nline three\r\n" in path.read_bytes()
        assert "1 conflict left" in mine.drift("update", "--continue", status=1).stderr
        path.write_bytes(b"solved\r\n")
        mine.drift("update", "--continue")

    def test_markers_of_other_conflicts_are_text(self, project: Callable[..., Project]) -> None:
        mine = project()
        replace(mine.path / "delimiters.txt", "line 3\n", "my line 3\n")
        mine.commit()
        mine.drift("update", "--to", "v0.2.0", status=1)
        path = mine.path / "delimiters.txt"
        assert "<<<<<<< HEAD\n=======\n>>>>>>> other\n" in path.read_text()
        begin, _, rest = path.read_text().partition("<<<<<<< this-project\n")
        solved, _, rest = rest.partition("=======\n")
        path.write_text(begin + solved + rest.partition(">>>>>>> template")[2].partition("\n")[2])
        assert "<<<<<<< HEAD\n=======\n>>>>>>> other\n" in path.read_text()
        mine.drift("update", "--continue")


class TestRefusals:
    """What is refused leaves the project as it was."""

    @pytest.mark.parametrize("what", ["modified", "staged", "untracked"])
    def test_a_tree_that_is_not_committed(self, project: Callable[..., Project], what: str) -> None:
        mine = project()
        write(mine.path / ("new.txt" if what == "untracked" else "left.txt"), "mine\n")
        if what == "staged":
            git(mine.path, "add", "--all")
        before = files(mine.path), git(mine.path, "status", "--porcelain")
        said = mine.drift("update", status=2).stderr
        assert "not committed. Commit it, or put it away" in said
        assert (files(mine.path), git(mine.path, "status", "--porcelain")) == before

    def test_a_project_without_a_repository(self, project: Callable[..., Project]) -> None:
        mine = project()
        shutil.rmtree(mine.path / ".git")
        assert "git init && git add --all && git commit" in mine.drift("update", status=2).stderr
        # Looking is possible all the same.
        assert mine.changes("--to", "v0.1.0") == {}

    def test_an_answer_that_is_not_offered_any_more(self, project: Callable[..., Project]) -> None:
        mine = project(color="blue")
        said = mine.drift("update", status=2).stderr
        assert (
            said
            == "Error: color was 'blue', which the template no longer offers. Add color=VALUE, one of red, green.\n"
        )
        assert git(mine.path, "status", "--porcelain") == ""
        mine.drift("update", "color=green")
        assert mine.record()["answers"]["color"] == "green"
        assert "in green" in (mine.path / "extra.txt").read_text()

    def test_what_the_template_refuses(self, project: Callable[..., Project]) -> None:
        mine = project(name="Refused", slug="my_thing")
        said = mine.drift("update", "color=green", status=2).stderr
        assert "green is not for Refused" in said
        assert git(mine.path, "status", "--porcelain") == ""

    def test_an_update_by_somebody_else(self, project: Callable[..., Project]) -> None:
        mine = project()
        with (mine.path / ".git/drift.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert "Another drift process is updating this project" in mine.drift("update", status=2).stderr
        mine.drift("update")


class TestQuestions:
    def test_new_ones_get_the_templates_answer(self, project: Callable[..., Project]) -> None:
        mine = project(owner="Bob Example", nickname="bobby")
        mine.record(answers=dict(reversed(mine.record()["answers"].items())))
        mine.commit()
        said = mine.drift("update", "--to", "v0.2.0").stdout
        assert "shape = round\nhas_corners = False\n" in said
        # In the order that they had, and new ones below.
        answers = {"author": "Bob Example", "use_extra": True, "color": "red", "slug": "my_thing", "name": "My Thing"}
        assert list(mine.record()["answers"].items()) == [*answers.items(), ("shape", "round"), ("has_corners", False)]
        # The renamed question has kept its answer.
        assert "By Bob Example." in (mine.path / "README.md").read_text()

    def test_new_ones_can_be_answered(self, project: Callable[..., Project]) -> None:
        mine = project()
        mine.drift("update", "--to", "v0.2.0", "shape=square", "has_corners=yes")
        assert mine.record()["answers"]["shape"] == "square"
        assert mine.record()["answers"]["has_corners"] is True
        assert (mine.path / "added.txt").read_text() == "square\n"

    def test_new_ones_are_asked_when_somebody_is_there(self, project: Callable[..., Project]) -> None:
        mine = project(color="blue")
        said = at_a_terminal(mine, ["update", "--to", "v0.2.0"], "2\ny\n2\n")
        assert "shape" in said
        assert mine.record()["answers"]["shape"] == "square"
        assert mine.record()["answers"]["has_corners"] is True
        assert mine.record()["answers"]["color"] == "green"
        assert (mine.path / "added.txt").read_text() == "square\n"
