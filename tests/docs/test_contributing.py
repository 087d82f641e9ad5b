"""How a change to a project is made: its CONTRIBUTING.md, followed word by word, and what git checks at a commit."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import IDENTITY, ROOT, Project, tool
from tests.support.combinations import ALL_OFF, ALL_ON, Answers, name_of
from tests.support.documents import shell_blocks

ON_GITLAB = ALL_ON | {"ci_provider": "gitlab"}
# In two parts, so that no check takes this file for a key.
KEY = "-----BEGIN PRIVATE" + " KEY-----\n"


class Clone(Project):
    """A clone of a project, in which somebody works who has uv."""

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in its root; fail, showing what it said, when the command fails."""
        path = f"{Path(tool('uv')).parent}:{os.environ['PATH']}"
        return super().run(*command, PATH=path, PRE_COMMIT_HOME=str(self.path.parent / "pre-commit"), **environment)

    def commit(self, name: str, text: str) -> str:
        """Commit a file with this text, even one that git is told to ignore; return what the hooks have said."""
        (self.path / name).write_text(text, encoding="utf-8")
        self.run("git", "add", "--force", name)
        return self.run("git", "commit", "--message", "Try").stderr


@pytest.fixture(scope="module")
def clone(bake: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Answers], Clone]:
    """Clone a project and do the first thing that its CONTRIBUTING.md says, once for each set of answers."""
    clones: dict[str, Clone] = {}

    def run(answers: Answers) -> Clone:
        if name_of(answers) not in clones:
            folder = tmp_path_factory.mktemp("documents")
            shutil.copytree(bake(**answers).path, folder / "origin")
            origin, cloned = Project(folder / "origin"), Clone(folder / "clone")
            origin.run("git", "init", "--quiet")
            origin.run("git", "add", "--all")
            origin.run("git", *IDENTITY, "commit", "--quiet", "--message", "Generate the project")
            origin.run("git", "clone", "--quiet", ".", cloned.path)
            cloned.run("git", "config", "user.name", "Ann")
            cloned.run("git", "config", "user.email", "ann@example.com")
            cloned.run("sh", "-euc", shell_blocks(cloned.path / "CONTRIBUTING.md")[0])
            clones[name_of(answers)] = cloned
        return clones[name_of(answers)]

    return run


@pytest.fixture
def all_on(clone: Callable[[Answers], Clone]) -> Clone:
    """The clone of the project with everything, as it was committed first."""
    cloned = clone(ALL_ON)
    cloned.run("git", "switch", "--quiet", "--force", "--detach", "origin/HEAD")
    cloned.run("git", "clean", "--quiet", "--force", "-d")
    return cloned


@pytest.mark.parametrize("answers", [ALL_ON, ALL_OFF], ids=["all on", "all off"])
def test_the_contributing_of_a_project(clone: Callable[[Answers], Clone], answers: Answers) -> None:
    project = clone(answers)
    hooks, branch, checks = shell_blocks(project.path / "CONTRIBUTING.md")
    assert hooks == "make hooks\n"
    project.run("sh", "-euc", branch)
    # Its README has all tests run; which ones, the Makefile takes from ARGS.
    said = project.run("sh", "-euc", checks, ARGS="-m 'not performance and not servers' tests/unit").stdout
    assert "Success: no issues found" in said
    assert " passed" in said
    assert "System check identified no issues" in said
    assert project.run("git", "status", "--porcelain").stdout == ""
    assert "Python is clean" in project.commit("README.md", project.read("README.md") + "\nChanged.\n")


@pytest.mark.parametrize(
    "answers", [ALL_ON, ALL_OFF, ALL_ON | {"ci_provider": "gitlab"}], ids=["all on", "all off", "on gitlab"]
)
def test_the_hooks_accept_what_is_generated(clone: Callable[[Answers], Clone], answers: Answers) -> None:
    project = clone(answers)
    said = project.run(".venv/bin/pre-commit", "run", "--all-files", "--verbose").stdout
    assert said.count("Passed") == len(yaml.safe_load(project.read(".pre-commit-config.yaml"))["repos"][0]["hooks"]) - 1
    assert "no environment file..................................(no files to check)Skipped" in said
    assert project.run("git", "status", "--porcelain").stdout == ""


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (".env", "DEBUG=false\n", "It may hold secrets"),
        ("deploy/.env.staging", "DEBUG=false\n", "It may hold secrets"),
        ("key.txt", KEY, "Private key found: key.txt"),
        ("large.txt", "large\n" * 100_000, "large.txt (586 KB) exceeds 500 KB"),
        ("notes.txt", "<<<<<<< HEAD\n", "Merge conflict string"),
        ("a.yaml", "a: [\n", "while parsing a flow node"),
        ("a.toml", "a =\n", "a.toml: Invalid value"),
        ("a.json", "{\n", "a.json: Failed to json decode"),
        ("apps/core/a.py", "def double() -> int:\n    return twice\n", "F821 Undefined name `twice`"),
        ("templates/a.html", '<img src="a.png">\n', "H013"),
        ("deploy/a.sh", "#!/bin/sh\ncd $1\n", "SC2086"),
    ],
)
def test_the_hooks_refuse(all_on: Clone, name: str, text: str, said: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(said)):
        all_on.commit(name, text)
    assert all_on.run("git", "status", "--porcelain", "--", name).stdout == f"A  {name}\n"


@pytest.mark.parametrize(
    ("name", "text", "corrected"),
    [
        ("notes.txt", "blank \n", "blank\n"),
        ("notes.txt", "line", "line\n"),
        ("apps/core/a.py", "import os\n", ""),
        ("apps/core/a.py", "A = {'a':1}\n", 'A = {"a": 1}\n'),
        ("templates/a.html", "<p>\n<a>b</a></p>\n", "<p>\n    <a>b</a>\n</p>\n"),
    ],
)
def test_what_the_hooks_put_right_only_has_to_be_added(all_on: Clone, name: str, text: str, corrected: str) -> None:
    with pytest.raises(AssertionError, match="files were modified by this hook"):
        all_on.commit(name, text)
    assert all_on.read(name) == corrected
    assert "Failed" not in all_on.commit(name, all_on.read(name))


def test_the_contributing_of_the_template() -> None:
    [block] = shell_blocks(ROOT / "CONTRIBUTING.md")
    said = Project(ROOT).run("sh", "-euc", block).stdout
    assert "All checks passed!" in said
    assert " passed" in said
