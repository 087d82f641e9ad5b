"""A Debian machine that was set up by the scripts of docs/deployment: what it survives under load."""

import base64
import re
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import ROOT
from tests.deploy.incident_checks import IncidentChecks, Incidents
from tests.deploy.preflight_checks import a_stopped_worker_is_started_as_it_says
from tests.deploy.release_checks import blocks
from tests.deploy.runbook_checks import release_in_read_only_mode
from tests.deploy.site_checks import style_of
from tests.support import passwords
from tests.support.load import CONNECTIONS, Load
from tests.support.machine import Machine
from tests.support.project_edits import (
    add_rule,
    break_check,
    break_code,
    break_migration,
    break_page,
    break_readiness,
    break_requirement,
    break_site,
    break_worker,
    give_version,
)
from tests.support.servers import wait_until
from tests.support.systemd import BIN, CERTIFICATE, GUIDE, Snapshot, deployed_machine

ENVIRONMENT = "/etc/my_project/environment"
ALL_READY = (200, {"database": True, "cache": True, "broker": True})

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def source(systemd_project: Path) -> Path:
    """The project that is deployed. Its next releases are made from copies that a test changes."""
    return systemd_project


@pytest.fixture(scope="module")
def server(systemd_snapshot: Snapshot, docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the first deployment was made, step by step.

    All tests share it. Each leaves a release in service, of whichever version, and everything ready.
    """
    with deployed_machine(docker, tmp_path_factory.mktemp("machine"), systemd_snapshot) as running:
        yield running


@pytest.fixture
def pushed(server: Machine, source: Path) -> None:
    """Leave the project itself where the machine fetches it from, and not what another test has made of it."""
    server.push(source)


def release(server: Machine, project: Path, **options: Any) -> Any:
    """Push the project and release it as the document says."""
    server.push(project)
    return server.run(server.block(GUIDE, "Release"), user="admin", **options)


def current(server: Machine) -> str:
    """Return the name of the release in service."""
    return server.say("basename $(readlink /srv/my_project/current)")


def test_provisioning_twice_changes_nothing(server: Machine) -> None:
    before = server.say(f"sha256sum {ENVIRONMENT} /etc/redis/redis-my_project*.conf /etc/nginx/sites-enabled/*")
    result = server.run(server.block(GUIDE, "2. Prepare the machine"), user="admin")
    assert "Nothing had to be changed." in result.stdout
    after = server.say(f"sha256sum {ENVIRONMENT} /etc/redis/redis-my_project*.conf /etc/nginx/sites-enabled/*")
    assert before == after


@pytest.mark.parametrize("name", ["provision", "release", "rollback", "manage", "certificate", "status"])
def test_a_command_says_that_it_needs_root(server: Machine, name: str) -> None:
    result = server.run(f"{BIN}/{name}", user="admin", check=False)
    assert (result.returncode, result.stderr) == (1, "Error: this command must be run as root; put sudo before it.\n")


def test_no_secret_is_shown(server: Machine) -> None:
    secrets = re.findall(r"[:=]([0-9a-f]{48}|[A-Za-z0-9+/]{64})", server.say(f"cat {ENVIRONMENT}"))
    # Of Django, PostgreSQL, both servers of Redis, and operators.
    assert len(secrets) == 5
    shown = server.run("journalctl --no-pager --output=cat; cat /var/log/nginx/*.log").stdout
    shown += server.run(f"{BIN}/provision; {BIN}/status").stdout
    assert [secret for secret in secrets if secret in shown] == []


class Upgrade(NamedTuple):
    """A release of another version under load, the way back under load, and what was seen of them."""

    release: Load
    rollback: Load
    # The statuses of the slow requests that were sent one after another during the release.
    slow: list[int]
    # What the release printed, and the names of the former release, the new one and all that were kept.
    said: str
    former: str
    new: str
    kept: list[str]
    environments: list[str]
    # Whether everything was ready after it, and after the way back.
    ready: tuple[tuple[int, dict[str, bool]], tuple[int, dict[str, bool]]]
    # The version that was served after each, and the releases that were in service after the way back, and after
    # the release was taken again by name.
    versions: tuple[str, str]
    back: str
    again: str
    # The address of the style sheet before and after, and whether each is there after the release.
    styles: tuple[str, str]
    statuses: tuple[int, int]
    # The number of compressed files that were kept before and after.
    compressed: tuple[int, int]


class SlowRequests:
    """Requests that take 27 seconds, one every nine seconds: whenever a service is stopped, some are in progress.

    They are fewer than the threads of a process, in whose queue the requests of others would else wait for them.
    """

    def __init__(self, server: Machine) -> None:
        self.server = server
        self.is_over = threading.Event()
        self.pool = ThreadPoolExecutor()
        self.requests: list[Future[int]] = []
        self.sender = threading.Thread(target=self.send)

    def send(self) -> None:
        """Send requests until it is over."""
        while not self.is_over.wait(9):
            self.requests.append(self.pool.submit(lambda: self.server.get("/slow/").status))

    def statuses(self) -> list[int]:
        """Return the status of each response."""
        return [request.result() for request in self.requests]

    def __enter__(self) -> "SlowRequests":
        self.sender.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.is_over.set()
        self.sender.join()
        self.pool.shutdown()


@pytest.fixture(scope="module")
def upgrade(server: Machine, source: Path, tmp_path_factory: pytest.TempPathFactory) -> Upgrade:
    """Release the version 0.2.0, whose style sheet differs, go back and return to it by name."""
    folder = tmp_path_factory.mktemp("upgrade") / "project"
    shutil.copytree(source, folder)
    give_version(folder, "0.2.0")
    add_rule(folder)
    # Of years ago. With the two in service the first three are too many, and they have an environment of their own.
    old = "/srv/my_project/releases/2020010$n-000000-abcdefg"
    server.run(
        "cd /srv/my_project/environments; used=$(ls); mkdir old; for n in 1 2 3 4 5 6; do"
        f" mkdir {old}; environment=$used; if [ $n -le 3 ]; then environment=old; fi;"
        f" ln -s ../../environments/$environment {old}/.venv; done"
    )
    count = "find /var/cache/my_project -name '*.br' -o -name '*.gz' | wc -l"
    former, style, compressed = current(server), style_of(server), int(server.say(count))
    with Load(server) as load, SlowRequests(server) as slow:
        result = release(server, folder)
    kept = server.say("ls /srv/my_project/releases").split()
    environments = server.say("ls /srv/my_project/environments").split()
    new, ready, version, styles = current(server), server.ready(), server.version(), (style, style_of(server))
    statuses = (server.get(styles[0]).status, server.get(styles[1]).status)
    with Load(server) as rollback:
        server.run(server.block(GUIDE, "Roll back"), user="admin")
    back, back_version, back_ready = current(server), server.version(), server.ready()
    server.run(f"{BIN}/rollback {new}")
    return Upgrade(
        *(load, rollback, slow.statuses(), result.stdout, former, new, kept, environments, (ready, back_ready)),
        *((version, back_version), back, current(server), styles, statuses, (compressed, int(server.say(count)))),
    )


def test_a_release_loses_no_request(upgrade: Upgrade) -> None:
    print(f"{upgrade.release.answered} requests answered during a release")
    assert f"{upgrade.new} is in service." in upgrade.said
    assert upgrade.new != upgrade.former
    assert (upgrade.release.lost, upgrade.release.closed) == ({}, 0)
    assert upgrade.release.versions == {"0.1.0", "0.2.0"}
    assert upgrade.versions[0] == "0.2.0"
    assert upgrade.ready[0] == ALL_READY
    # A page that was loaded before goes on asking for its own files.
    assert upgrade.styles[0] != upgrade.styles[1]
    assert upgrade.statuses == (200, 200)


def test_slow_request_keeps_nobody_waiting_during_a_release(upgrade: Upgrade) -> None:
    print(f"The slowest of the other requests took {upgrade.release.slowest} s.")
    assert len(upgrade.slow) > 5
    assert set(upgrade.slow) == {200}
    # Without a standby they wait for the end of the slow ones, 18 seconds or more.
    assert upgrade.release.slowest < 15


def test_a_release_compresses_only_what_has_changed(server: Machine, upgrade: Upgrade) -> None:
    before, after = upgrade.compressed
    # The one style sheet, by Brotli and gzip.
    assert before > 100
    assert after - before == 2
    pid = server.say("systemctl show --property=MainPID --value my_project-web.service")
    inside = f"nsenter --target {pid} --mount setpriv --reuid my_project --regid my_project --clear-groups"
    result = server.run(f"{inside} touch /var/cache/my_project/written", check=False)
    assert "Read-only file system" in result.stderr


def break_start(project: Path) -> None:
    """Fail only where the socket is the service's own, which trying the release cannot show."""
    with (project / "gunicorn.conf.py").open("a") as configuration:
        configuration.write(
            'import os\n\nif not os.environ.get("GUNICORN_WORKERS"):\n    sys.exit("Error: not as a service.")\n'
        )


@pytest.mark.parametrize(
    ("damage", "step", "reason"),
    [
        (break_requirement, "Install the requirements", "THESE PACKAGES DO NOT MATCH THE HASHES"),
        (break_check, "Check the settings", "security.W012"),
        (break_code, "Check the settings", "nothing_of_that_name"),
        (break_readiness, "Smoke-test the new release on a private socket", '"never": false'),
        (break_migration, "Migrate the database", "division by zero"),
        (break_page, "Request the pages of SMOKE_URLS", "css/sight.css"),
        (break_site, "Install systemd units and the nginx site", "client_max_body_size"),
        (break_worker, "Restart the services", "my_project-worker.service"),
        (break_start, "Restart the services", "my_project-web-standby.service"),
    ],
)
def test_a_release_that_fails_leaves_the_former_one_serving(
    server: Machine, project: Path, damage: Callable[[Path], None], step: str, reason: str
) -> None:
    version = server.version()
    give_version(project, "0.3.0")
    damage(project)
    before = current(server)
    files = "ls /srv/my_project/releases; ls /srv/my_project/environments; sha256sum /etc/nginx/sites-enabled/*"
    there = server.say(files)
    with Load(server) as load:
        result = release(server, project, check=False)
    assert result.returncode == 1
    said = result.stdout + result.stderr
    assert reason in said
    last = result.stderr.splitlines()[-1]
    assert last == f'Error: step "{step}" failed; see the output above. {before} keeps serving.'
    assert load.lost == {}
    # Where nginx had to be given its former configuration back, it closed the connections that were idle.
    assert load.closed <= (CONNECTIONS if damage is break_site else 0)
    assert load.versions == {version}
    assert current(server) == before
    assert server.say(files) == there
    wait_until(lambda: server.ready() == ALL_READY, 60, "readiness")
    server.run(f"{BIN}/status")


def test_failed_release_turns_read_only_mode_off(server: Machine, project: Path) -> None:
    break_migration(project)
    before = current(server)
    server.push(project)
    result = server.run(release_in_read_only_mode(server), user="admin", check=False)
    assert result.returncode == 1
    assert f'step "Migrate the database" failed; see the output above. {before} keeps serving.' in result.stderr
    assert "Read-only mode: off" in server.say(f"{BIN}/manage read_only status")
    assert server.get("/admin/logout/", method="POST", body=b"x=y").status == 403


def test_a_rollback_loses_no_request(upgrade: Upgrade) -> None:
    assert (upgrade.rollback.lost, upgrade.rollback.closed) == ({}, 0)
    assert upgrade.rollback.versions == {"0.1.0", "0.2.0"}
    assert (upgrade.versions[1], upgrade.ready[1]) == ("0.1.0", ALL_READY)
    # Back again, by name.
    assert (upgrade.back, upgrade.again) == (upgrade.former, upgrade.new)


def test_old_releases_are_removed(upgrade: Upgrade) -> None:
    assert len(upgrade.kept) == 5
    assert upgrade.kept[-2:] == [upgrade.former, upgrade.new]
    assert len(upgrade.environments) == 1
    assert upgrade.environments != ["old"]


def give_former_layout(project: Path) -> None:
    """Put what is for systemd where version 0.2.0 of the template had it."""
    deploy = project / "deploy"
    for path in (deploy / "systemd/units").iterdir():
        path.rename(deploy / "systemd" / path.name)
    (deploy / "systemd/units").rmdir()
    (deploy / "systemd/paths.conf").rename(deploy / "systemd/places.conf")
    (deploy / "systemd/bin").rename(deploy / "bin")
    (deploy / "systemd/lib.sh").rename(deploy / "lib.sh")


def test_upgrade_from_the_former_layout_of_deploy_works_in_both_directions(
    server: Machine, source: Path, project: Path
) -> None:
    clone, hook = BIN.removesuffix("/deploy/systemd/bin"), "/etc/letsencrypt/renewal/my_project.conf"
    renewal = server.say(f"cat {hook}")
    assert f"= {BIN}/certificate\n" in f"{renewal}\n"

    def files() -> tuple[str, str]:
        """Return the drop-ins of the units, and nginx's sites."""
        return (
            server.say("cd /etc/systemd/system/my_project-.service.d; echo *"),
            server.say("cd /etc/nginx/sites-enabled; echo *"),
        )

    give_version(project, "0.1.9")
    give_former_layout(project)
    release(server, project)
    former = current(server)
    # What the former version's own commands would have left.
    server.run(
        f"cd {clone}; rm -f deploy/bin; git checkout --quiet --force --detach $(cat /srv/my_project/current/REVISION);"
        "cd /etc/nginx/sites-enabled; mv default-server.conf refuse.conf;"
        f"sed -i 's#{BIN}/certificate#{clone}/deploy/bin/certificate#' {hook}"
    )
    assert server.run(f"ls {BIN}", check=False).returncode != 0
    assert files() == ("hardening.conf places.conf", "my_project.conf refuse.conf")

    server.push(source)
    [notes] = re.findall(
        r"(?m)^      source=/srv/my_project/source\n(?:      .*\n)+", (ROOT / "CHANGELOG.md").read_text()
    )
    server.run(notes, user="admin")
    new = current(server)
    assert new != former
    assert files() == ("hardening.conf paths.conf", "default-server.conf my_project.conf")
    assert server.say(f"cat {hook}") == renewal
    assert server.ready() == ALL_READY

    # By the path that schedules of before have.
    assert f"{former} is in service again." in server.run(f"{clone}/deploy/bin/rollback").stdout
    assert files() == ("hardening.conf places.conf", "default-server.conf my_project.conf")
    assert (server.version(), server.ready()) == ("0.1.9", ALL_READY)
    assert f"{new} is in service again." in server.run(f"{BIN}/rollback {new}").stdout
    assert files() == ("hardening.conf paths.conf", "default-server.conf my_project.conf")
    assert server.ready() == ALL_READY
    assert "Nothing had to be changed." in server.run(f"{BIN}/provision").stdout


def test_what_cannot_be_rolled_back_to_is_refused(server: Machine) -> None:
    for argument, message in (
        ("20200101-000000-abcdefg", "there is no release 20200101-000000-abcdefg; status lists those that are kept."),
        (current(server), f"{current(server)} is in service already."),
    ):
        result = server.run(f"{BIN}/rollback {argument}", check=False)
        assert (result.returncode, result.stderr) == (1, f"Error: {message}\n")


def test_a_reference_that_does_not_exist_is_refused(server: Machine) -> None:
    result = server.run(f"{BIN}/release v9.9.9", check=False)
    assert result.returncode == 1
    assert "The repository has no branch, tag or commit v9.9.9." in result.stderr
    assert server.ready() == ALL_READY


def test_a_migration_that_waits_for_a_lock_gives_up(server: Machine, project: Path) -> None:
    (project / "apps/users/migrations/0002_waits.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        '    dependencies = [("users", "0001_initial")]\n'
        '    operations = [migrations.RunSQL("LOCK TABLE users_user IN ACCESS EXCLUSIVE MODE")]\n'
    )
    hold = "BEGIN; LOCK TABLE users_user IN ACCESS SHARE MODE; SELECT pg_sleep(300)"
    holder = [
        server.docker,
        "exec",
        server.container,
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "my_project",
        "-c",
        hold,
    ]
    with subprocess.Popen(holder, stdout=subprocess.DEVNULL) as process:
        result = release(server, project, check=False)
        assert result.returncode == 1
        assert "canceling statement due to lock timeout" in result.stderr + result.stdout
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)'"
        server.run(f'runuser -u postgres -- psql my_project -c "{end} AND pid <> pg_backend_pid()"')
        process.wait(timeout=60)


def test_a_second_release_is_refused_while_one_runs(server: Machine, pushed: None) -> None:
    command = [server.docker, "exec", server.container, f"{BIN}/release"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as first:
        assert first.stdout
        first.stdout.readline()
        for second in ("release", "rollback", "provision"):
            result = server.run(f"{BIN}/{second}", check=False)
            assert result.returncode == 1
            assert result.stderr == (
                "Error: another provision, release or rollback of my_project is running. Wait until it ends.\n"
            )
        assert "is in service." in first.stdout.read()
    assert first.returncode == 0


def test_an_interrupted_release_changes_nothing(server: Machine, pushed: None) -> None:
    before = current(server)
    status, said = server.interrupt(f"{BIN}/release", "Collect static files")
    assert status == 1
    assert f"{before} keeps serving." in said
    assert current(server) == before
    assert server.say("systemctl list-units --no-legend 'my_project-manage*' 'my_project-trial*'") == ""
    assert server.ready() == ALL_READY


@pytest.fixture
def environment(server: Machine) -> Iterator[None]:
    """Put the environment file back after a test has changed it."""
    server.run(f"cp --preserve {ENVIRONMENT} /root/environment")
    yield
    server.run(f"cp --preserve /root/environment {ENVIRONMENT}")


def test_a_missing_variable_is_named(server: Machine, pushed: None, environment: None) -> None:
    server.run(f"sed -i '/^EMAIL_HOST=/d; /^SECRET_KEY=/d' {ENVIRONMENT}")
    result = server.run(f"{BIN}/release", check=False)
    assert result.returncode == 1
    assert "EMAIL_HOST is missing" in result.stdout + result.stderr
    assert "SECRET_KEY is missing" in result.stdout + result.stderr
    assert 'step "Check the settings" failed' in result.stderr
    assert server.ready() == ALL_READY


def test_a_wrong_password_of_the_database_is_told_and_not_shown(
    server: Machine, pushed: None, environment: None
) -> None:
    server.run(f"sed -i 's/my_project:[0-9a-f]*@/my_project:0000feed@/' {ENVIRONMENT}")
    result = server.run(f"{BIN}/release", check=False)
    assert result.returncode == 1
    said = result.stdout + result.stderr
    assert '"database": false' in said
    assert "password authentication failed" in said
    assert "0000feed" not in said
    assert 'step "Smoke-test the new release on a private socket" failed' in result.stderr
    assert server.ready() == ALL_READY


def test_services_get_the_passwords_that_were_written(server: Machine, pushed: None) -> None:
    command = "python3 /srv/my_project/source/config/settings/variables.py /run/passwords/environment"
    values = {f"VALUE_{number}": value for number, value in enumerate(passwords.VALUES)}
    lines = [f"printf '%s\\n' {shlex.quote(value)} | {command} {name}" for name, value in values.items()]
    server.run("install -D /dev/null /run/passwords/environment\n" + "\n".join(lines))
    run = "systemd-run --quiet --wait --pipe --property=EnvironmentFile=/run/passwords/environment"
    read = server.say(f"{run} env --null | base64 --wrap=0")
    environment = dict(line.split("=", 1) for line in base64.b64decode(read).decode().split("\0") if line)
    assert {name: environment[name] for name in values} == values
    # What systemd would change is refused, before anything is built of it.
    server.run(f"cp {ENVIRONMENT} /run/environment; printf '%s\\n' 'EMAIL_HOST_PASSWORD=a\\b' >>{ENVIRONMENT}")
    result = server.run(f"{BIN}/release", check=False)
    server.run(f"cat /run/environment >{ENVIRONMENT}")
    assert "EMAIL_HOST_PASSWORD is not written as systemd would read it" in result.stdout + result.stderr
    assert 'step "Check the settings" failed' in result.stderr


def test_settings_are_changed_by_releasing_again(server: Machine, pushed: None) -> None:
    """They stay, as does the certificate for the name that comes along: it is renewed for both names."""
    server.run(f"sed -i 's/^ALLOWED_HOSTS=.*/ALLOWED_HOSTS=example.com,www.example.com/' {ENVIRONMENT}")
    server.run("echo SECURE_HSTS_SECONDS=31536000 | tee -a /etc/my_project/environment")
    with Load(server) as load:
        server.run(server.block(GUIDE, "Change settings"), user="admin")
    assert load.lost == {}
    assert load.closed <= CONNECTIONS
    for path in ("/", "/static/favicon.svg"):
        assert server.get(path).headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]
    # A name more is led to the first, once the certificate has it too.
    response = server.get("/admin/?x=1", host="www.example.com", scheme="http")
    assert (response.status, response.headers["Location"]) == (301, "https://example.com/admin/?x=1")
    certificate = server.block(GUIDE, CERTIFICATE).replace("--email", "--domain www.example.com --expand --email")
    server.run(certificate, user="admin")
    wait_until(lambda: server.is_trusted("www.example.com"), 60, "the certificate's coming into use")
    response = server.get("/admin/?x=1", host="www.example.com")
    assert (response.status, response.headers["Location"]) == (301, "https://example.com/admin/?x=1")
    assert response.headers.get_all("X-Frame-Options") == ["DENY"]


def test_the_commands_of_every_day_work(server: Machine) -> None:
    look, stop = server.block(GUIDE, "Show status and logs"), server.block(GUIDE, "Stop and start")
    result = server.run(look, user="admin")
    assert "valid until" in result.stdout
    assert "System check identified no issues" in result.stdout
    server.run(stop.splitlines()[0], user="admin")
    assert server.get("/").status == 503
    assert server.run(f"{BIN}/status", check=False).returncode == 1
    server.run(stop.splitlines()[1], user="admin")
    assert server.get("/").status == 200


@pytest.mark.parametrize("victim", ["worker", "master"])
def test_the_site_comes_back_after_a_part_of_it_was_killed(server: Machine, victim: str) -> None:
    main = "systemctl show --property=MainPID --value my_project-web.service"
    before = server.say(main)
    # The newest of the processes, for an old one may be about to be replaced.
    pid = before if victim == "master" else f"$(awk '{{print $NF}}' /proc/{before}/task/{before}/children)"
    with Load(server) as load:
        server.run(f"kill -KILL {pid}")
        start = time.monotonic()
        wait_until(lambda: server.get("/health/").status == 200, 60, "the site's return")
        back = time.monotonic() - start
    print(f"{victim}: back after {back:.2f} s; lost: {load.lost}; answered: {load.answered}")
    assert (server.say(main) == before) == (victim == "worker")
    # Only what the killed process had in its hands may be lost.
    assert sum(load.lost.values()) <= CONNECTIONS
    assert server.ready() == ALL_READY


@pytest.mark.parametrize(
    ("service", "failing"),
    [
        ("postgresql@17-main", {"database"}),
        ("redis-server@my_project", {"cache"}),
        ("redis-server@my_project-tasks", {"broker"}),
    ],
    ids=["PostgreSQL", "Redis", "Redis of the tasks"],
)
def test_ready_tells_the_truth_while_a_server_is_away(server: Machine, service: str, failing: set[str]) -> None:
    with Load(server) as load:
        server.run(f"systemctl stop {service}")
        # A process repeats its last outcome for a second.
        expected = (503, {name: name not in failing for name in ALL_READY[1]})
        wait_until(lambda: server.ready() == expected, 60, "the failure of the checks")
        wait_until(lambda: server.run(f"{BIN}/status", check=False).returncode == 1, 60, "status's alarm")
        server.run(f"systemctl start {service}")
        wait_until(lambda: server.ready() == ALL_READY, 60, "readiness")
        server.run(f"systemctl restart {service}")
        wait_until(lambda: server.ready() == ALL_READY, 60, "readiness")
    # No page that was asked for needs either.
    assert load.lost == {}
    wait_until(lambda: server.run(f"{BIN}/status", check=False).returncode == 0, 60, "status's all-clear")


def marks(server: Machine, name: str = "marks") -> list[int]:
    """Return the numbers that tasks have written, in their order."""
    place = f"/var/lib/my_project/{name}"
    return [int(line) for line in server.say(f"[ ! -e {place} ] || cat {place}").split()]


WORKER = "my_project-worker.service"
MAIN_PROCESS = f"$(systemctl show --property=MainPID --value {WORKER})"


def lost(server: Machine, count: int, events: Sequence[str]) -> set[int]:
    """Send tasks, let each of ``events`` befall their worker, and return those whose effect is still to be seen."""
    server.run("cd /var/lib/my_project; rm -f marks begun; install -o my_project -g my_project /dev/null marks")
    send = f"from apps.core.tasks import leave_a_mark as t; [t.delay(n) for n in range({count})]"
    server.run(f"{BIN}/manage shell --no-imports --command '{send}'")
    for event in events:
        time.sleep(4)
        server.run(event)

    def missing() -> set[int]:
        return set(range(count)) - set(marks(server))

    # Those that a worker took with it are given to another 20 seconds later.
    deadline = time.monotonic() + 180
    while missing() and time.monotonic() < deadline:
        time.sleep(1)
    print(f"{count} tasks, of which {len(marks(server, 'begun')) - count} more were begun than were sent")
    server.run(f"{BIN}/status")
    return missing()


def test_no_task_is_lost_when_its_worker_is_stopped_or_the_process_that_runs_it_is_killed(server: Machine) -> None:
    events = [
        f"systemctl restart {WORKER}",
        f"main={MAIN_PROCESS}; kill -KILL $(cut -d ' ' -f 1 /proc/$main/task/$main/children)",
        f"systemctl stop {WORKER}; sleep 2; systemctl start {WORKER}",
        f"systemctl kill --signal=TERM --kill-whom=main {WORKER}",
    ]
    assert lost(server, 120, events) == set()


def test_preflight_says_that_the_worker_is_stopped_and_how_to_start_it(server: Machine) -> None:
    a_stopped_worker_is_started_as_it_says(server, f"systemctl stop {WORKER}")


def test_no_task_that_has_begun_is_lost_when_the_whole_worker_is_killed_or_redis_restarts(server: Machine) -> None:
    events = [
        f"systemctl kill --signal=KILL --kill-whom=main {WORKER}",
        f"systemctl kill --signal=KILL --kill-whom=all {WORKER}",
        "systemctl restart redis-server@my_project-tasks.service",
    ]
    missing = lost(server, 100, events)
    assert missing & set(marks(server, "begun")) == set()
    # Each could have come while a task was being handed over, as one of forty kills was measured to do.
    assert len(missing) <= len(events)


def test_tasks_wait_while_the_site_is_read_only(server: Machine) -> None:
    numbers = list(range(8_000, 8_010))
    server.run(f"{BIN}/manage read_only on")
    send = f"from apps.core.tasks import leave_a_mark as t; [t.delay(n) for n in {numbers}]"
    server.run(f"{BIN}/manage shell --no-imports --command '{send}'")
    time.sleep(4)
    assert set(numbers) & set(marks(server, "begun")) == set()
    server.run(f"systemctl restart {WORKER}; {BIN}/manage read_only off")
    wait_until(lambda: set(numbers) <= set(marks(server)), 60, "the effect of every task")
    assert sorted(number for number in marks(server) if number in numbers) == numbers


def test_a_task_that_waits_for_its_time_survives_a_restart_of_its_worker(server: Machine) -> None:
    # No other task has this number: one that was given to two workers above may run once more here.
    number = 7_000
    send = f"from apps.core.tasks import leave_a_mark as t; t.apply_async(({number},), countdown=12)"
    server.run(f"{BIN}/manage shell --no-imports --command '{send}'")
    time.sleep(2)
    start = time.monotonic()
    server.run(f"systemctl restart {WORKER}")
    # An idle worker has nothing to wait for, and does not use up CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT.
    assert time.monotonic() - start < 25
    wait_until(lambda: number in marks(server), 60, "the task's time")


@pytest.mark.parametrize(
    ("limit", "step", "reason"),
    [
        ("size=$((used + 100))m", "Check free disk space", "a release needs 500 MB."),
        ("size=4g,nr_inodes=$((files + 20))", "Copy", "No space left on device"),
    ],
    ids=["nearly full", "full while copying"],
)
def test_a_full_disk_breaks_nothing(server: Machine, pushed: None, limit: str, step: str, reason: str) -> None:
    before = current(server)
    server.run(
        "used=$(du --summarize --block-size=1M /srv | cut -f 1); files=$(find /srv | wc -l);"
        f"mkdir -p /small; mount -t tmpfs -o {limit} tmpfs /small; cp -a /srv/. /small; mount --bind /small /srv"
    )
    try:
        result = server.run(f"{BIN}/release", check=False)
        assert result.returncode == 1
        assert reason in result.stdout + result.stderr
        assert f'step "{step}' in result.stderr
        assert current(server) == before
        assert before in server.say("ls /srv/my_project/releases")
    finally:
        server.run("umount /srv; umount /small")
    assert server.ready() == ALL_READY


class TestIncidents(IncidentChecks):
    """With systemd."""

    @pytest.fixture
    def manage(self) -> str:
        """What begins a command of manage.py."""
        return f"{BIN}/manage"

    @pytest.fixture
    def incidents(self) -> Incidents:
        """What the runbooks leave to the deployment."""
        return Incidents(
            settings=ENVIRONMENT,
            passwords=("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"),
            stop_redis="systemctl stop redis-server@my_project redis-server@my_project-tasks",
            stop_database="systemctl stop postgresql@17-main",
            stop_worker="systemctl stop my_project-worker",
            begun="systemctl show --property=MainPID --value my_project-web my_project-worker",
            guide=GUIDE,
            key=("/etc/ssl/my_project/privkey.pem", "600 0 0"),
            start_errors=(
                "systemd-run --quiet --unit=errors /srv/my_project/current/.venv/bin/python /root/errors_server.py"
            ),
            errors="127.0.0.1",
            reported="journalctl --unit=errors --output=cat --no-pager",
        )

    def test_what_the_system_brings_is_brought_up_to_date(self, server: Machine) -> None:
        [text] = blocks(server, "The system's packages", "docs/runbooks/vulnerable-dependency.md")
        server.run(text, user="admin")
        wait_until(server.is_ready, 60, "the site's return")


def test_every_unit_is_back_after_a_restart_of_the_machine(server: Machine) -> None:
    server.restart()
    wait_until(lambda: server.ready() == ALL_READY, 60, "the site's return")
    wait_until(lambda: server.run(f"{BIN}/status", check=False).returncode == 0, 60, "the return of every part")


def test_the_units_of_everything_are_rated_safe(server: Machine) -> None:
    table = server.say("systemd-analyze security --no-pager | grep my_project-")
    ratings = {line.split()[0]: float(line.split()[1]) for line in table.splitlines()}
    assert {"my_project-web.service", "my_project-worker.service", "my_project-beat.service"} <= set(ratings)
    print(ratings)
    assert {unit: rating for unit, rating in ratings.items() if rating > 1.1} == {}
