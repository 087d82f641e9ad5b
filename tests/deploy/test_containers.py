"""The image and the containers, as their linters and Docker itself read them."""

import errno
import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project, tool
from tests.support import passwords
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


def test_containers_get_the_passwords_that_were_written(
    bake: Callable[..., Project], docker: str, tmp_path: Path
) -> None:
    shutil.copytree(bake(deployment="docker").path, tmp_path / "project")
    project = Project(tmp_path / "project")
    project.run("make", "env-production")
    values = passwords.write(project, ".env.production")
    # As the services have them: from env_file, and put into a value by Compose.
    interpolated = "\n".join(f"      COPY_{name}: ${{{name}}}" for name in values)
    (project.path / "compose.yaml").write_text(
        f"services:\n  one:\n    image: none\n    env_file: .env.production\n    environment:\n{interpolated}\n"
    )
    command = [
        docker,
        "compose",
        "--file",
        "compose.yaml",
        "--env-file",
        ".env.production",
        "config",
        "--format",
        "json",
    ]
    environment = json.loads(project.run(*command).stdout)["services"]["one"]["environment"]
    # config writes what can be read again, in which $$ stands for $.
    read = {name: value.replace("$$", "$") for name, value in environment.items()}
    assert {name: read[name] for name in values} == values
    assert {name: read[f"COPY_{name}"] for name in values} == values


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
    default = "server { listen 80 default_server; listen [::]:80 default_server; return 421; }"
    main.write_text(f"events {{}}\nhttp {{ server_tokens off; {default} include {tmp_path}/site.conf; }}\n")
    assert "No issues found" in project.run(tool("gixy"), "--format", "text", main).stdout


def test_nginx_starts_on_a_kernel_without_ipv6(bake: Callable[..., Project], docker: str, tmp_path: Path) -> None:
    """The system call for a socket of IPv6 fails as it does there."""
    project = bake(deployment="docker")
    refused: dict[str, Any] = {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EAFNOSUPPORT}
    refused["args"] = [{"index": 0, "value": int(socket.AF_INET6), "op": "SCMP_CMP_EQ"}]
    (tmp_path / "seccomp").write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [refused]}))
    (tmp_path / "ssl").mkdir()
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=example.com"]
    project.run(*new, "-keyout", tmp_path / "ssl/privkey.pem", "-out", tmp_path / "ssl/fullchain.pem")
    (tmp_path / "ssl/privkey.pem").chmod(0o644)

    def start(site: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Start nginx with the configuration of a site, and ask it on both ports by a name that it has not."""
        folder = tmp_path / site / str(len(environment))
        folder.mkdir(parents=True)
        project.run("deploy/nginx/render", folder, "example.com,www.example.com", site, **environment)
        for name in ("headers-http.conf", "headers-server.conf", "local.conf"):
            (folder / name).touch()
        files = {
            project.path / "deploy/docker/nginx/nginx.conf": "/etc/nginx/nginx.conf",
            project.path / "deploy/nginx": "/etc/nginx/snippets",
            folder: "/etc/nginx/my_project",
            tmp_path / "ssl": "/etc/ssl/my_project",
        }
        mounts = [word for source, target in files.items() for word in ("--volume", f"{source}:{target}:ro")]
        options = ["--rm", "--security-opt", f"seccomp={tmp_path / 'seccomp'}", "--entrypoint", "sh", *mounts]
        script = "nginx && curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1/nowhere/"
        command = [docker, "run", *options, "nginx:1.30-trixie", "-euc", script]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    without = {"IPV6_INTERFACES": str(tmp_path / "nothing")}
    for site in ("site.conf", "http-only.conf"):
        result = start(site, **without)
        assert (result.returncode, result.stdout) == (0, "421"), result.stderr
    # Elsewhere it listens on IPv6 too.
    assert "Address family not supported" in start("site.conf").stderr
