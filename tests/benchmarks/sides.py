"""The sides of the comparison with the peer, and how each is installed and started on the machine."""

import sys
import tempfile
from pathlib import Path

from tests.benchmarks import goals
from tests.benchmarks.deployment import LIST, STYLE, TRIVIAL, Side, add_pages, add_site, copy, progress
from tests.benchmarks.peer import VERSION, copy_peer
from tests.support.machine import Machine

OURS = Side(goals.OURS, "my_project-web.service", 443)
PEER = Side(goals.PEER, "peer.service", 8441)
PEER_MANY = Side(goals.PEER_MANY, "peer-many.service", 8442)
BARE = Side(goals.BARE, "bare.service", 8443)
SIDES = (OURS, PEER, PEER_MANY, BARE)

# Of users of a machine that is removed.
PASSWORD = "correct-horse-battery-staple"
USERS = {OURS: "/benchmark/users-slipway", PEER: "/benchmark/users-peer", PEER_MANY: "/benchmark/users-peer"}
OUR_FOLDER, PEER_FOLDER = "/srv/my_project/current", "/srv/peer"
OUR_ENVIRONMENT, PEER_ENVIRONMENT = "/etc/my_project/environment", "/etc/my_project/peer"
# Slipway's environment has the passwords of PostgreSQL and Redis.
PREPARE_PEER = f"""
umask 027
{{
    echo DJANGO_SECRET_KEY=$(openssl rand -hex 32)
    echo DJANGO_ADMIN_URL=admin/
    sed -n 's#^\\(DATABASE_URL=.*\\)/my_project?#\\1/peer?#p; s#^\\(REDIS_URL=.*\\)/0$#\\1/1#p' {OUR_ENVIRONMENT}
}} >{PEER_ENVIRONMENT}
test $(wc -l <{PEER_ENVIRONMENT}) = 4
umask 022
runuser --user postgres -- createdb --owner my_project --template template0 --encoding UTF8 --locale C.UTF-8 peer
python3 -m venv {PEER_FOLDER}/.venv
{PEER_FOLDER}/.venv/bin/pip install --quiet --require-hashes --requirement {PEER_FOLDER}/requirements.txt
chown -R my_project: {PEER_FOLDER} /benchmark
"""
RUN = "systemd-run --quiet --collect --uid=my_project --gid=my_project"
PRODUCTION = "config.settings.production"


def run_in(running: Machine, folder: str, environment: str, command: str, settings: str = PRODUCTION) -> None:
    """Run Python in a project's folder with its settings; ``command`` begins with systemd-run's options, if any."""
    options = f"--working-directory={folder} --property=EnvironmentFile={environment}"
    running.run(f"{RUN} {options} --setenv=DJANGO_SETTINGS_MODULE={settings} {command}")


def install_peer(running: Machine, source: str) -> None:
    """Install the peer on the machine, with its database, static files and users."""
    progress(f"generate cookiecutter-django {VERSION}, unless it was generated before")
    with tempfile.TemporaryDirectory() as name:
        project = copy_peer(source, Path(name) / "peer")
        add_pages(project, project / "peer/templates")
        (project / "peer/static/css/benchmark.css").write_text(STYLE)
        copy(running, project, PEER_FOLDER)
    progress("install the peer")
    running.run(PREPARE_PEER, timeout=900)
    for command in (
        "-m compileall -q config peer",
        "manage.py migrate --verbosity 0",
        "manage.py collectstatic --no-input --verbosity 0",
        f"/benchmark/seed.py peer {USERS[PEER]} {PASSWORD}",
    ):
        run_in(running, PEER_FOLDER, PEER_ENVIRONMENT, f"--wait --pipe {PEER_FOLDER}/.venv/bin/python {command}")


def workers(running: Machine, side: Side) -> int:
    """Return how many processes serve requests."""
    main = running.say(f"systemctl show --property=MainPID --value {side.unit}")
    return len(running.say(f"cat /proc/{main}/task/*/children").split())


def start(running: Machine, side: Side, processes: int) -> None:
    """Start the service of a side."""
    if side == OURS:
        running.run(f"systemctl start {side.unit}")
        return
    folder, environment, settings = PEER_FOLDER, PEER_ENVIRONMENT, PRODUCTION
    gunicorn = f"{PEER_FOLDER}/.venv/bin/gunicorn config.wsgi"
    if side == BARE:
        folder, environment, settings = "/benchmark", OUR_ENVIRONMENT, "bare"
        gunicorn = f"{OUR_FOLDER}/.venv/bin/gunicorn 'django.core.wsgi:get_wsgi_application()'"
    if side != PEER:
        gunicorn += f" --workers {processes}"
    run_in(running, folder, environment, f"--unit={side.unit} {gunicorn} --bind 127.0.0.1:1{side.port}", settings)


def prepare(running: Machine, source: str) -> int:
    """Install and start all sides; return how many processes Slipway has."""
    install_peer(running, source)
    seed = f"--wait --pipe {OUR_FOLDER}/.venv/bin/python /benchmark/seed.py slipway {USERS[OURS]} {PASSWORD}"
    run_in(running, OUR_FOLDER, OUR_ENVIRONMENT, seed)
    processes = workers(running, OURS)
    for side in (PEER, PEER_MANY, BARE):
        start(running, side, processes)
    add_site(running, PEER, PEER_MANY, BARE)
    for path, count in ((TRIVIAL, 0), (LIST, 20)):
        pages = {running.say(f"curl --silent --show-error --fail {side.url(path)}") for side in SIDES}
        if len(pages) != 1 or pages.pop().count("<li>") != count:
            sys.exit(f"Error: {path} is not the same page on all sides.")
    return processes
