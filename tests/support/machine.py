"""A Debian 13 machine with systemd as its first process, in a container, on which a project is deployed."""

import contextlib
import http.client
import json
import os
import pty
import select
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import IDENTITY, TEMPLATE
from tests.support.documents import sections
from tests.support.servers import free_port, wait_until

IMAGE = "slipway-debian"
# Where a Docker engine of a machine's own has its files.
ENGINE = ("/var/lib/docker", "/var/lib/containerd")
# How cgroups get into the machine: with the host's own version 2, or beside version 1.
HYBRID = Path("/sys/fs/cgroup/unified")
CGROUPS = ["--cgroupns=private"]
if HYBRID.exists():
    CGROUPS = ["--cgroupns=host", "--volume", f"{HYBRID}:/sys/fs/cgroup:rw"]


class Machine:
    """A running machine, whose port 80 and 443 are ports of 127.0.0.1 here."""

    def __init__(self, docker: str, container: str, ports: dict[int, int], folder: Path) -> None:
        self.docker = docker
        self.container = container
        self.ports = ports
        self.authority = folder / "authority.pem"
        self.repository = folder / "repository"
        # Of the administrator, who has set up a second factor.
        self.recovery_codes: list[str] = []

    def run(self, script: str, user: str = "root", check: bool = True, timeout: float = 300) -> Any:
        """Run a shell script on the machine, as one would type it; fail, showing what it said, when it fails."""
        command = [self.docker, "exec", "--user", user, "--workdir", "/", self.container, "sh", "-euc", script]
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=timeout
        )
        if check:
            assert result.returncode == 0, f"{script}\n{result.stdout}\n{result.stderr}"
        return result

    def interrupt(self, command: str, step: str, before: Callable[[], None] = lambda: None) -> tuple[int, str]:
        """End a command by a signal at one of its steps, after ``before()``; return its status and its last words."""
        start = [self.docker, "exec", self.container, "sh", "-c", f"echo $$; exec {command}"]
        with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout
            pid = process.stdout.readline().strip()
            assert f"==> {step}" in map(str.strip, process.stdout)
            before()
            self.run(f"kill -TERM {pid}")
            said = process.stdout.read()
        return process.returncode, said

    def follow(self, document: dict[str, list[str]], *headings: str) -> None:
        """Run every shell block under headings of a document, as the person who reads it would."""
        for heading in headings:
            for block in document[heading]:
                # Some build or install for minutes, while other tests run.
                self.run(block, user="admin", timeout=900)

    def block(self, document: str, heading: str, number: int = 0) -> str:
        """Return a shell block of a document of the project that was pushed last."""
        return sections(self.repository / document)[heading][number]

    def say(self, script: str) -> str:
        """Return what a shell script prints."""
        return str(self.run(script).stdout).strip()

    def answer(self, script: str, answers: dict[str, str], user: str = "admin") -> str:
        """Run a script in a terminal, and type the answer to each question when it is asked; return all it showed."""
        command = [self.docker, "exec", "--interactive", "--tty", "--user", user, "--workdir", "/", self.container]
        own, theirs = pty.openpty()
        process = subprocess.Popen([*command, "sh", "-euc", script], stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        shown, asked = "", 0
        remaining = dict(answers)
        # A restore is all of one command.
        end = time.monotonic() + 300
        with contextlib.suppress(OSError):  # a terminal whose other side has ended
            while time.monotonic() < end:
                if select.select([own], [], [], 0.2)[0]:
                    shown += os.read(own, 4096).decode()
                elif process.poll() is not None:
                    break
                for question in list(remaining):
                    if question in shown[asked:]:
                        os.write(own, f"{remaining.pop(question)}\n".encode())
                        asked = len(shown)
        os.close(own)
        assert process.wait(timeout=60) == 0, shown
        assert not remaining, f"{remaining} was not asked for: {shown}"
        return shown

    def push(self, project: Path, name: str = "my_project", tag: str = "") -> None:
        """Commit what is in the folder ``project`` and put it where the machine fetches the project ``name`` from.

        The commit gets a tag, if there is one.
        """
        if not self.repository.exists():
            subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", self.repository], check=True)
        for path in self.repository.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(project, self.repository, dirs_exist_ok=True, symlinks=True)
        subprocess.run(["git", "add", "--all"], cwd=self.repository, check=True)
        commit = ["git", *IDENTITY, "commit", "--quiet", "--allow-empty", "--message", "Change"]
        subprocess.run(commit, cwd=self.repository, check=True)
        if tag:
            subprocess.run(["git", "tag", "--force", tag], cwd=self.repository, check=True)
        place = f"/var/lib/git/{name}.git"
        self.run(f"rm -rf {place}; mkdir -p /var/lib/git")
        command = [self.docker, "cp", "--quiet", f"{self.repository}/.git", f"{self.container}:{place}"]
        subprocess.run(command, check=True)
        self.run("chown -R root:root /var/lib/git")

    def give_images(self, *images: str) -> None:
        """Give the machine's Docker engine images that it would fetch from a registry."""
        with subprocess.Popen([self.docker, "save", *images], stdout=subprocess.PIPE) as saved:
            load = [self.docker, "exec", "--interactive", self.container, "docker", "load", "--quiet"]
            subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True)
        assert saved.returncode == 0

    def trust(self) -> None:
        """Make this machine, and the tests, trust the authority, as the world trusts a real one."""
        address = f"https://127.0.0.1:{self.ports[15000]}/roots/0"
        context = ssl._create_unverified_context()  # noqa: S323 - there is nothing to verify it by yet

        def fetch() -> bool:
            with contextlib.suppress(OSError), urllib.request.urlopen(address, context=context, timeout=10) as response:
                self.authority.write_bytes(response.read())
                return True
            return False

        wait_until(fetch, 60, "the authority's start")
        # Not by update-ca-certificates, which would drop what this machine's image was made to trust.
        place = f"{self.container}:/authority.pem"
        subprocess.run([self.docker, "cp", "--quiet", self.authority, place], check=True)
        self.run("cat /authority.pem >>/etc/ssl/certs/ca-certificates.crt")

    def connect(self, host: str = "example.com", scheme: str = "https", verify: bool = True) -> Any:
        """Return a connection to the site, which for HTTPS has a certificate that the authority vouches for."""
        if scheme == "http":
            return http.client.HTTPConnection("127.0.0.1", self.ports[80], timeout=60)
        context = ssl.create_default_context(cafile=str(self.authority))
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return Https(host, self.ports[443], context)

    def get(
        self, path: str, method: str = "GET", host: str = "example.com", scheme: str = "https", **options: Any
    ) -> http.client.HTTPResponse:
        """Return the site's answer to a request; ``options`` are body and headers."""
        connection = self.connect(host, scheme)
        headers = {"Host": host, "Connection": "close"} | options.pop("headers", {})
        connection.request(method, path, headers=headers, **options)
        answer: http.client.HTTPResponse = connection.getresponse()
        return answer

    def ready(self) -> tuple[int, dict[str, bool]]:
        """Return the status of /ready/ and the outcome of its checks."""
        response = self.get("/ready/")
        body = response.read()
        is_json = response.headers["Content-Type"].startswith("application/json")
        return response.status, json.loads(body)["checks"] if is_json else {}

    def version(self) -> str:
        """Return the version that the site tells."""
        return str(json.loads(self.get("/health/").read())["version"])

    def is_trusted(self, host: str = "example.com") -> bool:
        """Say whether a host has a certificate that can be believed.

        Each of a second's connections must have it: after a reload, nginx's old processes answer beside the new ones.
        """
        with contextlib.suppress(OSError):
            for _ in range(20):
                self.connect(host).connect()
                time.sleep(0.05)
            return True
        return False

    def is_reached(self) -> bool:
        """Say whether anything answers at the site's port for HTTP."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/", scheme="http").status > 0
        return False

    def is_ready(self) -> bool:
        """Say whether the site is reached, and ready."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ready()[0] == 200
        return False

    def wait_for_boot(self) -> None:
        """Return when everything that starts with the machine has started."""
        states = ("running", "degraded")
        ask = [self.docker, "exec", self.container, "systemctl", "is-system-running"]

        def is_up() -> bool:
            return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() in states

        wait_until(is_up, 120, "the machine's start")

    def restart(self) -> None:
        """Restart the whole machine, and return when the site is ready again.

        Afterwards no command can be run on a machine with a Docker engine of its own, for the reason below.
        """
        subprocess.run([self.docker, "restart", "--time", "60", self.container], check=True, capture_output=True)
        wait_until(self.is_ready, 300, "the site's return")


class Https(http.client.HTTPSConnection):
    """A connection to a host of the internet that is in truth a port of this machine."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        super().__init__(host, timeout=60)
        self.place = ("127.0.0.1", port)
        self.context = context

    def connect(self) -> None:
        """Connect to the port, and ask for the host by name."""
        plain = socket.create_connection(self.place, self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)


def build_image(docker: str) -> str:
    """Build the image of a fresh machine, and return its ID."""
    # In place, the requirements of the template are those of a project with everything.
    requirements = f"requirements={TEMPLATE / 'requirements'}"
    build = [docker, "build", "--quiet", "--tag", IMAGE, "--build-context", requirements]
    result = subprocess.run(
        [*build, str(Path(__file__).parent / "debian")], check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    # Not the tag, which another run may give to another image meanwhile.
    return result.stdout.strip()


@contextlib.contextmanager
def machine(
    docker: str,
    folder: Path,
    hosts: tuple[str, ...] = ("example.com",),
    optimize: bool = False,
    image: str = "",
    engine: Sequence[str] = ("", ""),
) -> Iterator[Machine]:
    """Start a machine, which the names ``hosts`` lead to; remove it at the end.

    What is compiled on it is optimized if asked for, which for psycopg takes four times as long. The machine is fresh
    unless ``image`` is that of a former machine. ``engine`` names the volumes of the machine's own Docker engine and
    its containerd, which outlive the machine; without names they are removed with it.
    """
    if not image:
        image = build_image(docker)
    ports = {port: free_port() for port in (80, 443, 15000)}
    options = ["--privileged", *CGROUPS, "--tmpfs", "/run", "--tmpfs", "/tmp:exec"]  # noqa: S108
    # A Docker engine of the machine's own cannot keep its files within this one's.
    options += [] if optimize else ["--env", "CFLAGS=-O0"]
    options += ["--hostname", "server"]
    for volume, place in zip(engine, ENGINE, strict=True):
        options += ["--volume", f"{volume}:{place}" if volume else place]
    options += [word for port in ports for word in ("--publish", f"127.0.0.1:{ports[port]}:{port}")]
    options += [word for host in hosts for word in ("--add-host", f"{host}:127.0.0.1")]
    start = [docker, "run", "--detach", *options, image]
    container = subprocess.run(start, check=True, capture_output=True, text=True).stdout.strip()
    try:
        running = Machine(docker, container, ports, folder)
        running.wait_for_boot()
        if not optimize:
            # A release compiles in a unit of systemd's.
            running.run("systemctl set-environment CFLAGS=-O0")
        # Where nothing runs in the machine's own cgroup, an engine on it gives that to its containers. From then on it
        # takes no other process, so that no further command could be run.
        subprocess.run([docker, "exec", "--detach", container, "sleep", "infinity"], check=True)
        yield running
    finally:
        subprocess.run([docker, "rm", "--force", "--volumes", container], check=True, capture_output=True)
