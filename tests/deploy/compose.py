"""A project that runs with Docker Compose: on a Debian machine, or on this machine's own engine."""

import contextlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.conftest import Project
from tests.deploy.machine import Machine, machine
from tests.deploy.site_checks import PASSWORD
from tests.documents import sections
from tests.servers import free_port

COMPOSE = "cd /opt/my_project; docker compose --env-file .env.production"
MANAGE = f"{COMPOSE} exec -T web python manage.py"
BASE = "python:3.13-slim-trixie"
# Bytes; Docker counts in thousands.
LARGEST = 130_000_000
IMAGES = ["postgres:18-trixie", "redis:8-trixie", "nginx:1.30-trixie"]


@contextlib.contextmanager
def docker_machine(docker: str, folder: Path, project: Path, python: str) -> Iterator[Machine]:
    """Start a machine, and make the first start of a project on it as DEPLOYMENT.md says."""
    document = sections(project / "DEPLOYMENT.md")
    with machine(docker, folder) as running:
        running.push(project)
        running.trust()
        running.follow(document, "1. Install Docker")
        running.give_images(f"python:{python}-slim-trixie", *IMAGES)
        running.follow(document, "2. Get the project", "3. Make the settings")
        if (project / "config/settings/components/s3.py").exists():
            # There is no such bucket.
            running.run("echo BACKUPS_MEDIA=false >>/opt/my_project/.env.production")
        running.follow(document, "4. Make a certificate for the time being", "5. Build and start")
        running.follow(document, "6. Get a real certificate")
        createsuperuser, look = document["7. Make an account and look"]
        answers = {"Email address": "ann@example.com", "Password:": PASSWORD, "again": PASSWORD}
        assert "created successfully" in running.answer(createsuperuser, answers)
        running.run(look, user="admin")
        yield running


class Environment(Project):
    """A clone of the project with an environment of its own, running on this machine's engine."""

    def __init__(self, docker: str, source: Path, folder: Path, name: str) -> None:
        shutil.copytree(source, folder)
        super().__init__(folder)
        self.docker = docker
        self.name = name
        self.port = free_port()

    def configure(self) -> None:
        """Make its settings, and fill in what they leave open."""
        self.run("make", "env-production")
        file = self.path / ".env.production"
        text = re.sub(r"(?m)^(EMAIL_HOST|AWS_STORAGE_BUCKET_NAME)=.*", r"\1=example.com", file.read_text())
        text = text.replace("COMPOSE_PROJECT_NAME=my_project", f"COMPOSE_PROJECT_NAME={self.name}")
        # A balancer would speak HTTPS for it.
        ports = f"NGINX_HTTP_PORT=127.0.0.1:{self.port}\nNGINX_HTTPS_PORT=127.0.0.1:{free_port()}\nNGINX_HTTPS=false\n"
        file.write_text(text + ports)

    def remove(self) -> None:
        """Remove everything that the engine has of it."""
        self.compose("down", "--volumes", "--remove-orphans")
        subprocess.run([self.docker, "image", "rm", f"{self.name}:current"], check=True, capture_output=True)

    def compose(self, *command: str) -> str:
        """Return what a command of Compose prints."""
        return self.run(self.docker, "compose", "--env-file", ".env.production", *command).stdout

    def containers(self) -> dict[str, Any]:
        """Return what Docker tells of the containers, by service."""
        ids = self.compose("ps", "--all", "--quiet").split()
        found = json.loads(self.run(self.docker, "inspect", *ids).stdout)
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in found}

    def answers(self, command: str, network: str) -> bool:
        """Say whether a command in a container on a network of it ends well."""
        options = ["--rm", "--network", f"{self.name}_{network}", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
        run = [self.docker, "run", *options, f"{self.name}:current", "timeout", "5", "sh", "-euc", command]
        return subprocess.run(run, capture_output=True, check=False).returncode == 0
