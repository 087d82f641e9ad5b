"""A machine on which the default project is deployed as docs/deployment says, and how load on it is measured.

The project gets the pages of ``tests/benchmarks/site``. wrk runs on the machine too, over HTTPS through nginx, which is
what a client gets; it uses the same cores, and takes most from the side that serves most.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.benchmarking import docker_program, generate
from tests.benchmarks.goals import CONNECTIONS
from tests.support.documents import sections
from tests.support.machine import Machine, machine
from tests.support.systemd import GUIDE

STEPS = ["1. Clone the project", "2. Prepare the machine", "3. Complete the settings", "4. Get a certificate"]
FILES = Path(__file__).parent / "site"
# A static file of 11,000 bytes.
STYLE = "a { color: #123456; }\n" * 500
LIST, TRIVIAL = "/benchmark/list/", "/benchmark/trivial/"
SHARED = {
    "nginx": "nginx.service",
    "postgresql": "postgresql@17-main.service",
    "journal": "systemd-journald.service",
}

URLS = """

from benchmark_pages import urlpatterns as benchmark_urls  # noqa: E402

urlpatterns += benchmark_urls
"""
SITE = """server {{
    listen {port} ssl;
    server_name example.com;
    ssl_certificate /etc/ssl/my_project/fullchain.pem;
    ssl_certificate_key /etc/ssl/my_project/privkey.pem;
    include /etc/nginx/snippets/mozilla-intermediate.conf;
    location / {{
        proxy_pass http://127.0.0.1:1{port};
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
    }}
}}
"""


class Side(NamedTuple):
    """One of those that are compared: its name, its service, and the port at which nginx has it."""

    name: str
    unit: str
    port: int

    def url(self, path: str) -> str:
        """Return the URL of a page, on the machine."""
        return f"https://example.com:{self.port}{path}"


def progress(text: str) -> None:
    """Show what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def add_pages(root: Path, templates: Path) -> None:
    """Add the pages of the benchmark to a project."""
    shutil.copy(FILES / "benchmark_pages.py", root)
    shutil.copy(FILES / "benchmark.html", templates)
    with (root / "config/urls.py").open("a") as urls:
        urls.write(URLS)


def deploy(running: Machine, project: Path) -> None:
    """Follow docs/deployment/systemd.md to the first release."""
    document = sections(project / GUIDE)
    running.push(project)
    running.trust()
    for step in STEPS:
        progress(step)
        running.follow(document, step)
    progress("5. Release")
    running.run(document["5. Release"][0], user="admin", timeout=900)


def write(running: Machine, path: str, text: str) -> None:
    """Write a file on the machine."""
    running.run(f"printf '%s' '{text.replace("'", "'\\''")}' >{path}")


def copy(running: Machine, source: Path, path: str) -> None:
    """Copy the content of a folder into a folder of the machine."""
    running.run(f"mkdir -p {path}")
    command = [running.docker, "cp", "--quiet", f"{source}/.", f"{running.container}:{path}"]
    subprocess.run(command, check=True)


def add_site(running: Machine, *sides: Side) -> None:
    """Lead nginx to sides, each of which listens on 127.0.0.1 at its port plus 10,000, and wait for them."""
    for side in sides:
        write(running, f"/etc/nginx/sites-enabled/{side.unit}.conf", SITE.format(port=side.port))
    running.run("nginx -t -q; systemctl reload nginx.service")
    for side in sides:
        wait_for(running, side)


def wait_for(running: Machine, side: Side) -> None:
    """Return when a side serves."""
    retry = "--retry 30 --retry-all-errors --retry-delay 1"
    running.run(f"curl --silent --show-error --fail --output /dev/null {retry} {side.url(TRIVIAL)}")


def show_cpu(units: list[str]) -> str:
    """Return a command that prints the CPU time of services since they started, in nanoseconds."""
    return f"systemctl show --property=CPUUsageNSec --value {' '.join(units)}"


def load(
    running: Machine, side: Side, path: str, seconds: float, connections: int = CONNECTIONS, users: str = ""
) -> dict[str, float]:
    """Request a page without pause; return what was measured.

    With ``users``, a file of seed.py on the machine, the requests use the credentials of all users in turn.
    Times are milliseconds; CPU time is the time of one request.
    """
    units = {"app": side.unit, **SHARED}
    options = f"--threads 1 --connections {connections} --duration {seconds}s --timeout 10s"
    command = f"wrk {options} --script /benchmark/report.lua {side.url(path)} {f'-- {users}' if users else ''}"
    cpu = show_cpu(list(units.values()))
    lines = running.say(f"{cpu}; {command} | tail -n 1; {cpu}").split("\n")
    lines = [line for line in lines if line]
    count = len(units)
    measured: dict[str, float] = json.loads(lines[count])
    requests = measured["requests"]
    if not requests:
        sys.exit(f"Error: {side.name} served no request of {path}: {lines[count]}")
    measured["speed"] = requests / measured["seconds"]
    for name, before, after in zip(units, lines[:count], lines[count + 1 :], strict=True):
        measured[name] = (int(after) - int(before)) / 1e6 / requests
    return measured


def megabytes(running: Machine, side: Side) -> float:
    """Return the memory (PSS) of a service in millions of bytes."""
    group = f"/sys/fs/cgroup$(systemctl show --property=ControlGroup --value {side.unit})/cgroup.procs"
    lines = running.say(f"for process in $(cat {group}); do grep ^Pss: /proc/$process/smaps_rollup; done")
    return sum(int(line.split()[1]) for line in lines.splitlines()) * 1024 / 1e6


@contextlib.contextmanager
def deployed() -> Iterator[Machine]:
    """Start a machine on which the default project is deployed, with the benchmark's pages, clients and wrk."""
    docker = docker_program()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = generate(folder)
        add_pages(project, project / "templates")
        (project / "static/benchmark.css").write_text(STYLE)
        progress("start a machine")
        with machine(docker, folder, optimize=True) as running:
            deploy(running, project)
            running.run("DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends wrk")
            copy(running, FILES, "/benchmark")
            yield running
