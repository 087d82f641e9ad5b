"""The image and the containers, as their linters and Docker itself read them."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, tool
from tests.support.combinations import Answers, each_feature, name_of

WITH_DOCKER = [answers for answers in each_feature() if "docker" in answers["deployment"]]
with_docker = pytest.mark.parametrize("answers", WITH_DOCKER, ids=name_of)


@with_docker
def test_the_linters_find_nothing(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    assert project.run(tool("hadolint"), "Dockerfile").stdout == ""
    for name in ("compose.yaml", "compose.prod.yaml", "compose.host-expose.yaml"):
        report = json.loads(project.run(tool("compose-lint"), "--format", "json", name).stdout)
        serious = [finding for finding in report["findings"] if finding["severity"] in ("high", "critical")]
        assert serious == [], name


@with_docker
def test_nginx_is_there_with_its_profile_alone(
    bake: Callable[..., Project], docker: str, tmp_path: Path, answers: Answers
) -> None:
    shutil.copytree(bake(**answers).path, tmp_path / "project")
    project = Project(tmp_path / "project")
    project.run("make", "env-production")
    compose = [docker, "compose", "--env-file", ".env.production"]
    others = {"backup", "db", "migrate", "redis", "web"} | (
        {"beat", "broker", "worker"} if answers["use_celery"] else set()
    )
    assert set(project.run(*compose, "config", "--services").stdout.split()) == others | {"nginx"}
    assert set(project.run(*compose, "config", "--services", COMPOSE_PROFILES="").stdout.split()) == others
    host = {"COMPOSE_PROFILES": "", "COMPOSE_FILE": "compose.prod.yaml:compose.host-expose.yaml"}
    configuration = json.loads(project.run(*compose, "config", "--format", "json", **host).stdout)
    published = {name: one["ports"] for name, one in configuration["services"].items() if one.get("ports")}
    [[port]] = published.values()
    assert (port["host_ip"], port["published"]) == ("127.0.0.1", "8000")


def test_the_guard_keeps_a_file_that_is_not_finished_from_being_used(
    bake: Callable[..., Project], tmp_path: Path
) -> None:
    shutil.copytree(bake(deployment="docker").path, tmp_path / "project")
    project = Project(tmp_path / "project")
    assert "EMAIL_HOST" in project.run("make", "env-production").stdout
    for command in (["check-env"], ["build-prod"], ["up-prod"], ["check-env", "FILE=.env.production"]):
        result = subprocess.run(["make", *command], cwd=project.path, capture_output=True, text=True, check=False)
        assert result.returncode != 0
        assert "EMAIL_HOST" in result.stderr


def test_the_analyser_finds_nothing_in_the_site_behind_a_balancer(bake: Callable[..., Project], tmp_path: Path) -> None:
    """The site over HTTPS is looked at on a deployed machine."""
    project = bake(deployment="docker")
    project.run("deploy/nginx/render", str(tmp_path), "example.com,www.example.com", "http-only.conf")
    shutil.copy(project.path / "deploy/docker/nginx/local.conf", tmp_path)
    for name in ("headers-http.conf", "headers-server.conf"):
        (tmp_path / name).touch()
    for path in tmp_path.glob("*.conf"):
        path.write_text(path.read_text().replace("/etc/nginx/my_project/", f"{tmp_path}/"))
    main = tmp_path / "nginx.conf"
    main.write_text(f"events {{}}\nhttp {{\n    server_tokens off;\n    include {tmp_path}/site.conf;\n}}\n")
    assert "No issues found" in project.run(tool("gixy"), "--format", "text", main).stdout
