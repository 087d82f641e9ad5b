"""``drift diff``: the lines, in three kinds."""

from collections.abc import Callable

from tests.drift.history import Project, replace, write


def test_the_three_kinds_are_told_apart(project: Callable[..., Project]) -> None:
    mine = project()
    replace(mine.path / "left.txt", "line 28\n", "my line\n")
    replace(mine.path / "old_name.txt", "line 28\n", "my line\n")
    write(mine.path / "own.txt", "mine\n")
    (mine.path / "empty").unlink()
    said = mine.drift("diff", "--to", "v0.2.0").stdout
    brought, _, rest = said.partition("# What the project changed: 3 files\n")
    own, _, both = rest.partition("# What both changed: 1 file\n")
    assert brought.startswith("# What the template would bring: 13 files\n")
    assert "-line 3\n+line three\n" in brought
    assert "rename from package/two.py\nrename to library/two.py\n" in brought
    assert "old mode 100644\nnew mode 100755\n" in brought
    assert "Binary files a/image.bin and b/image.bin differ" in brought
    assert "-line 28\n+my line\n" in own
    assert "+++ b/own.txt\n@@ -0,0 +1 @@\n+mine\n" in own
    assert "deleted file mode 100644" in own
    theirs, _, ours = both.partition("# old_name.txt: by the project\n")
    assert theirs.startswith("\n# old_name.txt: by the template\n")
    assert "rename to new_name.txt" in theirs
    assert "-line 3\n+line three\n" in theirs
    assert "-line 28\n+my line\n" in ours
    assert "\x1b" not in said


def test_files_and_folders_can_be_chosen(project: Callable[..., Project]) -> None:
    mine = project()
    assert "one.py" in mine.drift("diff", "package").stdout
    assert "edited.txt" not in mine.drift("diff", "package").stdout
    assert "one.py" in mine.drift("diff", "one.py", cwd="package").stdout
    assert mine.drift("diff", "left.txt").stdout == ""
    refused = mine.drift("diff", "nowhere.txt", status=2).stderr
    assert refused == "Error: nowhere.txt is neither in the project nor in its template. Name a file or a folder.\n"


def test_nothing_differs(project: Callable[..., Project]) -> None:
    assert project("v0.3.0").drift("diff").stdout == ""
