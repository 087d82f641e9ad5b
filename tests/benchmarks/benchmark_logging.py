"""Print what logging costs a deployed project: requests a second with its log, and with the log switched off.

Run as ``make benchmark``. The page reads the database. Three of the same release run on one machine, which is deployed
by the steps of docs/deployment, and are asked in turns over HTTPS through the same nginx: one writes a line for each
request to the journal, one writes them to /dev/null, and one writes none. What the second lacks is the project's work,
of which the goal is at most 5 %; the rest is journald's, which takes the same for a line of anybody's.
"""

import statistics
import sys

from tests.benchmarks.deployment import LIST, SHARED, Side, add_site, deployed, load, progress
from tests.support.machine import Machine

# The machine's own speed changes by more than the difference, but not within a second or two: so the rounds are short,
# and the two of one round are compared.
ROUNDS = 80
SECONDS = 1
COST_LIMIT = 0.05

LOGGED = Side("logged", "logged.service", 8443)
UNREAD = Side("unread", "unread.service", 8444)
SILENT = Side("silent", "silent.service", 8445)
SETTINGS = {LOGGED: ("INFO", "journal"), UNREAD: ("INFO", "null"), SILENT: ("CRITICAL", "journal")}

# A process that is replaced meanwhile costs more than many lines.
START = """
systemd-run --quiet --unit={unit} --uid=my_project --gid=my_project --working-directory=/srv/my_project/current \\
    --property=EnvironmentFile=/etc/my_project/environment --setenv=DJANGO_SETTINGS_MODULE=config.settings.production \\
    --property=StandardOutput={output} --setenv=LOG_LEVEL={level} --setenv=GUNICORN_MAX_REQUESTS=0 \\
    /srv/my_project/current/.venv/bin/gunicorn config.wsgi --bind 127.0.0.1:1{port}
"""


def start(running: Machine) -> None:
    """Start the three beside the site, and bring them to nginx."""
    for side, (level, output) in SETTINGS.items():
        running.run(START.format(unit=side.unit, level=level, output=output, port=side.port))
    add_site(running, *SETTINGS)
    lines = {side: running.say(f"journalctl --unit={side.unit} --output=cat").count("/benchmark/") for side in SETTINGS}
    assert lines == {LOGGED: 1, UNREAD: 0, SILENT: 0}, lines


def measure(running: Machine) -> dict[Side, list[dict[str, float]]]:
    """Load all, taking turns, and return what was measured of each in each round."""
    rounds: dict[Side, list[dict[str, float]]] = {side: [] for side in SETTINGS}
    # The first warms them up.
    for number in range(ROUNDS + 1):
        # Whoever follows another finds what that one has left behind.
        for side in (list(SETTINGS), list(reversed(SETTINGS)))[number % 2]:
            measured = load(running, side, LIST, SECONDS)
            if measured["failed"]:
                sys.exit(f"Error: {measured['failed']:.0f} requests to {side.name} failed.")
            if number:
                rounds[side].append(measured)
        if number % 10 == 0:
            progress(f"round {number} of {ROUNDS}")
    return rounds


def cost(measured: list[dict[str, float]], other: list[dict[str, float]]) -> tuple[float, float]:
    """Return which share of the other's requests a second is lacking, and the standard error of it."""
    shares = [1 - one["speed"] / two["speed"] for one, two in zip(measured, other, strict=True)]
    return statistics.mean(shares), statistics.stdev(shares) / len(shares) ** 0.5


def main() -> None:
    """Deploy, measure, print; end with an error when the goal is missed."""
    with deployed() as running:
        start(running)
        rounds = measure(running)
    for side, measured in rounds.items():
        speed = statistics.median(one["speed"] for one in measured)
        cpu = statistics.median(sum(one[name] for name in ("app", *SHARED)) for one in measured)
        print(f"{side.name}: {speed:.0f} requests/s, {cpu:.2f} ms of CPU for each")
    own, own_error = cost(rounds[UNREAD], rounds[SILENT])
    total, total_error = cost(rounds[LOGGED], rounds[SILENT])
    print(
        f"the project's part of the log costs {own:.1%} ± {own_error:.1%} of requests (goal: at most {COST_LIMIT:.0%})"
    )
    print(f"with what journald takes for each line, it is {total:.1%} ± {total_error:.1%}")
    if own > COST_LIMIT:
        sys.exit("Logging costs more than it may.")


if __name__ == "__main__":
    main()
