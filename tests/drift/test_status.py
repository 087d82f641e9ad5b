"""``drift status``: what it reports, and what it takes for the project's own business."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, clean_environment
from tests.drift.history import ODD, Project, Template, commit_all, git, replace, write
from tests.drift.terminal import at_a_terminal


def test_an_untouched_project_has_nothing_to_report(project: Callable[..., Project]) -> None:
    mine = project("v0.3.0")
    said = mine.drift("status", "--exit-code").stdout
    assert "Nothing to report" in said
    assert "recorded  0.3.0" in said
    assert ", the newest\n" in said
    found = mine.status()
    assert found["recorded"] == found["newest"]
    assert (found["drifted"], found["changes"], found["expected"], found["upgrade_notes"]) == (False, [], [], [])


def test_what_the_template_changed(project: Callable[..., Project]) -> None:
    mine = project()
    said = mine.drift("status", "--to", "v0.2.0", "--exit-code", status=1).stdout
    assert "recorded  0.1.0" in said
    assert "1 commit later" in said
    for line in [
        "Changed by the template: 14\n",
        "  A  added.txt\n",
        "  M  becomes_program.sh\n",
        "  D  removed.txt\n",
        "  R  old_name.txt → new_name.txt\n",
        "  R  package/one.py → library/one.py\n",
        '  M  odd "name"\\n é $(id) \\xff.txt\n',
        "Questions that are new, with the template's answer: 2\n  shape = round\n  has_corners = False\n",
        "Questions that are not asked any more: 1\n  nickname\n",
        "Questions that have another name: 1\n  owner → author\n",
    ]:
        assert line in said
    found = mine.status("--to", "v0.2.0")
    assert {change["kind"] for change in found["changes"]} == {"template"}
    assert found["questions"] == {
        "new": {"shape": "round", "has_corners": False},
        "removed": ["nickname"],
        "renamed": {"owner": "author"},
        "gone": {},
    }


def test_an_answer_that_is_not_offered_any_more(project: Callable[..., Project]) -> None:
    mine = project(color="blue")
    assert "color = blue (now: red, green)" in mine.drift("status").stdout
    assert mine.status()["questions"]["gone"] == {"color": "blue"}


def test_what_the_project_changed(project: Callable[..., Project]) -> None:
    mine = project("v0.3.0")
    replace(mine.path / "edited.txt", "line 28\n", "my line\n")
    (mine.path / "left.txt").unlink()
    write(mine.path / "own/file.txt", "mine\n")
    (mine.path / "extra.txt").chmod(0o755)
    (mine.path / "new_name.txt").rename(mine.path / "another_name.txt")
    said = mine.drift("status", "--exit-code", status=1).stdout
    assert "Changed by the project: 3\n  R  new_name.txt → another_name.txt\n  M  edited.txt\n  M  extra.txt\n" in said
    assert "Missing: removed from the project: 1\n  D  left.txt\n" in said
    assert "Extra: not from the template: 1\n  A  own/file.txt\n" in said
    # It is the same once it is committed, and where there is no repository.
    before = mine.status()
    mine.commit()
    assert mine.status() == before
    shutil.rmtree(mine.path / ".git")
    assert mine.status() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda path: replace(path / "edited.txt", "line 28\n", "my line\n"),
        lambda path: write(path / "image.bin", b"\0"),
        lambda path: (path / "program.sh").chmod(0o644),
        lambda path: (path / "empty").unlink(),
        lambda path: write(path / "new", ""),
        lambda path: (path / "link").unlink(),
        lambda path: write(path / ODD, "mine\n"),
    ],
    ids=["a line", "a binary file", "a mode", "a missing file", "an extra file", "a link", "an odd name"],
)
def test_every_difference_counts(project: Callable[..., Project], change: Callable[[Path], None]) -> None:
    mine = project("v0.3.0")
    change(mine.path)
    mine.drift("status", "--exit-code", status=1)
    assert len(mine.changes()) == 1


def test_what_both_changed(project: Callable[..., Project]) -> None:
    mine = project()
    replace(mine.path / "edited.txt", "line 28\n", "my line\n")
    replace(mine.path / "old_name.txt", "line 28\n", "my line\n")
    replace(mine.path / "removed.txt", "line 28\n", "my line\n")
    (mine.path / "package/one.py").unlink()
    (mine.path / "package/two.py").rename(mine.path / "mine.py")
    said = mine.drift("status", "--to", "v0.2.0").stdout
    assert (
        "Changed by both: 5\n"
        "  MM edited.txt\n"
        "  RR package/two.py → mine.py (the template: → library/two.py)\n"
        "  RM old_name.txt (the template: → new_name.txt)\n"
        "  RD package/one.py (the template: → library/one.py)\n"
        "  DM removed.txt\n"
    ) in said


def test_line_endings_are_no_difference(project: Callable[..., Project]) -> None:
    mine = project("v0.3.0")
    for name in ("edited.txt", "README.md"):
        path = mine.path / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert mine.changes() == {}
    git(mine.path, "config", "core.autocrlf", "true")
    assert mine.changes() == {}


def test_what_is_ignored_is_left_alone(project: Callable[..., Project], generated: Callable[..., Path]) -> None:
    mine = project()
    write(mine.path / ".driftignore", "# What is ours\n/library/\nmine*\n/edited.txt\n!mine_not\n")
    for name in ("mine.txt", "deep/mine", "mine_not", "edited.txt"):
        write(mine.path / name, "mine\n")
    mine.commit()
    found = mine.changes("--to", "v0.2.0")
    assert found["mine_not"] == "extra"
    assert not {".driftignore", "mine.txt", "deep/mine", "edited.txt", "library/one.py", "library/two.py"} & set(found)
    mine.drift("update", "--to", "v0.2.0")
    assert (mine.path / "edited.txt").read_text() == "mine\n"
    assert not (mine.path / "library").exists()


def test_allowed_changes_are_not_reported_and_still_updated(project: Callable[..., Project]) -> None:
    mine = project()
    write(mine.path / ".driftallow", "/edited.txt\n/extra.txt\n/left.txt\n/own/\n")
    for name in ("edited.txt", "extra.txt", "program.sh"):
        replace(mine.path / name, "line 28\n" if name != "program.sh" else "echo 4", "mine\n")
    (mine.path / "left.txt").unlink()
    write(mine.path / "own/file.txt", "mine\n")
    mine.commit()
    assert mine.changes("--to", "v0.1.0") == {"program.sh": "project"}
    # What the template does to it is told, and comes.
    assert mine.changes("--to", "v0.2.0")["edited.txt"] == "both"
    mine.drift("update", "--to", "v0.2.0")
    assert {"line three", "mine"} <= set((mine.path / "edited.txt").read_text().splitlines())
    assert mine.changes("--to", "v0.2.0") == {"program.sh": "project"}


def test_former_name_of_driftallow_works_with_a_note(project: Callable[..., Project]) -> None:
    mine = project("v0.3.0")
    replace(mine.path / "edited.txt", "line 28\n", "mine\n")
    write(mine.path / ".driftexpected", "/edited.txt\n")
    found = mine.status("--exit-code")
    assert [change["path"] for change in found["expected"]] == ["edited.txt"]
    assert (found["changes"], found["drifted"]) == ([], False)
    [note] = found["notes"]
    assert note.endswith("Rename the file: git mv .driftexpected .driftallow")
    (mine.path / ".driftexpected").rename(mine.path / ".driftallow")
    found = mine.status("--exit-code")
    assert (found["changes"], found["notes"]) == ([], [])
    # Both names together allow the files of either.
    write(mine.path / "extra.txt", "mine\n")
    write(mine.path / ".driftexpected", "/extra.txt\n")
    assert mine.status("--exit-code")["changes"] == []


@pytest.mark.parametrize("names", [("project_owned", "shared", "project_paths"), ("rewritten", "extended", "folders")])
class TestOwned:
    """Files that the template declares the project's own, under present and former names of the settings."""

    @pytest.fixture
    def mine(self, template: Template, project: Callable[..., Project], names: tuple[str, str, str]) -> Project:
        patterns = [["/README.md", "/left.txt"], ["/edited.txt", "/extra.txt"], ["/own/"]]
        template.questions(_drift={"renamed": {"owner": "author"}, **dict(zip(names, patterns, strict=True))})
        commit_all(template.folder)
        return project(template=template)

    def test_it_is_no_drift(self, mine: Project) -> None:
        mine.drift("update")
        write(mine.path / "README.md", "# Mine\n")
        write(mine.path / "own/deep/file.txt", "mine\n")
        (mine.path / "left.txt").unlink()
        write(mine.path / "extra.txt", "mine\n")
        found = mine.status("--exit-code")
        assert {change["path"] for change in found["expected"]} == {
            "README.md",
            "own/deep/file.txt",
            "left.txt",
            "extra.txt",
        }
        assert found["changes"] == []

    def test_an_update_leaves_what_the_project_made_its_own(self, mine: Project) -> None:
        write(mine.path / "README.md", "# Mine\n")
        replace(mine.path / "edited.txt", "line 28\n", "my line\n")
        mine.commit()
        found = mine.changes()
        assert found["edited.txt"] == "both"
        assert "README.md" not in found
        mine.drift("update")
        assert (mine.path / "README.md").read_text() == "# Mine\n"
        assert {"line three\n", "my line\n"} <= set((mine.path / "edited.txt").read_text().splitlines(keepends=True))
        assert "edited.txt" not in mine.changes()

    def test_an_update_brings_what_the_project_left_alone(self, mine: Project) -> None:
        assert mine.changes()["README.md"] == "template"
        mine.drift("update")
        assert "line three\n" in (mine.path / "README.md").read_text()


class TestTerminal:
    def test_the_report_is_one_screen(self, project: Callable[..., Project]) -> None:
        mine = project(color="blue")
        for number in range(60):
            write(mine.path / f"own/{number}.txt", "mine\n")
        said = at_a_terminal(mine, ["status"])
        assert "Extra: not from the template: 60\n" in said
        assert said.count("\n") < 24
        mine.commit()
        mine.drift("update", "color=red")
        said = at_a_terminal(mine, ["status"])
        assert "more, which --json and --html show" in said
        assert 18 < said.count("\n") < 24

    def test_elsewhere_it_is_whole(self, project: Callable[..., Project]) -> None:
        mine = project()
        for number in range(60):
            write(mine.path / f"own/{number}.txt", "mine\n")
        said = mine.drift("status").stdout
        assert all(f"  A  own/{number}.txt\n" in said for number in range(60))
        assert "\x1b" not in said


def test_whoever_reads_may_stop(project: Callable[..., Project]) -> None:
    mine = project()
    for number in range(3000):
        write(mine.path / f"own/a_name_that_is_rather_long_{number}.txt", "")
    command = f"set -o pipefail; {sys.executable} -m drift status | head -1"
    said = subprocess.run(
        ["bash", "-c", command],
        cwd=mine.path,
        env=clean_environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert (said.stdout.count("\n"), said.stderr) == (1, "")


def test_it_is_asked_from_anywhere_in_the_project(project: Callable[..., Project]) -> None:
    mine = project("v0.3.0")
    assert "Nothing to report" in mine.drift("status", cwd="library").stdout


def test_a_project_in_a_folder_of_a_repository(project: Callable[..., Project]) -> None:
    mine = project()
    shutil.rmtree(mine.path / ".git")
    above = mine.path.parent / "above"
    (above / "-projects").mkdir(parents=True)
    mine.path = mine.path.rename(above / "-projects/my_thing")
    write(above / "other.txt", "not of the project\n")
    commit_all(above)
    write(above / "other.txt", "changed, which does not matter\n")
    replace(mine.path / "edited.txt", "line 3\n", "my line 3\n")
    git(above, "commit", "--quiet", "--message", "Change", "--", "-projects")
    mine.drift("update", status=1)
    # Another command leaves the update that is under way alone.
    mine.drift("update", status=2)
    write(mine.path / "edited.txt", "solved\n")
    mine.drift("update", "--continue")
    assert mine.changes() == {"edited.txt": "project"}
    write(above / "other.txt", "not of the project\n")
    commit_all(above)
    # Where that repository ignores the project, it is no part of it.
    git(above, "rm", "-r", "-q", "--cached", "--", "-projects")
    write(above / ".gitignore", "/-projects/\n")
    assert mine.changes() == {"edited.txt": "project"}
    assert "not in a git repository" in mine.drift("update", status=2).stderr


def test_what_git_ignores_is_not_the_projects(project: Callable[..., Project]) -> None:
    mine = project("v0.3.0")
    write(mine.path / ".git/info/exclude", "*.log\nleft.txt\n")
    write(mine.path / "a.log", "noise\n")
    assert mine.changes() == {}
    # What the template makes is, even so.
    git(mine.path, "rm", "-q", "--cached", "left.txt")
    write(mine.path / "left.txt", "mine\n")
    assert mine.changes() == {"left.txt": "project"}


def test_upgrade_notes_are_shown_under_either_heading(template: Template, project: Callable[..., Project]) -> None:
    changelog = "".join(
        f"## {version}\n\n- Something.\n\n### {heading}\n\n{text}\n\n"
        for version, heading, text in [
            ("0.4.0", "Upgrade notes", "- Run `make four`,\n  then `make five`."),
            ("0.3.0", "Upgrade notes", "Nothing."),
            ("0.2.0", "By hand", "- Run `make two`."),
            ("0.1.0", "By hand", "- Not again."),
        ]
    )
    write(template.folder / "CHANGELOG.md", f"# Changelog\n\n{changelog}")
    template.release("0.4.0")
    mine = project(template=template)
    assert mine.status("--to", "v0.3.0")["upgrade_notes"] == []
    found = mine.status()
    assert found["by_hand"] == found["upgrade_notes"]
    assert found["upgrade_notes"] == [
        {"version": "0.2.0", "text": "- Run `make two`."},
        {"version": "0.4.0", "text": "- Run `make four`,\n  then `make five`."},
    ]
    steps = "0.2.0: - Run `make two`.\n  0.4.0: - Run `make four`,\n  0.4.0:   then `make five`.\n"
    assert f"Upgrade notes: 3\n  {steps}" in mine.drift("status").stdout
    said = mine.drift("update").stdout
    assert "Upgrade notes of 0.2.0:\n- Run `make two`.\n" in said
    assert "Upgrade notes of 0.4.0:\n- Run `make four`,\n  then `make five`.\n" in said
    assert "Not again" not in said


def test_unreleased_upgrade_notes_are_shown_once(template: Template, project: Callable[..., Project]) -> None:
    def changelog(*sections: str) -> None:
        write(template.folder / "CHANGELOG.md", "# Changelog\n\n" + "\n\n".join(sections) + "\n")

    one, two, three = "- Run `make one`:\n\n      make one\n", "- Run `make two`.", "- Run `make three`."
    released = "## 0.3.0 (2026-01-01)\n\n### Upgrade notes\n\n- Not again."
    changelog(f"## Unreleased\n\n### Upgrade notes\n\n{one}\n### What is new\n\n- A thing.", released)
    commit_all(template.folder)
    mine = project("v0.3.0", template)
    assert mine.status("--to", "v0.3.0")["upgrade_notes"] == []
    assert mine.status()["upgrade_notes"] == [{"version": "Unreleased", "text": one.strip()}]
    said = mine.drift("update").stdout
    assert "Upgrade notes, not released yet:\n- Run `make one`:\n\n      make one\n" in said
    mine.commit()
    assert mine.status("--exit-code")["upgrade_notes"] == []
    # What was shown before the release is not shown after it.
    changelog(f"## [Unreleased]\n\n### Upgrade notes\n\n{three}", f"## 0.4.0\n\n### Upgrade notes\n\n{two}\n{one}")
    template.release("0.4.0")
    assert mine.status()["upgrade_notes"] == [
        {"version": "0.4.0", "text": two},
        {"version": "Unreleased", "text": three},
    ]


class TestRecord:
    """A record that somebody has broken."""

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("{", ".cookiecutter.json is not JSON: "),
            ("\udcff", ".cookiecutter.json is not JSON: "),
            ("[]", ".cookiecutter.json is not a JSON object; "),
            ("{}", '.cookiecutter.json has no "template", the address of the template; '),
            ('{"template": "/t", "commit": 7}', '"commit" in .cookiecutter.json is 7, not a commit of 40 '),
            ('{"template": "/t", "commit": "main"}', "\"commit\" in .cookiecutter.json is 'main', not a commit of 40 "),
            ('{"template": "/t", "commit": null}', '.cookiecutter.json has no "answers"; '),
            ('{"template": "/t", "answers": {}}', ".cookiecutter.json records no commit: "),
        ],
    )
    def test_it_is_refused(self, tmp_path: Path, text: str, said: str) -> None:
        path = tmp_path / ".cookiecutter.json"
        path.write_bytes(text.encode(errors="surrogateescape"))
        mine = object.__new__(Project)
        mine.path = mine.cache = tmp_path
        for command in ("status", "diff", "link"):
            if command == "link" and "records no commit" in said:
                continue
            refusal = mine.drift(command, status=2).stderr
            assert refusal.startswith(f"Error: {said}")
            assert "drift link" in refusal
            assert refusal.count("\n") == 1

    def test_there_is_none(self, tmp_path: Path) -> None:
        mine = object.__new__(Project)
        mine.path = mine.cache = tmp_path
        assert "There is no .cookiecutter.json here or in a folder above" in mine.drift("status", status=2).stderr

    def test_an_answer_that_was_broken(self, project: Callable[..., Project]) -> None:
        mine = project()
        mine.record(answers={"name": "My Thing", "slug": "my_thing", "color": 7, "use_extra": "perhaps"})
        said = mine.drift("status", status=2).stderr
        assert said.startswith("Error: The template's 0.1.0")
        assert "cannot be generated with these answers" in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        ([], '"_drift" in the template\'s cookiecutter.json is not a JSON object. Correct it there.'),
        (
            {"shared": "/apps/"},
            '"shared" in "_drift" of the template\'s cookiecutter.json is not a list of strings.',
        ),
        ({"renamed": ["a"]}, '"renamed" in "_drift" of the template\'s cookiecutter.json is not an object of strings.'),
        ({"rewritten": [1]}, '"rewritten" in "_drift" of the template\'s cookiecutter.json is not a list of strings.'),
    ],
)
def test_what_the_template_says_may_be_wrong(
    template: Template, project: Callable[..., Project], drift: object, said: str
) -> None:
    template.questions(_drift=drift)
    commit_all(template.folder)
    assert project(template=template).drift("status", status=2).stderr == f"Error: {said}\n"


def test_json_is_for_programs(project: Callable[..., Project]) -> None:
    mine = project("v0.3.0")
    write(mine.path / 'a "\udcff\n', "mine\n")
    [change] = json.loads(mine.drift("status", "--json").stdout)["changes"]
    assert change == {
        "kind": "extra",
        "path": 'a "\udcff\n',
        "template": "",
        "project": "A",
        "origin": "",
        "renamed": "",
    }
