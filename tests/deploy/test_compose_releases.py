"""A Debian machine with Docker Compose and everything on: what it survives, with visitors on the site."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.deploy.incident_checks import IncidentChecks, Incidents
from tests.deploy.preflight_checks import a_stopped_worker_is_started_as_it_says
from tests.deploy.release_checks import ReleaseChecks, python
from tests.deploy.runbook_checks import release_in_read_only_mode
from tests.deploy.site_checks import style_of
from tests.support.compose import COMPOSE, GUIDE, MANAGE, Snapshot, docker_machine
from tests.support.load import Load
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

FOLDER = "/opt/my_project"
ENVIRONMENT = f"{FOLDER}/.env.production"
BACKUPS = "/var/lib/docker/volumes/my_project_backups/_data"
ALL_READY = (200, {"database": True, "cache": True, "broker": True})

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def source(compose_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the server serves, whose next releases differ by what a test changes."""
    folder = tmp_path_factory.mktemp("source") / "project"
    shutil.copytree(compose_project, folder)
    return folder


@pytest.fixture(scope="module")
def server(compose_snapshot: Snapshot, docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the first start was made, step by step."""
    with docker_machine(docker, tmp_path_factory.mktemp("machine"), compose_snapshot) as running:
        yield running


class Release(NamedTuple):
    """A release under load: what it printed, what visitors got, and what there was before."""

    printed: str
    load: Load
    style: str
    image: str


@pytest.fixture(scope="module")
def released(server: Machine, source: Path) -> Release:
    """The release of version 0.2.0, with a change of the style sheet, on the server of version 0.1.0."""
    give_version(source, "0.2.0")
    add_rule(source)
    style, before = style_of(server), image(server)
    with Load(server) as load:
        result = release(server, source)
    print(f"{load.answered} requests answered during a release")
    return Release(result.stdout, load, style, before)


def give(server: Machine, project: Path) -> None:
    """Push the project, and have the server's clone be as it is."""
    server.push(project)
    # Each test's history begins with the same commit and goes its own way.
    server.run(f"git -C {FOLDER} fetch --quiet; git -C {FOLDER} reset --quiet --hard origin/main")


def release(server: Machine, project: Path, **options: Any) -> Any:
    """Push the project and release it as the document says."""
    give(server, project)
    return server.run(server.block(GUIDE, "Release"), user="admin", **options)


def image(server: Machine, tag: str = "current") -> str:
    """Return the number of an image of the project's."""
    return server.say(f"docker image inspect --format '{{{{.Id}}}}' my_project:{tag}")


def containers(server: Machine, service: str = "") -> list[str]:
    """Return the names of the running containers, or of those of a service."""
    return sorted(server.say(f"{COMPOSE} ps --format '{{{{.Name}}}}' {service}").split())


def run_in_shell(server: Machine, code: str) -> str:
    """Return what a piece of Python prints in a Django shell of the site."""
    return python(server, MANAGE, code)


def test_no_secret_is_shown(server: Machine) -> None:
    secrets = re.findall(r"(?:SECRET_KEY|PASSWORD)=(.*)", server.say(f"cat {ENVIRONMENT}"))
    assert len([secret for secret in secrets if secret]) == 3
    shown = server.run(f"{COMPOSE} logs; {COMPOSE} ps --all --no-trunc; make -C {FOLDER} check-env").stdout
    assert [secret for secret in secrets if secret and secret in shown] == []
    assert server.say(f"stat --format='%a %U' {ENVIRONMENT}") == "600 root"


def test_a_release_loses_no_request(server: Machine, released: Release) -> None:
    assert "is in service." in released.printed
    assert (released.load.lost, released.load.closed) == ({}, 0)
    assert released.load.versions == {"0.1.0", "0.2.0"}
    assert server.version() == "0.2.0"
    assert server.ready() == ALL_READY
    assert image(server, "previous") == released.image
    # Compose would run its container again with each of the others; the release has migrated in one of its own.
    assert server.say("docker inspect --format '{{.State.Status}}' my_project-migrate-1") == "created"
    # A page that was loaded before goes on asking for its own files.
    style = style_of(server)
    assert style != released.style
    assert (server.get(released.style).status, server.get(style).status) == (200, 200)
    # Before it was migrated, the database was backed up, to a file that can be read to its end.
    assert "==> Back up the database\n" in released.printed
    listed = server.say(f"{FOLDER}/deploy/docker/bin/manage list_backups --check")
    assert listed.startswith("backup_")
    dump = f"{BACKUPS}/{listed.split()[0]}"
    server.say(f"gzip --test {dump}")
    assert server.say(f"zcat {dump} | grep -c '^COPY public.users_user '") == "1"
    assert server.say(f"stat --format=%a {dump}") == "600"


def test_what_is_up_stays_as_it_is_when_it_is_started_again(server: Machine, released: Release) -> None:
    running = "docker ps --no-trunc --format '{{.ID}} {{.Names}}' | sort"
    before = server.say(running)
    server.run(server.block(GUIDE, "Change settings"), user="admin")
    assert server.say(running) == before


@pytest.mark.parametrize(
    ("damage", "step", "reason"),
    [
        (break_requirement, "Build the image", "THESE PACKAGES DO NOT MATCH THE HASHES"),
        (break_code, "Smoke-test the new release on a private socket", "nothing_of_that_name"),
        (break_readiness, "Smoke-test the new release on a private socket", '"never": false'),
        (break_check, "Check the settings", "security.W012"),
        (break_migration, "Migrate the database", "division by zero"),
        (break_page, "Request the pages of SMOKE_URLS", "css/sight.css"),
        (break_worker, "Restart the other services", "worker"),
        (break_site, "Switch traffic", "client_max_body_size"),
    ],
)
def test_a_release_that_fails_leaves_the_former_one_serving(
    server: Machine, released: Release, project: Path, damage: Callable[[Path], None], step: str, reason: str
) -> None:
    give_version(project, "0.3.0")
    damage(project)
    before = image(server), containers(server), image(server, "previous")
    version = server.version()
    with Load(server) as load:
        result = release(server, project, check=False)
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert reason in said, said
    assert f'Error: step "{step}" failed; see the output above. The former release keeps serving.' in said
    assert (load.lost, load.closed) == ({}, 0)
    assert load.versions == {version}
    assert (image(server), containers(server), image(server, "previous")) == before
    wait_until(lambda: server.ready() == ALL_READY, 60, "readiness")


def test_failed_release_turns_read_only_mode_off(server: Machine, source: Path, project: Path) -> None:
    break_migration(project)
    before = image(server)
    give(server, project)
    result = server.run(release_in_read_only_mode(server), user="admin", check=False)
    give(server, source)
    assert 'step "Migrate the database" failed' in result.stderr
    assert image(server) == before
    assert "Read-only mode: off" in server.say(f"{MANAGE} read_only status")
    assert server.get("/admin/logout/", method="POST", body=b"x=y").status == 403


def test_a_rollback_loses_no_request(server: Machine, released: Release) -> None:
    with Load(server) as load:
        server.run(server.block(GUIDE, "Roll back"), user="admin")
    assert (load.lost, load.closed) == ({}, 0)
    assert load.versions == {"0.1.0", "0.2.0"}
    assert server.version() == "0.1.0"
    # Back again, by name.
    [name] = server.say("docker image ls --format '{{.Tag}}' my_project | grep '^2'").split()
    server.run(f"make -C {FOLDER} rollback-prod RELEASE={name}")
    assert server.version() == "0.2.0"
    for other, message in ((name, f"{name} is in service already."), ("20200101-000000", "Available releases: ")):
        result = server.run(f"make -C {FOLDER} rollback-prod RELEASE={other}", check=False)
        assert result.returncode != 0
        assert message in result.stderr


def test_the_plan_shows_what_a_release_would_migrate(server: Machine, project: Path) -> None:
    before = image(server)
    assert "No planned migration operations." in server.run(server.block(GUIDE, "Release", 1), user="admin").stdout
    break_migration(project)
    give(server, project)
    assert "users.0002_broken" in server.run(server.block(GUIDE, "Release", 1), user="admin").stdout
    assert image(server) == before


def test_a_second_release_is_refused_and_an_interrupted_one_changes_nothing(
    server: Machine, released: Release, source: Path
) -> None:
    give_version(source, server.version())

    def release_twice() -> None:
        for second in ("release-prod", "rollback-prod"):
            result = server.run(f"make -C {FOLDER} {second}", check=False)
            assert "Error: another release or rollback is running. Wait until it ends." in result.stderr

    before = image(server), containers(server)
    give(server, source)
    status, said = server.interrupt(f"{FOLDER}/deploy/docker/bin/release", "Check the settings", before=release_twice)
    assert status == 1
    assert "The former release keeps serving." in said
    assert (image(server), containers(server)) == before
    assert server.ready() == ALL_READY


def test_a_release_that_is_interrupted_after_visitors_were_brought_to_it_says_so(server: Machine, source: Path) -> None:
    before, number = image(server), len(containers(server))
    give_version(source, "0.2.1")
    give(server, source)
    status, said = server.interrupt(f"{FOLDER}/deploy/docker/bin/release", "Stop the former container")
    assert status == 1
    assert "The new release is in service." in said
    assert image(server) != before
    assert image(server, "previous") == before
    assert len(containers(server)) == number
    assert server.ready() == ALL_READY
    assert "is in service again." in server.run(f"make -C {FOLDER} rollback-prod").stdout
    assert image(server) == before


# The image in service with its scripts where version 0.2.0 of the template had them.
FORMER_IMAGE = r"""
FROM my_project:current
USER root
RUN cd deploy/docker && rm backups serve ask.py publish take-over \
    && mv nginx/local.conf . && mv image/backups . && mv image/entrypoint serve && mv image/probe.py ask.py \
    && mv image/publish-assets publish && mv image/switch-traffic take-over && rm -r image nginx \
    && sed -i -e s#docker/nginx/local#docker/local# -e s#image/probe#ask# \
    -e s#image/publish-assets#publish# -e s#image/switch-traffic#take-over# publish serve
USER 10001:10001
HEALTHCHECK --start-period=60s --start-interval=1s CMD ["python", "deploy/docker/ask.py", "/health/"]
"""


def test_image_with_the_former_layout_of_deploy_can_be_rolled_back_to(server: Machine, project: Path) -> None:
    tag, before = "20200101-000000", image(server)
    server.run(f"printf '%s' '{FORMER_IMAGE}' | docker build --quiet --tag my_project:{tag} -")
    former = image(server, tag)
    with Load(server) as load:
        server.run(f"make -C {FOLDER} rollback-prod RELEASE={tag}")
    assert (load.lost, load.closed) == ({}, 0)
    assert (image(server), server.ready()) == (former, ALL_READY)
    # A release that fails when its container has taken over goes back to the former one's scripts.
    break_site(project)
    result = release(server, project, check=False)
    assert 'step "Switch traffic" failed' in result.stderr
    assert "does not take over" not in result.stderr
    assert (image(server), server.ready()) == (former, ALL_READY)
    server.run(f"make -C {FOLDER} rollback-prod")
    assert (image(server), server.ready()) == (before, ALL_READY)
    server.run(f"docker image rm my_project:{tag}")


def test_former_paths_in_an_image_lead_to_the_present_ones(server: Machine) -> None:
    shown = server.say(f"{COMPOSE} exec -T web sh -euc 'python deploy/docker/ask.py /ready/; deploy/docker/take-over'")
    assert '"database": true' in shown
    former = "for name in backups publish serve; do test -x deploy/docker/$name; done"
    server.run(f"{COMPOSE} exec -T web sh -euc '{former}'")


def test_release_is_refused_while_a_container_mounts_a_file_that_has_moved(server: Machine) -> None:
    path = f"{FOLDER}/deploy/docker/nginx/nginx.conf"
    server.run(f"mv {path} {path}.moved")
    try:
        result = server.run(f"make -C {FOLDER} release-prod", check=False)
    finally:
        server.run(f"mv {path}.moved {path}")
    assert f"Error: a container mounts {path}, which has moved; run: make up-prod\n" in result.stderr
    assert "==>" not in result.stdout


def test_hook_of_certbot_follows_the_command_that_has_moved(server: Machine) -> None:
    hook = "/etc/letsencrypt/renewal/my_project.conf"
    renewal = server.say(f"cat {hook}")
    command = f"{FOLDER}/deploy/docker/bin/certificate"
    assert f"= {command}\n" in f"{renewal}\n"
    server.run(f"sed -i 's#{command}#{FOLDER}/deploy/docker/certificate#' {hook}")
    server.run(server.block(GUIDE, "Change settings"), user="admin")
    assert server.say(f"cat {hook}") == renewal


def test_no_task_that_has_begun_is_lost_when_the_worker_is_stopped_or_killed(server: Machine) -> None:
    run_in_shell(server, "from apps.core.tasks import leave_a_mark\nfor n in range(60): leave_a_mark.delay(n)")
    server.run(f"{COMPOSE} restart worker", timeout=60)
    server.run("kill -9 $(docker inspect --format '{{.State.Pid}}' my_project-worker-1)")
    count = 'from django.core.cache import cache; print(sum(bool(cache.get(f"mark-{n}")) for n in range(60)))'
    # The kill could have come while a task was being handed over, as one of forty was measured to do.
    wait_until(lambda: int(run_in_shell(server, count)) >= 59, 120, "the effect of every task")


def test_preflight_says_that_the_worker_is_stopped_and_how_to_start_it(server: Machine) -> None:
    a_stopped_worker_is_started_as_it_says(server, f"{COMPOSE} stop worker")


@pytest.mark.parametrize("service", ["web", "worker", "beat", "db", "redis", "broker", "nginx"])
def test_a_container_that_was_killed_comes_back(server: Machine, service: str) -> None:
    [name] = containers(server, service)
    pid = server.say(f"docker inspect --format '{{{{.State.Pid}}}}' {name}")
    server.run(f"kill -9 {pid}")

    def is_back() -> bool:
        state = server.say(f"docker inspect --format '{{{{.State.Pid}}}} {{{{.State.Health.Status}}}}' {name}").split()
        return state[0] not in ("0", pid) and state[1] == "healthy"

    wait_until(is_back, 60, f"the return of {service}")
    wait_until(lambda: server.get("/").status == 200 and server.ready() == ALL_READY, 60, "readiness")


def test_down_and_up_keeps_the_data(server: Machine) -> None:
    assert run_in_shell(server, "from apps.users.models import User; print(User.objects.count())") == "1"
    headings = ("Show logs and run commands", "Stop and start")
    server.run("\n".join(server.block(GUIDE, heading) for heading in headings), user="admin")
    assert run_in_shell(server, "from apps.users.models import User; print(User.objects.get())") == "ann@example.com"
    assert server.ready() == ALL_READY


def test_the_commands_for_every_day(server: Machine) -> None:
    shown = server.answer(f"sudo make -C {FOLDER} shell-prod", {">>> ": "print(6 * 7)", "42": "exit()"})
    assert "42" in shown
    log = server.run(f"timeout 5 make -C {FOLDER} logs-prod SERVICE=web", check=False)
    assert log.returncode != 0
    assert '"method": "GET"' in log.stdout


def test_a_wrong_password_of_the_database_gives_one_clear_line(server: Machine) -> None:
    server.run(f"cp --preserve {ENVIRONMENT} /root/environment")
    server.run(f"sed -i 's/^POSTGRES_PASSWORD=.*/POSTGRES_PASSWORD=0123456789abcdef0123/' {ENVIRONMENT}")
    try:
        result = server.run(f"make -C {FOLDER} up-prod", check=False)
    finally:
        server.run(f"cp --preserve /root/environment {ENVIRONMENT}; make -C {FOLDER} up-prod")
    assert result.returncode != 0
    lines = [line for line in (result.stdout + result.stderr).splitlines() if "password authentication failed" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Error: ")
    assert 'password authentication failed for user "my_project"' in lines[0]
    assert "Traceback" not in result.stdout + result.stderr
    assert server.ready() == ALL_READY


def test_without_a_certificate_it_says_how_to_make_one(server: Machine) -> None:
    server.run(f"mv {FOLDER}/nginx/ssl/fullchain.pem /root/")
    result = server.run(f"make -C {FOLDER} up-prod", check=False)
    assert (
        "Error: nginx/ssl has no certificate; make one with: sudo deploy/docker/bin/certificate self-signed"
        in result.stderr
    )
    server.run(f"mv /root/fullchain.pem {FOLDER}/nginx/ssl/")


class TestRelease(ReleaseChecks):
    """With Docker Compose."""

    @pytest.fixture
    def manage(self) -> str:
        """What begins a command of manage.py."""
        return MANAGE


class TestIncidents(IncidentChecks):
    """With Docker Compose."""

    @pytest.fixture
    def manage(self) -> str:
        """What begins a command of manage.py."""
        return MANAGE

    @pytest.fixture
    def incidents(self) -> Incidents:
        """What the runbooks leave to the deployment."""
        return Incidents(
            settings=ENVIRONMENT,
            passwords=("POSTGRES_PASSWORD", "REDIS_PASSWORD"),
            stop_redis=f"{COMPOSE} stop redis broker",
            stop_database=f"{COMPOSE} stop db",
            stop_worker=f"{COMPOSE} stop worker",
            begun=f"{COMPOSE} ps --quiet web worker | xargs docker inspect --format '{{{{.State.StartedAt}}}}'",
            guide=GUIDE,
            key=(f"{FOLDER}/nginx/ssl/privkey.pem", "640 0 101"),
            start_errors=(
                "docker run --detach --name errors --network my_project_backend"
                " --volume /root/errors_server.py:/errors_server.py:ro my_project:current python /errors_server.py"
            ),
            errors="errors",
            reported="docker logs errors",
        )


def test_everything_is_back_after_a_restart_of_the_machine(server: Machine) -> None:
    server.restart()
    wait_until(lambda: server.ready() == ALL_READY, 60, "the return of every part")
