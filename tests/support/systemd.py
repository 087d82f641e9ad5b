"""A project that runs in services of systemd, on a Debian machine: deployed by scripts, or by hand."""

import contextlib
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.deploy.site_checks import PASSWORD
from tests.support.documents import sections
from tests.support.machine import Machine, machine
from tests.support.run_state import shared
from tests.support.servers import wait_until

HOSTS = ("example.com", "www.example.com")
# The document that is followed.
GUIDE = "docs/deployment/systemd.md"
BIN = "/srv/my_project/source/deploy/systemd/bin"
STATE = "/var/lib/my_project"
CERTIFICATE = "4. Get a certificate"
# What the guide shows under "Set up without the scripts" before it needs the certificate.
BEFORE_CERTIFICATE = [
    "Install the packages",
    "Create the user and the folders",
    "Create the database, Redis and the settings",
    "Install the units and the nginx site",
]


class Snapshot(NamedTuple):
    """A machine on which a project was deployed, stopped: what it takes to start copies of it."""

    image: str
    # The repository that the machine fetches the project from.
    repository: Path


def deploy_by_script(running: Machine) -> None:
    """Follow "First deployment" of the guide, whose release downloads and compiles what it needs."""
    document = sections(running.repository / GUIDE)
    steps = ["1. Clone the project", "2. Prepare the machine", "3. Complete the settings"]
    running.follow(document, *steps, CERTIFICATE)
    release, createsuperuser = document["5. Release"]
    running.run(release, user="admin", timeout=900)
    create_administrator(running, createsuperuser)
    running.follow(document, "6. Check the site")


def deploy_by_hand(running: Machine) -> None:
    """Follow "Set up without the scripts" of the guide, with the Python packages that the image has compiled."""
    document = sections(running.repository / GUIDE)
    give_wheels(running, "/root", "root")
    running.follow(document, "1. Clone the project", *BEFORE_CERTIFICATE, CERTIFICATE)
    running.follow(document, "Install the release", "6. Check the site")
    create_administrator(running, f"sudo {BIN}/manage createsuperuser")
    # For the releases that the scripts make later.
    give_wheels(running, STATE, "my_project")


def create_administrator(running: Machine, command: str) -> None:
    """Answer what a command asks who makes an account."""
    answers = {"Email address": "ann@example.com", "Password:": PASSWORD, "again": PASSWORD}
    assert "created successfully" in running.answer(command, answers)


def give_wheels(running: Machine, home: str, user: str) -> None:
    """Give a user of the machine the cache of pip, which has everything that projects need, compiled."""
    place = f"{home}/.cache/pip"
    running.run(f"install -d -o {user} -g {user} {home}/.cache; cp -r /var/cache/pip {place}; chown -R {user}: {place}")


@contextlib.contextmanager
def snapshot(docker: str, folder: Path, project: Path, deploy: Callable[[Machine], None]) -> Iterator[Snapshot]:
    """Yield a machine on which a project was deployed, the same one to all processes that name the same folder."""

    def create() -> dict[str, Any]:
        image = f"slipway-systemd-{uuid.uuid4().hex[:8]}"
        # What a failed try has left would be pushed along.
        shutil.rmtree(folder / "repository", ignore_errors=True)
        with machine(docker, folder, hosts=HOSTS) as running:
            running.push(project)
            running.trust()
            deploy(running)
            # The authority keeps nothing: its next start knows none of its accounts.
            running.run("cd /etc/letsencrypt; rm -r accounts archive live renewal")
            subprocess.run([docker, "stop", "--time", "60", running.container], check=True, capture_output=True)
            subprocess.run([docker, "commit", running.container, image], check=True, capture_output=True)
        return {"image": image, "repository": str(running.repository)}

    def remove(value: dict[str, Any]) -> None:
        subprocess.run([docker, "image", "rm", value["image"]], check=True, capture_output=True)

    with shared(folder, create, remove) as value:
        yield Snapshot(value["image"], Path(value["repository"]))


@contextlib.contextmanager
def deployed_machine(docker: str, folder: Path, taken: Snapshot) -> Iterator[Machine]:
    """Start a copy of a snapshot, whose site has a certificate of the authority; remove it at the end."""
    with machine(docker, folder, hosts=HOSTS, image=taken.image) as running:
        shutil.copytree(taken.repository, running.repository, symlinks=True)
        running.trust()
        running.run(running.block(GUIDE, CERTIFICATE), user="admin")
        wait_until(running.is_trusted, 60, "the certificate's coming into use")
        wait_until(running.is_ready, 120, "the site's start")
        yield running
