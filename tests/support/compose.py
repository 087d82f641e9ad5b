"""A project that runs with Docker Compose: on a Debian machine, or on this machine's own engine."""

import contextlib
import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.conftest import Project
from tests.deploy.site_checks import PASSWORD
from tests.support.documents import sections
from tests.support.machine import Machine, machine
from tests.support.servers import free_port, wait_until

# The document that is followed.
GUIDE = "docs/deployment/docker.md"
COMPOSE = "cd /opt/my_project; docker compose --env-file .env.production"
MANAGE = f"{COMPOSE} exec -T web python manage.py"
BASE = "python:3.13-slim-trixie"
# Bytes; Docker counts in thousands.
LARGEST = 130_000_000
IMAGES = ["postgres:18-trixie", "redis:8-trixie", "nginx:1.30-trixie"]


class Snapshot(NamedTuple):
    """A machine on which a project has been built and started, stopped: what it takes to start copies of it."""

    image: str
    # The volumes of the machine's Docker engine and its containerd, which are no part of an image.
    engine: tuple[str, str]
    # The repository that the machine fetches the project from.
    repository: Path


# The engine would start its containers before the machine takes commands; see machine().
ENGINE_UNITS = "containerd.service docker.service docker.socket"


def take_snapshot(docker: str, folder: Path, project: Path, python: str) -> Snapshot:
    """Follow the guide on a fresh machine until the project has started; return what that machine becomes."""
    document = sections(project / GUIDE)
    name = f"slipway-compose-{uuid.uuid4().hex[:8]}"
    engine = (f"{name}-docker", f"{name}-containerd")
    # What a failed try has left would be pushed along.
    shutil.rmtree(folder / "repository", ignore_errors=True)
    with contextlib.ExitStack() as failing:
        failing.callback(subprocess.run, [docker, "volume", "rm", *engine], check=True, capture_output=True)
        with machine(docker, folder, engine=engine) as running:
            running.push(project)
            running.follow(document, "1. Install Docker")
            running.give_images(f"python:{python}-slim-trixie", *IMAGES)
            running.follow(document, "2. Clone the project", "3. Create the settings")
            running.follow(document, "4. Create a temporary certificate", "5. Build and start")
            running.run(f"systemctl --quiet disable {ENGINE_UNITS}")
            subprocess.run([docker, "stop", "--time", "120", running.container], check=True, capture_output=True)
            subprocess.run([docker, "commit", running.container, name], check=True, capture_output=True)
        failing.pop_all()
    return Snapshot(name, engine, running.repository)


def remove_snapshot(docker: str, snapshot: Snapshot) -> None:
    """Remove a snapshot from the engine."""
    for command in (["image", "rm", "--force", snapshot.image], ["volume", "rm", *snapshot.engine]):
        subprocess.run([docker, *command], check=True, capture_output=True)


@contextlib.contextmanager
def docker_machine(docker: str, folder: Path, snapshot: Snapshot) -> Iterator[Machine]:
    """Start a copy of a snapshot, and follow the guide from there to its end; remove it at the end."""
    engine = [f"{volume}-{uuid.uuid4().hex[:8]}" for volume in snapshot.engine]
    try:
        for source, copy in zip(snapshot.engine, engine, strict=True):
            volumes = ["--volume", f"{source}:/source:ro", "--volume", f"{copy}:/copy"]
            command = [docker, "run", "--rm", *volumes, snapshot.image, "cp", "--archive", "/source/.", "/copy/"]
            subprocess.run(command, check=True, capture_output=True)
        with machine(docker, folder, image=snapshot.image, engine=engine) as running:
            shutil.copytree(snapshot.repository, running.repository, symlinks=True)
            running.run(f"systemctl --quiet enable --now {ENGINE_UNITS}")
            wait_until(running.is_reached, 120, "the start of the containers")
            go_public(running)
            yield running
    finally:
        subprocess.run([docker, "volume", "rm", *engine], check=True, capture_output=True)


def go_public(running: Machine) -> None:
    """Get a certificate that the world trusts and make an account, as the last steps of the guide say."""
    document = sections(running.repository / GUIDE)
    # It keeps nothing, so each start of a machine has an authority of its own.
    running.trust()
    running.follow(document, "6. Get a certificate")
    createsuperuser, look = document["7. Create an account and check the site"]
    answers = {"Email address": "ann@example.com", "Password:": PASSWORD, "again": PASSWORD}
    assert "created successfully" in running.answer(createsuperuser, answers)
    running.run(look, user="admin")


def share_wheels(running: Machine, base: str) -> None:
    """Give builds from an image ``base`` on a machine what pip has compiled for the machine's image: psycopg.

    That takes a minute. pip uses a compiled package of its cache only if it comes of a file with the right hash.
    """
    mount = "RUN --mount=type=cache,target=/root/.cache/pip cp -R /pip/. /root/.cache/pip"
    running.run(f"""
        mkdir /root/wheels
        cp -r /var/cache/pip /root/wheels/
        printf '%s\\n' 'FROM {base}' 'COPY pip /pip' '{mount}' >/root/wheels/Dockerfile
        docker build --quiet /root/wheels
        rm -r /root/wheels
    """)


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
