"""How a project keeps up with its template: the page about it, followed word by word, with uv and its cache."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEMPLATE, Project, tool
from tests.drift.history import commit_all, git
from tests.support.combinations import ALL_OFF
from tests.support.documents import sections

PAGE = Path("docs/maintainers/template.md")
# What was resolved once needs no network again.
OFFLINE = {"UV_OFFLINE": "1"}


class Workshop(Project):
    """A project on which somebody works who has uv, and who is no CI."""

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in its root; fail, showing what it said, when the command fails."""
        path = f"{Path(tool('uv')).parent}:{os.environ['PATH']}"
        return super().run(*command, **{"PATH": path, "CI": ""} | environment)

    def follow(self, block: str, **environment: str) -> str:
        """Run a block of a document as it is written, and return what it says."""
        return self.run("sh", "-euc", block, **environment).stdout

    def change(self, name: str, pattern: str, replacement: str) -> None:
        """Replace the one match of a pattern in a file."""
        text, count = re.subn(pattern, replacement, self.read(name), flags=re.MULTILINE | re.DOTALL)
        assert count == 1, name
        (self.path / name).write_text(text, encoding="utf-8")

    def record(self) -> dict[str, Any]:
        """Return what is recorded of the template."""
        found: dict[str, Any] = json.loads(self.read(".cookiecutter.json"))
        return found


def improve(template: Path) -> str:
    """Make another version of the template, and return its commit."""
    copy = Workshop(template)
    copy.change("cookiecutter.json", '"_version": "[^"]+"', '"_version": "9.1.0"')
    section = "## 9.1.0 (2099-12-31)\n\n### Upgrade notes\n\nMeasure again.\n\n"
    copy.change("CHANGELOG.md", r"\A.*?\n(?=## )", rf"\g<0>{section}")
    room = Workshop(template / TEMPLATE.name)
    room.change("gunicorn.conf.py", r"^(?=keepalive = )", "# Measured in 9.1.0.\n")
    room.change(".editorconfig", "max_line_length = 120", "max_line_length = 100")
    for path in (room.path / "requirements").glob("*.txt"):
        room.change(f"requirements/{path.name}", r"^jsonschema==\S+", "jsonschema==99.0")
    (room.path / "docs" / "speed.md").write_text("# Speed\n")
    return commit_all(template)


@pytest.fixture
def project(generate: Callable[..., Any], clone: Path, tmp_path: Path) -> Workshop:
    """A project that has changed what its template then changes too."""
    commit_all(clone)
    result = generate("--no-input", template=clone, **ALL_OFF)
    assert result.returncode == 0, result.stderr
    project = Workshop(tmp_path / "my_project")
    project.change("pyproject.toml", '^(?=    "jsonschema)', '    "jsonpointer>=3",\n')
    project.run("make", "lock")
    project.change(".editorconfig", "max_line_length = 120", "max_line_length = 110")
    commit_all(project.path)
    git(project.path, "config", "user.name", "Ann")
    git(project.path, "config", "user.email", "ann@example.com")
    return project


def test_the_page_about_the_template(project: Workshop, clone: Path) -> None:
    began = project.record()["commit"]
    newest = improve(clone)
    page = sections(project.path / PAGE)
    [look, lines], [begin] = page["What differs"], page["1. Begin"]
    resolve, go_on, abort = page["2. Where both have changed the same lines"]
    [stage, commit], [answer] = page["3. Look at it, test it, commit it"], page["Another answer"]
    assert sum(map(len, page.values())) == 9

    said = project.follow(look)
    assert "  A  docs/speed.md" in said
    assert "  MM .editorconfig" in said
    assert "  9.1.0: Measure again." in said
    said = project.follow(lines)
    assert "+# Measured in 9.1.0." in said
    assert (project.path / "drift.html").stat().st_size > 10_000
    assert git(project.path, "status", "--porcelain") == ""

    with pytest.raises(AssertionError, match=r"(?s)\.editorconfig: both changed the same lines.*update --continue"):
        project.follow(begin)
    assert project.record()["commit"] == began
    project.follow(abort)
    assert git(project.path, "status", "--porcelain") == ""

    with pytest.raises(AssertionError, match=r"requirements/test.txt: both changed the same lines"):
        project.follow(begin.replace("git switch --create template-update\n", ""))
    project.change(".editorconfig", "<<<<<<< .*?=======\n(.*?)>>>>>>> [^\n]*\n", r"\1")
    project.follow(resolve, **OFFLINE)
    assert "Recorded in .cookiecutter.json." in project.follow(go_on)
    assert "+# Measured in 9.1.0." in project.follow(stage, **OFFLINE)
    said = project.follow(commit, ARGS="tests/unit -m 'not servers'")
    assert "Success: no issues found" in said
    assert " passed" in said
    assert git(project.path, "branch", "--show-current") == "template-update"
    assert git(project.path, "log", "-1", "--format=%s") == "Take over the changes of the template"
    assert (project.record()["commit"], project.record()["version"]) == (newest, "9.1.0")
    assert project.read("docs/speed.md") == "# Speed\n"
    assert "jsonpointer==" in project.read("requirements/production.txt")
    assert "jsonschema==99.0" not in project.read("requirements/production.txt")

    assert project.read(".python-version") == "3.13\n"
    project.follow(answer)
    project.follow(stage, **OFFLINE)
    assert project.read(".python-version") == "3.14\n"
    assert project.record()["answers"]["python_version"] == "3.14"
    assert project.record()["commit"] == newest
    commit_all(project.path)
    assert "Nothing to report" in project.run("make", "drift", "ARGS=status --exit-code").stdout
