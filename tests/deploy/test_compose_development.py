"""Development with Docker Compose, as the README of a project has it, on the real engine."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project, clean_environment
from tests.support.combinations import ALL_OFF, ALL_ON
from tests.support.documents import Running, sections
from tests.support.servers import free_port, wait_until

# Who the developer is when the tests run as root, to whom files would belong without anybody's doing.
SOMEBODY = 1234
VIEW = "apps/core/views.py"
TEMPLATE = "templates/home.html"
TASKS = "apps/core/tasks.py"


class Development:
    """A project in the hands of a developer, under a name and at a port that no other run has."""

    def __init__(self, docker: str, folder: Path, project: Path) -> None:
        self.docker = docker
        self.logs = folder
        self.path = folder / "project"
        self.name = f"slipway-{uuid.uuid4().hex[:8]}"
        self.port = free_port()
        shutil.copytree(project, self.path)
        # Their limits hold on a developer's machine; the machine of these tests runs others meanwhile.
        shutil.rmtree(self.path / "tests/performance")
        self.environment = {"COMPOSE_PROJECT_NAME": self.name, "WEB_PORT": str(self.port)}
        self.prefix: list[str] = []
        if os.getuid() == 0:
            group = Path("/var/run/docker.sock").stat().st_gid
            self.prefix = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", f"--groups={group}"]
            self.environment["HOME"] = str(folder)
            folder.chmod(0o755)
            subprocess.run(["chown", "--recursive", f"{SOMEBODY}:{SOMEBODY}", folder], check=True)
        self.start, self.test, self.stop = sections(self.path / "README.md")["With Docker"]

    def serve(self, log: str) -> Running:
        """Follow the README's first block, which goes on until it is stopped."""
        command = shlex.join([*self.prefix, "sh", "-euc", self.start])
        return Running(f"exec {command}", self.path, self.logs / log, **self.environment)

    def run(self, script: str, check: bool = True, typed: str = "") -> Any:
        """Run a shell script as the developer does, who types something; fail, showing what it said, when it fails."""
        result = subprocess.run(
            [*self.prefix, "sh", "-euc", script],
            cwd=self.path,
            env=clean_environment(**self.environment),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert result.returncode == 0, f"{script}\n{result.stdout}\n{result.stderr}"
        return result

    def python(self, code: str) -> str:
        """Run Python in the container of the site; return what it prints."""
        return str(self.run(f"docker compose exec web python manage.py shell --command {shlex.quote(code)}").stdout)

    def engine(self, *arguments: str) -> str:
        """Return what a command of Docker prints."""
        return subprocess.run([self.docker, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def containers(self) -> dict[str, Any]:
        """Return what the engine knows of each container, by its service."""
        own = f"label=com.docker.compose.project={self.name}"
        ids = self.engine("ps", "--all", "--quiet", "--filter", own).split()
        found = json.loads(self.engine("inspect", *ids)) if ids else []
        return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in found}

    def volumes(self) -> list[str]:
        """Return the names of the volumes."""
        own = f"label=com.docker.compose.project={self.name}"
        return self.engine("volume", "ls", "--quiet", "--filter", own).split()

    def page(self) -> str:
        """Return the first page, or nothing while none comes."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5) as response:
                return str(response.read().decode())
        except OSError:
            return ""

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text that stands in a file."""
        text = (self.path / name).read_text()
        assert old in text
        (self.path / name).write_text(text.replace(old, new))

    def remove(self) -> None:
        """Remove everything that the engine has of it."""
        self.run("docker compose down --volumes --remove-orphans", check=False)
        subprocess.run(
            [self.docker, "image", "rm", "--force", f"{self.name}:current"], capture_output=True, check=False
        )


@pytest.fixture(scope="module")
def development(bake: Callable[..., Project], docker: str) -> Iterator[Development]:
    # The developer cannot enter pytest's own folders when those are root's.
    folder = Path(tempfile.mkdtemp(prefix="development-"))
    try:
        answers = ALL_ON | {"deployment": "docker", "python_version": "3.14"}
        found = Development(docker, folder, bake(**answers).path)
        try:
            yield found
        finally:
            found.remove()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def serving(development: Development) -> Iterator[Running]:
    """The README's first block, come so far that all of it works."""
    with development.serve("first.log") as running:
        running.wait_for("Watch enabled", 300)
        running.wait_for("beat: Starting...", 60)
        running.wait_for("ready.", 60)
        yield running


def test_the_site_and_nothing_else_is_published(development: Development, serving: Running) -> None:
    assert "A Django project that is ready for production." in development.page()
    containers = development.containers()
    assert set(containers) == {"web", "worker", "beat", "db", "redis"}
    published = {name: container["NetworkSettings"]["Ports"] for name, container in containers.items()}
    own = {"HostIp": "127.0.0.1", "HostPort": str(development.port)}
    assert [ports for ports in published.pop("web").values() if ports] == [[own]]
    assert not any(address for ports in published.values() for address in ports.values())
    ready = development.run("docker compose exec web python deploy/docker/image/probe.py /ready/").stdout
    assert json.loads(ready)["checks"] == {"database": True, "cache": True, "broker": True}
    assert development.python("print(connection.vendor)").strip().endswith("postgresql")


def test_it_runs_the_tests(development: Development, serving: Running) -> None:
    """On its own servers, and with the newest Python; but for ten that need a browser and one that needs curl."""
    result = development.run(development.test).stdout
    assert "Python 3.14" in result
    assert re.search(r"\d{3} passed, 11 skipped in", result), result


def test_files_that_it_makes_are_the_developers(development: Development, serving: Running) -> None:
    development.run("docker compose exec web python manage.py makemigrations users --empty --name nothing")
    made = (development.path / "apps/users/migrations/0002_nothing.py").stat()
    folder = development.path.stat()
    assert (made.st_uid, made.st_gid) == (folder.st_uid, folder.st_gid)
    assert made.st_uid == (os.getuid() or SOMEBODY)
    strangers = [path for path in development.path.rglob("*") if path.lstat().st_uid != folder.st_uid]
    assert strangers == []


def test_a_change_shows_without_a_restart(development: Development, serving: Running) -> None:
    since = development.containers()["web"]["State"]["StartedAt"]
    development.replace(TEMPLATE, "<h1>", "<p>Changed in the template.</p><h1>")
    wait_until(lambda: "Changed in the template." in development.page(), 60, "the change of the template")
    development.replace(VIEW, '"description": settings.SITE_DESCRIPTION', '"description": "Changed in the view."')
    wait_until(lambda: "Changed in the view." in development.page(), 60, "the change of the view")
    assert development.containers()["web"]["State"]["StartedAt"] == since


def test_the_worker_runs_what_the_site_sends(development: Development, serving: Running) -> None:
    """And the new code after it was changed; the schedule begins anew with it."""

    def send() -> None:
        development.python("from apps.core.tasks import clear_expired_sessions; clear_expired_sessions.delay()")

    def started(service: str) -> datetime:
        return datetime.fromisoformat(development.containers()[service]["State"]["StartedAt"])

    send()
    serving.wait_for("task_succeeded", 60)
    ran = r"^worker-1 .* task_succeeded .* task=apps\.core\.tasks\.clear_expired_sessions "
    assert re.search(ran, serving.log.read_text(), re.MULTILINE)
    development.replace(TASKS, '    call_command("clearsessions")', '    print("The new code has run.")')
    changed = datetime.now(UTC)
    for service in ("worker", "beat"):
        wait_until(lambda service=service: started(service) > changed, 60, f"a new start of {service}")
    send()
    serving.wait_for("The new code has run.", 60)


def test_a_pause_keeps_the_database(development: Development, serving: Running) -> None:
    development.python('User.objects.create_user("ann@example.com", "correct horse battery")')
    development.run(development.stop)
    wait_until(lambda: serving.process.poll() is not None, 60, "the end of the README's first block")
    assert development.containers() == {}
    with development.serve("second.log") as running:
        running.wait_for("ready.", 120)
        assert "ann@example.com" in development.python("print(User.objects.get())")


def test_only_a_clear_yes_removes_the_database(development: Development, serving: Running) -> None:
    [volume] = development.volumes()
    for typed in ("", "\n", "no\n", "y\n", "YES\n", "yes please\n"):
        result = development.run("make destroy-volumes", check=False, typed=typed)
        assert 'Type "yes" to continue' in result.stdout
        assert "Nothing was removed." in result.stderr
        assert "Error 1" in result.stderr
        assert development.volumes() == [volume]
    environment = development.path / ".env.production"
    environment.touch()
    result = development.run("make destroy-volumes", check=False, typed="yes\n")
    assert 'Type "yes"' not in result.stdout
    assert result.stderr.startswith("Error: this machine has .env.production, so its data is kept.\n")
    assert "Error 1" in result.stderr
    assert development.volumes() == [volume]
    environment.unlink()
    development.run("make destroy-volumes", typed="yes\n")
    assert development.volumes() == []
    assert development.containers() == {}


def test_no_other_target_removes_a_volume(development: Development) -> None:
    makefile = (development.path / "Makefile").read_text()
    assert makefile.count("--volumes") == 1
    assert not re.search(r"\bvolume (rm|prune)|system prune|down.* -v\b", makefile)


def test_without_background_tasks_there_is_nothing_to_watch(bake: Callable[..., Project], docker: str) -> None:
    """And --watch with nothing to watch would be an error."""
    project = bake(**ALL_OFF | {"deployment": "docker"})
    services = project.run(docker, "compose", "config", "--services").stdout.split()
    assert sorted(services) == ["db", "redis", "web"]
    assert "docker compose up --build\n" in sections(project.path / "README.md")["With Docker"][0]
