"""What a forge reads: owners, forms for issues and reviews, and the template's own workflow."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Project, tool
from tests.support.combinations import ALL_OFF, ALL_ON, Answers, each_feature, name_of

WITH_OWNERS = [answers for answers in each_feature() if answers["ci_provider"] != "none"]


@pytest.mark.parametrize("answers", WITH_OWNERS, ids=name_of)
def test_the_owners_own_what_is_there(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    text = project.read(f".{answers['ci_provider']}/CODEOWNERS")
    everything, *lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert everything == "* author@example.com"
    assert len(lines) > 8
    for line in lines:
        [pattern] = re.findall(r"^/(\S+) author@example\.com$", line)
        found = list(project.path.glob(pattern.rstrip("/")))
        assert {path.is_dir() for path in found} == {pattern.endswith("/")}, line


def test_github_and_gitlab_have_the_same_forge_configuration(bake: Callable[..., Project]) -> None:
    github, gitlab = bake(**ALL_ON), bake(**ALL_ON | {"ci_provider": "gitlab"})
    form = github.read(".github/pull_request_template.md")
    assert form == gitlab.read(".gitlab/merge_request_templates/Default.md")
    assert re.findall(r"^- \[ \] \*\*(.*?)\*\*:", form, re.MULTILINE) == [
        "It is tested",
        "It is told",
        "The environment is read robustly",
        "Migrations always run",
        "Production's configuration is verified",
        "Errors are handled",
        "No sensitive data",
    ]
    owners = github.read(".github/CODEOWNERS").split("/.github/")[0]
    assert owners == gitlab.read(".gitlab/CODEOWNERS").split("/.gitlab/")[0]


def check_with_schema(schema: str, *paths: Path) -> None:
    """Hold files against a schema that check-jsonschema brings."""
    command = [tool("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("answers", [None, ALL_ON, ALL_OFF | {"ci_provider": "github"}], ids=["template", "on", "off"])
def test_the_issue_forms_are_what_github_takes(bake: Callable[..., Project], answers: Answers | None) -> None:
    folder = (bake(**answers).path if answers else ROOT) / ".github" / "ISSUE_TEMPLATE"
    assert {path.name for path in folder.iterdir()} == {"bug.yml", "feature.yml", "config.yml"}
    check_with_schema("github-issue-config", folder / "config.yml")
    for path in (folder / "bug.yml", folder / "feature.yml"):
        check_with_schema("github-issue-forms", path)
        questions = [part for part in yaml.safe_load(path.read_text())["body"] if part["type"] != "markdown"]
        assert len({part["id"] for part in questions}) == len({part["attributes"]["label"] for part in questions}) > 2


def actions(folder: Path) -> dict[str, str]:
    """Return the action of each step of the workflows in a folder, with what it is pinned to."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob(".github/workflows/*.yml")))
    uses = re.findall(r"uses: (\S+)@([0-9a-f]{40} # v\d+\.\d+\.\d+)$", text, re.MULTILINE)
    assert len(uses) == len(re.findall(r"uses: (?!\./)", text)) > 0
    found = dict(uses)
    assert set(found.items()) == set(uses), "one action, two versions"
    return found


def test_the_templates_workflow(bake: Callable[..., Project]) -> None:
    workflow = ROOT / ".github/workflows/ci.yml"
    check_with_schema("github-workflows", workflow)
    check_with_schema("dependabot", ROOT / ".github/dependabot.yml")
    subprocess.run([tool("zizmor"), "--offline", "--pedantic", "--quiet", ROOT / ".github"], check=True)
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert commands == ["make lint", 'sudo env "PATH=$PATH" .ci/run']
    # Dependabot sees only the template's own; this brings the projects' along.
    own, projects = actions(ROOT), actions(bake(**ALL_ON).path)
    assert {name: pin for name, pin in projects.items() if name in own and own[name] != pin} == {}
