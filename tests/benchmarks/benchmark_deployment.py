"""Print what the deployed project serves, next to the same application under gunicorn's defaults.

Run as ``make benchmark``. This is no comparison with another template: both sides are the same application with
connections that are kept, and differ in gunicorn.conf.py alone. Both run on one machine, which is deployed by the steps
of docs/deployment, and are asked in turns over HTTPS through the same nginx, which is what a client gets. CPU is that
of the application, nginx, PostgreSQL and the journal. The application's own is shown beside
it. wrk uses the same cores, and takes most from the one that serves most.
"""

import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.benchmarking import docker_program, generate
from tests.support.documents import sections
from tests.support.machine import Machine, machine
from tests.support.systemd import GUIDE

ROUNDS = 3
SECONDS = 8
WARM_UP = 4
CONNECTIONS = 16

# A page that belongs to this benchmark alone.
VIEW = '''

def benchmark(request):
    """Show twenty rows of two tables."""
    from django.contrib.auth.models import Permission
    from django.shortcuts import render

    return render(request, "benchmark.html", {"rows": Permission.objects.select_related("content_type")[:20]})


urlpatterns.append(path("benchmark/", benchmark))
'''
PAGE = """{% extends "base.html" %}
{% block content %}
<ul>{% for row in rows %}<li>{{ row.content_type.app_label }}: {{ row.name }}</li>{% endfor %}</ul>
{% endblock content %}
"""
STEPS = ["1. Clone the project", "2. Prepare the machine", "3. Complete the settings", "4. Get a certificate"]

# gunicorn's defaults: in the folder / it finds no configuration. The later environment file wins.
DEFAULTS = """
echo CONN_MAX_AGE=60 >/etc/my_project/defaults
systemd-run --quiet --unit=defaults --uid=my_project --gid=my_project --working-directory=/ \
    --property=EnvironmentFile=/etc/my_project/environment --property=EnvironmentFile=/etc/my_project/defaults \
    /srv/my_project/current/.venv/bin/gunicorn config.wsgi --bind 127.0.0.1:5000 --pythonpath /srv/my_project/current
"""
DEFAULTS_SITE = """server {
    listen 8443 ssl;
    server_name example.com;
    ssl_certificate /etc/ssl/my_project/fullchain.pem;
    ssl_certificate_key /etc/ssl/my_project/privkey.pem;
    location / {
        proxy_pass http://127.0.0.1:5000;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
    }
}
"""
# wrk's own summary rounds, and its script is asked once, at the end.
REPORT = """done = function(summary, latency)
    local e = summary.errors
    print(string.format('{"requests": %d, "seconds": %f, "failed": %d, "p50": %f, "p90": %f, "p99": %f}',
        summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
        latency:percentile(50) / 1e3, latency:percentile(90) / 1e3, latency:percentile(99) / 1e3))
end
"""


class Side(NamedTuple):
    """One of the two that are compared: its name, its service and where nginx has it."""

    name: str
    unit: str
    port: int

    @property
    def address(self) -> str:
        """Where its page is, on the machine."""
        return f"https://example.com:{self.port}/benchmark/"


OURS = Side("Slipway", "my_project-web.service", 443)
THEIRS = Side("defaults", "defaults.service", 8443)
SHARED = ["nginx.service", "postgresql@17-main.service", "systemd-journald.service"]


def progress(text: str) -> None:
    """Show what is being done."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def add_page(project: Path) -> None:
    """Add the page to a project."""
    with (project / "config/urls.py").open("a") as urls:
        urls.write(VIEW)
    (project / "templates/benchmark.html").write_text(PAGE)


def deploy(running: Machine, project: Path) -> None:
    """Follow docs/deployment/systemd.md to the first release."""
    document = sections(project / GUIDE)
    running.push(project)
    running.trust()
    for step in STEPS:
        progress(step)
        running.follow(document, step)
    progress("5. Release")
    running.run(document["5. Release"][0], user="admin")


def write(running: Machine, path: str, text: str) -> None:
    """Write a file on the machine."""
    running.run(f"printf '%s' '{text.replace("'", "'\\''")}' >{path}")


def add_defaults(running: Machine) -> None:
    """Start the same application under gunicorn's defaults, and add a site for it to nginx."""
    running.run(DEFAULTS)
    write(running, "/etc/nginx/sites-enabled/defaults.conf", DEFAULTS_SITE)
    running.run("nginx -t -q; systemctl reload nginx.service")
    pages = {
        running.say(f"curl --silent --show-error --fail --retry 20 --retry-all-errors --retry-delay 1 {side.address}")
        for side in (OURS, THEIRS)
    }
    assert len(pages) == 1, "the two do not serve the same page"
    assert pages.pop().count("<li>") == 20


def milliseconds_of_cpu(running: Machine, *units: str) -> float:
    """Return how much CPU time services have used since they started."""
    return sum(map(int, running.say(f"systemctl show --property=CPUUsageNSec --value {' '.join(units)}").split())) / 1e6


def megabytes(running: Machine, unit: str) -> float:
    """Return the memory of a service, where processes that share some count for their part of it."""
    group = f"/sys/fs/cgroup$(systemctl show --property=ControlGroup --value {unit})/cgroup.procs"
    lines = running.say(f"for process in $(cat {group}); do grep ^Pss: /proc/$process/smaps_rollup; done")
    return sum(int(line.split()[1]) for line in lines.splitlines()) / 1024


def load(running: Machine, side: Side, seconds: int) -> dict[str, float]:
    """Ask one of the two without pause; return what was measured."""
    before = [milliseconds_of_cpu(running, side.unit), milliseconds_of_cpu(running, *SHARED)]
    options = f"--threads 1 --connections {CONNECTIONS} --duration {seconds}s --timeout 10s --script /report.lua"
    measured: dict[str, float] = json.loads(running.say(f"wrk {options} {side.address}").splitlines()[-1])
    after = [milliseconds_of_cpu(running, side.unit), milliseconds_of_cpu(running, *SHARED)]
    own, shared = (end - start for start, end in zip(before, after, strict=True))
    requests = measured["requests"]
    if measured["failed"] or not requests:
        sys.exit(f"{measured['failed']:.0f} of {requests:.0f} requests to {side.name} failed.")
    return measured | {
        "speed": requests / measured["seconds"],
        "own": own / requests,
        "cpu": (own + shared) / requests,
        "memory": megabytes(running, side.unit),
    }


def measure(running: Machine) -> dict[Side, dict[str, float]]:
    """Load both, taking turns, and return the medians."""
    rounds: dict[Side, list[dict[str, float]]] = {OURS: [], THEIRS: []}
    for side in rounds:
        progress(f"warm up {side.name}")
        load(running, side, WARM_UP)
    for number in range(ROUNDS):
        for side, measured in rounds.items():
            measured.append(load(running, side, SECONDS))
            progress(f"round {number + 1} of {ROUNDS}: {side.name} {measured[-1]['speed']:.0f} requests/s")
    return {
        side: {name: statistics.median(one[name] for one in measured) for name in measured[0]}
        for side, measured in rounds.items()
    }


def report(medians: dict[Side, dict[str, float]]) -> None:
    """Print the table and the ratios."""
    columns = {"speed": "requests/s", "p50": "p50 ms", "p90": "p90 ms", "p99": "p99 ms"}
    columns |= {"own": "app CPU ms", "cpu": "all CPU ms", "memory": "app MiB"}
    print(f"{'':8}" + "".join(f"{title:>12}" for title in columns.values()))
    for side, median in medians.items():
        print(f"{side.name:8}" + "".join(f"{median[name]:12.2f}" for name in columns))
    speed, cpu = (medians[OURS][name] / medians[THEIRS][name] for name in ("speed", "cpu"))
    print(f"requests/s {speed:.2f} times the rate of gunicorn's defaults")
    print(f"CPU per request {cpu:.2f} of that of gunicorn's defaults")


@contextlib.contextmanager
def deployed() -> Iterator[Machine]:
    """Start a machine on which the default project is deployed, with the page, and wrk with its report."""
    docker = docker_program()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = generate(folder)
        add_page(project)
        progress("start a machine")
        with machine(docker, folder, optimize=True) as running:
            deploy(running, project)
            running.run("DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends wrk")
            write(running, "/report.lua", REPORT)
            yield running


def main() -> None:
    """Deploy, measure, print."""
    with deployed() as running:
        add_defaults(running)
        medians = measure(running)
    report(medians)


if __name__ == "__main__":
    main()
