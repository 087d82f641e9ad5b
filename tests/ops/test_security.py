"""What scanners find in a project, held to what SECURITY-FINDINGS.md says of it."""

import json
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.conftest import Project, tool
from tests.support.combinations import ALL_OFF, ALL_ON, Answers, name_of

# Its dependencies go with no other program's, so that it cannot be in requirements/test.txt.
CHECKOV = "checkov==3.3.30"


@pytest.mark.parametrize("answers", [ALL_ON, ALL_OFF], ids=name_of)
def test_what_bandit_finds_is_explained(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    scan = [tool("bandit"), "--quiet", "--recursive", ".", "--exclude", "./tests"]
    scan += ["--severity-level", "medium", "--format", "json"]
    result = subprocess.run(scan, cwd=project.path, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    report = json.loads(result.stdout)
    assert report["errors"] == []
    found = {(one["filename"].removeprefix("./"), one["test_id"]) for one in report["results"]}
    told = project.read("SECURITY-FINDINGS.md")
    rows = re.findall(r"^\| `([\w./]+)` \| (B\d+(?:, B\d+)*) \| \S", told, re.MULTILINE)
    assert found == {(name, rule) for name, rules in rows for rule in rules.split(", ")}


@pytest.mark.parametrize(
    "answers",
    [ALL_ON, ALL_ON | {"ci_provider": "gitlab"}, ALL_OFF | {"ci_provider": "github"}],
    ids=["github", "gitlab", "least"],
)
def test_checkov_finds_nothing(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    scan = ["--directory", ".", "--skip-download", "--compact", "--quiet", "--output", "json"]
    scan += ["--framework", "dockerfile", "github_actions", "gitlab_ci", "secrets", "yaml", "json"]
    said = project.run(tool("uv"), "tool", "run", "--quiet", "--from", CHECKOV, "checkov", *scan).stdout
    reports = json.loads(said)
    reports = reports if isinstance(reports, list) else [reports]
    assert [report["results"]["failed_checks"] for report in reports] == [[] for _ in reports]
    checked = {report["check_type"]: report["summary"]["passed"] for report in reports}
    provider = {"github": "github_actions", "gitlab": "gitlab_ci"}[answers["ci_provider"]]
    assert checked[provider] > 0
    assert ("dockerfile" in checked) == ("docker" in answers["deployment"])
