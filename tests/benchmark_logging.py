"""Print what logging costs a deployed project: requests a second with its log, and with the log switched off.

Run as ``make benchmark``; the goal is at most 5 % of the requests. The page reads the database. Both are the same
release on one machine, which is deployed by the steps of DEPLOYMENT.md, and are asked in turns over HTTPS through the
same nginx; the one writes a line for each request to the journal, and the other none.
"""

import statistics
import sys

from tests.benchmark_deployment import Side, deployed, load, progress, write
from tests.deploy.machine import Machine

# A difference of a few percent is smaller than that between two rounds.
ROUNDS = 9
SECONDS = 5
MOST = 0.05

LOGGED = Side("logged", "logged.service", 8443)
SILENT = Side("silent", "silent.service", 8444)
LEVELS = {LOGGED: "INFO", SILENT: "CRITICAL"}

START = """
systemd-run --quiet --unit={unit} --uid=my_project --gid=my_project --working-directory=/srv/my_project/current \\
    --property=EnvironmentFile=/etc/my_project/environment --setenv=DJANGO_SETTINGS_MODULE=config.settings.production \\
    --setenv=LOG_LEVEL={level} /srv/my_project/current/.venv/bin/gunicorn config.wsgi --bind 127.0.0.1:1{port}
"""
SITE = """server {{
    listen {port} ssl;
    server_name example.com;
    ssl_certificate /etc/ssl/my_project/fullchain.pem;
    ssl_certificate_key /etc/ssl/my_project/privkey.pem;
    location / {{
        proxy_pass http://127.0.0.1:1{port};
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-Proto $scheme;
    }}
}}
"""


def start(running: Machine) -> None:
    """Start both beside the site, and bring them to nginx."""
    for side, level in LEVELS.items():
        running.run(START.format(unit=side.unit, level=level, port=side.port))
        write(running, f"/etc/nginx/sites-enabled/{side.name}.conf", SITE.format(port=side.port))
    running.run("nginx -t -q; systemctl reload nginx.service")
    for side in LEVELS:
        running.run(f"curl --silent --fail --retry 20 --retry-all-errors --retry-delay 1 {side.address}")
    lines = {side: running.say(f"journalctl --unit={side.unit} --output=cat").count("/benchmark/") for side in LEVELS}
    assert lines == {LOGGED: 1, SILENT: 0}, lines


def measure(running: Machine) -> dict[Side, dict[str, float]]:
    """Load both, taking turns; return the medians of the requests a second, and of the CPU that one takes."""
    rounds: dict[Side, list[dict[str, float]]] = {side: [] for side in LEVELS}
    for number in range(ROUNDS + 1):
        for side, measured in rounds.items():
            one = load(running, side, SECONDS)
            # The first warms it up.
            if number:
                measured.append(one)
                progress(f"round {number} of {ROUNDS}: {side.name} {one['speed']:.0f} requests/s")
    return {
        side: {name: statistics.median(one[name] for one in measured) for name in ("speed", "cpu")}
        for side, measured in rounds.items()
    }


def main() -> None:
    """Deploy, measure, print; end with an error when the goal is missed."""
    with deployed() as running:
        start(running)
        medians = measure(running)
    for side, median in medians.items():
        print(f"{side.name}: {median['speed']:.0f} requests/s, {median['cpu']:.2f} ms of CPU for each")
    cost = 1 - medians[LOGGED]["speed"] / medians[SILENT]["speed"]
    print(f"logging costs {cost:.1%} of the requests (goal: at most {MOST:.0%})")
    if cost > MOST:
        sys.exit("Logging costs more than it may.")


if __name__ == "__main__":
    main()
