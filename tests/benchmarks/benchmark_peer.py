"""Compare the deployed default project with cookiecutter-django's production stack; fail if a goal is missed.

Run as ``make benchmark``. All sides run on one machine, behind the same nginx, with the same PostgreSQL, Redis and
Python, and take turns:

- Slipway is deployed by the steps of docs/deployment.
- The peer has Celery, DRF and WhiteNoise, its own production settings (CONN_MAX_AGE=60) and ``gunicorn config.wsgi``.
- The peer with as many processes has ``--workers`` as Slipway.
- Bare Django has the middleware of ``django-admin startproject``, with as many processes. It is the floor.

The trivial page and the list are the same bytes on all sides. Each side has its own login page and serves the same
static file in its own way. API: each side lists 50 users by its own serializer, and 200 users take turns with the
project's own credentials: tokens by JWT, which Slipway also counts for its rate limits, and DRF's tokens of the peer.
"""

import argparse
import datetime
import json
import statistics
import sys
from typing import Any

from tests.benchmarks import goals
from tests.benchmarks.deployment import LIST, TRIVIAL, Side, deployed, load, megabytes, progress, wait_for
from tests.benchmarks.goals import CROWD, Figures
from tests.benchmarks.peer import SOURCE
from tests.benchmarks.report import report
from tests.benchmarks.sides import BARE, OURS, PASSWORD, PEER, PEER_MANY, SIDES, USERS, prepare, start
from tests.support.machine import Machine

ROUNDS = 3
SECONDS = 4
WARM_UP = 2
# nginx takes so many requests of /ready/ at once from a client.
PROBES = 20

LOGIN = "/accounts/login/"
THEIR_USERS, THEIR_FILE = "/api/benchmark/", "/static/css/benchmark.css"
PAGES: dict[str, dict[Side, str]] = {
    "trivial": dict.fromkeys(SIDES, TRIVIAL),
    "list": dict.fromkeys(SIDES, LIST),
    "login": dict.fromkeys((OURS, PEER, PEER_MANY), LOGIN),
    "api": {OURS: "/api/v1/users/", PEER: THEIR_USERS, PEER_MANY: THEIR_USERS},
    "static": {OURS: "/static/benchmark.css", PEER: THEIR_FILE, PEER_MANY: THEIR_FILE},
    "health": {OURS: "/health/"},
}
# Where a login reaches the side without nginx, which limits logins, and the name of the form's field.
DIRECT = {
    OURS: ("/run/my_project/web.sock", "username"),
    PEER: ("http://127.0.0.1:18441", "login"),
    PEER_MANY: ("http://127.0.0.1:18442", "login"),
}
RELEASE = "/srv/my_project/source/deploy/systemd/bin/release"
# The step of a release before it restarts the services.
RELEASE_STEP = "Install systemd units"


def take_turns(
    running: Machine, page: str, paths: dict[Side, str], connections: int = goals.CONNECTIONS
) -> dict[Side, dict[str, float]]:
    """Load a page of each side in turns; return the medians, and the sum of failed requests."""
    rounds: dict[Side, list[dict[str, float]]] = {side: [] for side in paths}
    for number in range(ROUNDS + 1):
        for side, path in paths.items():
            users = USERS[side] if page == "api" else ""
            measured = load(running, side, path, SECONDS if number else WARM_UP, connections, users)
            if number:
                rounds[side].append(measured)
    medians = {}
    for side, measured in rounds.items():
        medians[side] = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
        medians[side]["failed"] = sum(one["failed"] for one in measured)
        progress(f"{page}, {connections} connections, {side.name}: {medians[side]['speed']:.0f} requests/s")
    return medians


def client(running: Machine, *arguments: object) -> dict[str, Any]:
    """Run a client of clients.py on the machine, and return what it has measured."""
    words = " ".join(f"'{argument}'" for argument in arguments)
    measured: dict[str, Any] = json.loads(running.run(f"python3 /benchmark/clients.py {words}", timeout=600).stdout)
    return measured


def measure_memory(running: Machine, processes: int) -> dict[str, tuple[float, float]]:
    """Return the memory of each side after load and after logins, while the others are stopped.

    A page of memory counts for its part in each process that has it: other services would make the figures smaller.
    """
    running.run(f"systemctl stop my_project-worker.service my_project-beat.service {OURS.unit} {BARE.unit}")
    running.run(f"systemctl stop {PEER.unit} {PEER_MANY.unit}")
    memory = {}
    for side in (OURS, PEER, PEER_MANY):
        start(running, side, processes)
        wait_for(running, side)
        for path in (TRIVIAL, LIST):
            load(running, side, path, SECONDS)
        after_load = megabytes(running, side)
        site, field = DIRECT[side]
        client(running, "logins", site, field, USERS[side], PASSWORD)
        memory[side.name] = (after_load, megabytes(running, side))
        progress(f"memory of {side.name}: {after_load:.0f} MB, {memory[side.name][1]:.0f} MB after logins")
        running.run(f"systemctl stop {side.unit}")
    for side in SIDES:
        start(running, side, processes)
        wait_for(running, side)
    running.run("systemctl start my_project-worker.service my_project-beat.service")
    return memory


def measure_release(running: Machine, processes: int) -> float:
    """Return by how many seconds slow requests prolong a release."""
    base = OURS.url("")
    quiet, busy = (client(running, "release", base, slow, RELEASE, RELEASE_STEP)["seconds"] for slow in (0, processes))
    progress(f"a release takes {quiet:.1f} s, and {busy:.1f} s with slow requests")
    return busy - quiet


def measure(running: Machine, only: set[str], source: str) -> tuple[Figures, int]:
    """Measure what ``only`` names; return it, and how many processes Slipway has."""
    processes = prepare(running, source)
    figures = Figures()
    for page, paths in PAGES.items():
        if page in only:
            for side, median in take_turns(running, page, paths).items():
                figures.pages[page, side.name] = median
    if "crowd" in only:
        crowd = take_turns(running, "list", dict.fromkeys((OURS, PEER, PEER_MANY), LIST), CROWD)
        figures.crowd = {side.name: median for side, median in crowd.items()}
    if "ready" in only:
        figures.ready = client(running, "latency", OURS.url(""), "/ready/", PROBES)["median"]
        progress(f"/ready/: {figures.ready:.1f} ms")
    if "slow" in only:
        for side in (OURS, PEER, PEER_MANY):
            measured = client(running, "slow", side.url(""), 1 if side == PEER else processes)
            figures.slow[side.name] = measured["longest"]
            progress(
                f"{side.name} beside slow requests in {measured['processes']} processes: {measured['longest']:.0f} ms"
            )
    if "memory" in only:
        figures.memory = measure_memory(running, processes)
    if "release" in only:
        figures.release = measure_release(running, processes)
    return figures, processes


def describe(running: Machine, processes: int) -> str:
    """Return when and where it was measured."""
    cores = running.say("nproc")
    model = running.say("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1")
    versions = running.say("python3 --version; nginx -v 2>&1; psql --version").split("\n")
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{today}, {cores} cores ({model}), {processes} processes of Slipway, {', '.join(versions)}."


def main() -> None:
    """Deploy, measure, print; exit with status 1 if a goal is missed."""
    names = [*PAGES, "crowd", "ready", "slow", "memory", "release"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default=",".join(names), help="what to measure, separated by commas: %(default)s")
    parser.add_argument("--peer-source", default=SOURCE, help="the peer's Git repository, by default %(default)s")
    options = parser.parse_args()
    only = set(options.only.split(","))
    if unknown := only - set(names):
        parser.error(f"--only does not know {', '.join(sorted(unknown))}. Choose from {', '.join(names)}.")
    with deployed() as running:
        figures, processes = measure(running, only, options.peer_source)
        print(describe(running, processes), end="\n\n")
    if not report(figures):
        sys.exit("A goal is missed.")


if __name__ == "__main__":
    main()
