"""The site on a Debian machine that was set up without the scripts, as docs/deployment shows it, seen over HTTPS."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.conftest import Project, tool
from tests.deploy.api_attack_checks import ApiAttackChecks
from tests.deploy.attack_checks import AttackChecks
from tests.deploy.observatory_checks import ObservatoryChecks
from tests.deploy.preflight_checks import PreflightChecks, World, mail_server, preflight
from tests.deploy.release_checks import HUB, ReleaseChecks, blocks
from tests.deploy.runbook_checks import RunbookChecks, Runbooks, follow
from tests.deploy.site_checks import BY_NGINX, Deployment, SiteChecks
from tests.docs.test_release_documents import SOME_TESTS
from tests.support.combinations import ALL_OFF
from tests.support.documents import sections, shell_blocks
from tests.support.machine import Machine
from tests.support.servers import wait_until
from tests.support.systemd import BEFORE_CERTIFICATE, BIN, CERTIFICATE, GUIDE, Snapshot, deployed_machine, give_wheels

# The hub page installs what the tests of a project need, and runs them.
pytestmark = pytest.mark.timeout(900)

DEPLOYMENT = Deployment(
    manage="/srv/my_project/source/deploy/systemd/bin/manage",
    stop="systemctl stop my_project.target 'my_project-*'",
    start="systemctl start my_project.target",
    access_log="cat /var/log/nginx/*.log",
    output="journalctl --unit=my_project-web.service --output=cat --no-pager",
    compression="br",
    settings="/etc/my_project/environment",
    token="sed -n 's/^OPERATOR_TOKEN=//p' /etc/my_project/environment",
    metrics=BY_NGINX,
)


@pytest.fixture(scope="module")
def source(lean_project: Path) -> Path:
    """The project that is deployed."""
    return lean_project


@pytest.fixture(scope="module")
def server(hand_made_snapshot: Snapshot, docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the steps of "The same by hand" were done. Each test leaves a site that serves."""
    with deployed_machine(docker, tmp_path_factory.mktemp("machine"), hand_made_snapshot) as running:
        yield running


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    """How to reach what the tests look at."""
    return DEPLOYMENT


class TestSite(SiteChecks):
    """The site under systemd."""


class TestAttacks(AttackChecks):
    """Under systemd."""


class TestApi(ApiAttackChecks):
    """Under systemd."""


class TestObservatory(ObservatoryChecks):
    """Under systemd."""


def test_every_block_of_the_document_is_run(bake: Callable[..., Project]) -> None:
    """By these tests or by those of test_releases.py, which follow the scripts."""
    project = bake(**ALL_OFF | {"deployment": "systemd"})
    with_blocks = [heading for heading, blocks in sections(project.path / GUIDE).items() if blocks]
    by_script = ["1. Clone the project", "2. Prepare the machine", "3. Complete the settings"]
    by_script += [CERTIFICATE, "5. Release", "6. Check the site"]
    later = ["Release", "Roll back", "Change settings", "Show status and logs", "Stop and start"]
    by_hand = [*BEFORE_CERTIFICATE, "Install the release"]
    assert with_blocks == [*by_script, *later, *by_hand]
    assert shell_blocks(project.path / "DEPLOYMENT.md") == []


def test_prometheus_on_the_machine_finds_the_site(server: Machine) -> None:
    document = sections(server.repository / "PRODUCTION.md")
    assert [heading for heading, blocks in document.items() if blocks] == [
        "Prometheus on the machine",
        "Before the first visitor",
    ]
    install, look = document["Prometheus on the machine"]
    server.run(install, user="admin")
    wait_until(lambda: "=> 1 @" in server.run(look, user="admin", check=False).stdout, 60, "Prometheus's first answer")
    assert 'instance="example.com", job="my_project"' in server.say(look)
    rules = json.loads(server.say("curl --silent http://127.0.0.1:9090/api/v1/rules"))["data"]["groups"][0]["rules"]
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    assert len(rules) == 9
    assert server.say("ss --listening --tcp --numeric --no-header 'sport = :9090'").count("127.0.0.1:9090") == 1


def test_nginx_finds_its_configuration_in_order(server: Machine, tmp_path: Path) -> None:
    assert server.run("nginx -t 2>&1").stdout.count("warn") == 0
    subprocess.run([server.docker, "cp", "--quiet", f"{server.container}:/etc/nginx", tmp_path / "nginx"], check=True)
    # The analyser follows includes by their full path, which here is another; Debian's own nginx.conf is not ours.
    for path in (tmp_path / "nginx").rglob("*"):
        if path.is_file():
            path.write_text(path.read_text(errors="replace").replace("/etc/nginx/", f"{tmp_path}/nginx/"))
    main = tmp_path / "nginx" / "nginx.conf"
    main.write_text(
        f"events {{}}\nhttp {{\n    server_tokens off;\n    include {tmp_path}/nginx/sites-enabled/*;\n}}\n"
    )
    result = subprocess.run([tool("gixy"), "--format", "text", main], capture_output=True, text=True, check=False)
    assert "No issues found" in result.stdout, result.stdout
    assert result.returncode == 0


def test_systemd_finds_nothing_in_the_units_and_rates_them_safe(server: Machine) -> None:
    files = "/etc/systemd/system/my_project.target /etc/systemd/system/my_project-*.s*"
    assert server.run(f"systemd-analyze verify $(ls -d {files} | grep -v '[.]d$') 2>&1").stdout == ""
    table = server.say("systemd-analyze security --no-pager | grep my_project")
    ratings = {line.split()[0]: float(line.split()[1]) for line in table.splitlines()}
    assert "my_project-web.service" in ratings
    assert {unit: rating for unit, rating in ratings.items() if rating > 1.1} == {}


@pytest.mark.parametrize(
    ("zone", "standard", "summer"), [("Europe/Berlin", "CET", "CEST"), ("Europe/Athens", "EET", "EEST")]
)
def test_a_backup_is_made_in_every_night(server: Machine, zone: str, standard: str, summer: str) -> None:
    """Of a time that the clocks leave out when they go forward, systemd leaves out the whole night."""
    calendar = server.say("sed -n 's/^OnCalendar=//p' /etc/systemd/system/my_project-backup.timer")
    for last, names in (("2026-03-28", [standard, summer, summer]), ("2026-10-24", [summer, standard, standard])):
        asked = f"systemd-analyze calendar --iterations=3 --base-time='{last} 02:00' '{calendar}'"
        found = re.findall(r": \w+ (\S+) [\d:]+ ([A-Z]+)\n", server.say(f"TZ={zone} {asked}"))
        days = [(date.fromisoformat(last) + timedelta(days=number)).isoformat() for number in range(3)]
        assert [moment for moment in found if moment[1] != "UTC"] == list(zip(days, names, strict=True))


def test_nobody_else_on_the_machine_reads_uploaded_files(server: Machine) -> None:
    server.run(
        f"{DEPLOYMENT.manage} shell --no-imports --command 'from django.core.files.storage import default_storage as s;"
        'from django.core.files.base import ContentFile as F; s.save("private.txt", F(b"x"))\''
    )
    assert server.get("/media/private.txt").status == 200
    assert server.run("cat /var/lib/my_project/media/private.txt", user="admin", check=False).returncode != 0


def test_the_service_cannot_change_its_own_code_and_nobody_else_reads_its_secrets(server: Machine) -> None:
    pid = server.say("systemctl show --property=MainPID --value my_project-web.service")
    inside = f"nsenter --target {pid} --mount setpriv --reuid my_project --regid my_project --clear-groups sh -c"
    for path in ("/srv/my_project/current/config/urls.py", "/etc/my_project/environment", "/usr/bin/env"):
        assert server.run(f"{inside} 'echo >>{path}'", check=False).returncode != 0, path
    server.run(f"{inside} 'echo >/var/lib/my_project/written'")
    assert server.run("cat /etc/my_project/environment", user="admin", check=False).returncode != 0
    assert server.say("stat --format='%a %U %G' /etc/my_project/environment") == "640 root my_project"


def test_the_certificate_can_be_renewed(server: Machine) -> None:
    """That it is, and comes into use, is seen by those of incidents."""
    server.run(server.block(GUIDE, CERTIFICATE, 1), user="admin", timeout=120)
    assert server.say("systemctl is-active certbot.timer") == "active"


def test_a_certificate_that_cannot_serve_is_refused(server: Machine) -> None:
    server.run("mkdir -p /root/other; cd /root/other; openssl genrsa -out key.pem 2048")
    self_signed = "openssl req -x509 -key key.pem -subj /CN=example.com"
    server.run(f"cd /root/other; {self_signed} -days 5 -out good.pem")
    server.run(f"cd /root/other; {self_signed} -not_before 20200101000000Z -not_after 20200201000000Z -out old.pem")
    before = server.say("sha256sum /etc/ssl/my_project/*")
    put = "/srv/my_project/source/deploy/systemd/bin/certificate"
    for files, reason in (
        ("/etc/ssl/my_project/fullchain.pem /root/other/key.pem", "is not the key of"),
        ("/root/other/old.pem /root/other/key.pem", "has expired"),
        ("/root/other/none.pem /root/other/key.pem", "there is no file /root/other/none.pem"),
        ("/root/other/good.pem", "certificate takes two files"),
    ):
        result = server.run(f"{put} {files}", check=False)
        assert result.returncode == 1
        assert result.stderr.startswith("Error: ")
        assert reason in result.stderr
    assert server.say("sha256sum /etc/ssl/my_project/*") == before
    # The hook of another certificate of the machine is none of this project's business.
    server.run(f"RENEWED_LINEAGE=/etc/letsencrypt/live/other {put}")
    assert server.say("sha256sum /etc/ssl/my_project/*") == before


def test_the_script_finds_what_was_done_by_hand_in_order(server: Machine) -> None:
    result = server.run("/srv/my_project/source/deploy/systemd/bin/provision")
    did = [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")]
    # By hand, each release has an environment of its own.
    assert did == ["made /srv/my_project/environments"], result.stdout
    assert "Nothing had to be changed." in server.say("/srv/my_project/source/deploy/systemd/bin/provision")


def test_a_clone_in_another_place_is_refused(server: Machine) -> None:
    server.run("cp -r /srv/my_project/source /root/elsewhere")
    result = server.run("/root/elsewhere/deploy/systemd/bin/provision", check=False)
    message = "the project must be cloned into /srv/my_project/source; see docs/deployment/systemd.md."
    assert (result.returncode, result.stderr) == (1, f"Error: {message}\n")


def test_a_database_and_a_redis_elsewhere_are_left_alone(server: Machine) -> None:
    environment = "/etc/my_project/environment"
    server.run(f"cp --preserve {environment} /root/environment")
    server.run(f"sed -i 's/@127.0.0.1/@db.example.com/' {environment}")
    shown = server.say("/srv/my_project/source/deploy/systemd/bin/provision")
    assert "PostgreSQL" not in shown
    assert "Redis" not in shown
    server.run(f"cp --preserve /root/environment {environment}")


def test_proxies_in_front_tell_the_address_of_the_visitor(server: Machine) -> None:
    """As a CDN does: the tests come from a private network."""
    environment, provision = "/etc/my_project/environment", "/srv/my_project/source/deploy/systemd/bin/provision"
    server.run(f"cp --preserve {environment} /root/environment")

    def trust(networks: str, check: bool = True) -> str:
        server.run(f"sed -i /^NGINX_TRUSTED_PROXIES=/d {environment}; echo {networks} >>{environment}")
        said: str = server.run(f"{provision} 2>&1", check=check).stdout
        return said

    def attempt(address: str) -> int:
        headers = {"X-Forwarded-For": f"192.0.2.1, {address}"}
        return server.get("/admin/login/", method="POST", headers=headers, body=b"x=y").status

    assert attempt("203.0.113.1") == 403
    assert '"client":"203.0.113.1"' not in server.say(DEPLOYMENT.access_log)
    trust("NGINX_TRUSTED_PROXIES=127.0.0.0/8,172.16.0.0/12,10.0.0.0/8,192.168.0.0/16,198.51.100.0/24")
    wait_until(lambda: attempt("203.0.113.2, 198.51.100.7") == 403, 60, "the site's return")
    log = server.say(DEPLOYMENT.access_log)
    assert '"client":"203.0.113.2"' in log
    assert '"client":"192.0.2.1"' not in log
    # Each visitor has a limit of his own, and an IPv6 network is one visitor.
    assert {attempt(f"203.0.113.{number}") for number in range(10, 30)} == {403}
    assert attempt("2001:db8:0:2::1") == 403
    assert [attempt(f"2001:db8:0:1:{number}::1") for number in range(10)][-1] == 429
    refused = trust("NGINX_TRUSTED_PROXIES=cdn.example.com", check=False)
    assert (
        "Error: NGINX_TRUSTED_PROXIES must list networks such as 203.0.113.0/24,2001:db8::/32: cdn.example.com"
        in refused
    )
    server.run(f"cp --preserve /root/environment {environment}; {provision}")
    wait_until(lambda: server.get("/").status == 200, 60, "the site's return")


def test_a_second_project_lives_on_the_same_machine(
    server: Machine, bake: Callable[..., Project], tmp_path: Path
) -> None:
    """For another name than it was generated for, and where another site of this nginx answers to unknown names."""
    second = bake(project_slug="second", **ALL_OFF | {"deployment": "systemd"})
    there = Machine(server.docker, server.container, server.ports, tmp_path)
    there.push(second.path, "second")
    others = "server { listen 80 default_server; listen [::]:80 default_server; return 404; }"
    server.run(f"rm /etc/nginx/sites-enabled/default-server.conf; echo '{others}' >/etc/nginx/conf.d/others.conf")
    server.run("echo '127.0.0.1 second.example.com' >>/etc/hosts")
    document = sections(second.path / GUIDE)
    server.run(document["1. Clone the project"][0], user="admin")
    provision = document["2. Prepare the machine"][0].strip() + " second.example.com"
    assert "another site already serves unknown names" in server.run(provision, user="admin").stdout
    server.run(document["3. Complete the settings"][0], user="admin")
    certificate = document[CERTIFICATE][0].replace("--domain example.com", "--domain second.example.com")
    server.run(certificate, user="admin", timeout=120)
    give_wheels(server, "/var/lib/second", "second")
    server.run(document["5. Release"][0], user="admin")
    for host, name in (("example.com", "my_project"), ("second.example.com", "second")):
        assert json.loads(server.get("/health/", host=host).read())["service"] == name
        assert json.loads(server.get("/ready/", host=host).read())["status"] == "ready"
    environments = server.say("cat /etc/my_project/environment /etc/second/environment")
    assert re.findall(r"@127\.0\.0\.1:(63\d\d)/", environments) == ["6380", "6381"]
    assert server.get("/", host="unknown.example.com", scheme="http").status == 404


def test_everything_is_back_after_a_restart_of_the_machine(server: Machine) -> None:
    server.restart()
    assert server.get("/").status == 200


def test_the_first_release_is_made_from_its_hub_page_alone(server: Machine, source: Path) -> None:
    server.push(source)
    # A place that others push to.
    server.run("git -C /var/lib/git/my_project.git config core.bare true; chown -R admin /var/lib/git")
    server.run(
        "git config --global user.name 'Ann Example'; git config --global user.email ann@example.com\n"
        "cd; git clone --quiet https://git.example.com/my_project.git\n"
        "sudo apt-get install --yes --no-install-recommends make python3-venv",
        user="admin",
    )
    give_wheels(server, "/home/admin", "admin")
    install, variables, *_ = blocks(server, "What you need", HUB)
    server.run(install, user="admin")

    def step(heading: str) -> None:
        for block in blocks(server, heading, HUB):
            text = f"cd /home/admin/my_project\n{variables}\nexport ARGS='{SOME_TESTS}'\n{block}"
            server.run(text, user="admin", timeout=900)

    documents = "/home/admin/my_project/docs/maintainers/planning/releases/v0.1.0"
    step("1. Begin")
    server.run(f"sed -i 's/^TODO:.*/The first release./' {documents}/release-notes.md")
    step("3. Commit the release documents")
    # What is for people to do and to tick.
    server.run(f"sed -i '/^## Before/,/^## The release/ s/^- ... \\([^`]\\)/- [x] \\1/' {documents}/checklist.md")
    step("5. Check")
    step("6. Tag")
    step("7. Deploy")
    step("8. Look at it")
    assert server.version() == "0.1.0"
    commit = server.say("cat /srv/my_project/current/REVISION")
    tagged = server.run("git -C /var/lib/git/my_project.git rev-parse 'v0.1.0^{commit}'", user="admin").stdout
    assert commit == tagged.strip()
    server.run(f"sed -i 's/^- ... /- [x] /' {documents}/checklist.md")
    step("9. Afterwards")


def verify_new_backup(server: Machine) -> None:
    """Make a backup and verify it."""
    server.run(f"{DEPLOYMENT.manage} backup_database; {DEPLOYMENT.manage} verify_backup latest")


class TestRunbooks(RunbookChecks):
    """With systemd."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def verified(cls, server: Machine) -> None:
        """A backup, which was verified."""
        verify_new_backup(server)

    @pytest.fixture
    def runbooks(self) -> Runbooks:
        """What the runbooks leave to the deployment."""
        return Runbooks(
            settings="cat /etc/my_project/environment",
            folder="/var/backups/my_project",
            interpreter="/srv/my_project/current/.venv/bin/python",
            stop_database="systemctl stop postgresql@17-main",
        )

    def test_the_timer_makes_one_every_night(self, server: Machine) -> None:
        server.run("systemctl start my_project-backup.timer")
        said = follow(server, "back-up", "When one has failed, or is overdue", 1)
        assert "my_project-backup.timer" in said
        assert "rows of public.users_user" in said
        assert server.say("systemctl is-enabled my_project-backup.timer") == "enabled"

    def test_the_site_cannot_change_a_backup(self, server: Machine) -> None:
        pid = server.say("systemctl show --property=MainPID --value my_project-web.service")
        inside = f"nsenter --target {pid} --mount setpriv --reuid my_project --regid my_project --clear-groups sh -c"
        result = server.run(f"{inside} 'ls /var/backups/my_project; rm /var/backups/my_project/backup_*'", check=False)
        assert "backup_" in result.stdout
        assert "Read-only file system" in result.stderr
        assert server.run("ls /var/backups/my_project", user="admin", check=False).returncode != 0

    def test_a_full_disk_leaves_nothing_half_written_and_is_told(self, server: Machine) -> None:
        folder = "/var/backups/my_project"
        server.run(
            f"mount -t tmpfs -o size=64k,mode=0700 tmpfs {folder}; chown my_project: {folder};"
            f"runuser -u my_project -- dd if=/dev/zero of={folder}/full bs=1k count=60"
        )
        try:
            result = server.run(f"{DEPLOYMENT.manage} backup_database --compression none", check=False)
            assert "No space left on device" in result.stdout + result.stderr
            assert server.say(f"ls {folder}/backup_* | cat 2>&1") == ""
            assert "backup" in server.run(f"{BIN}/status", check=False).stdout
            server.run(f"rm {folder}/full; {DEPLOYMENT.manage} backup_database")
        finally:
            server.run(f"umount {folder}")
        server.run(f"{BIN}/status")


class TestPreflight(PreflightChecks):
    """With systemd."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, server: Machine) -> Iterator[World]:
        """The machine, which is told where the mail server is, and trusts what the world would."""
        trusted = (
            "for file in /authority.pem /root/mail.pem; do install -m 0644 $file /etc/ssl/certs/$(hash $file); done"
        )
        names = 'hash() { echo "$(openssl x509 -hash -noout -in "$1").0"; }'
        verify_new_backup(server)
        with mail_server(server):
            server.run(f"{names}; {trusted}; echo '127.0.0.1 smtp.example.com' >>/etc/hosts")
            yield World(
                folder="/var/backups/my_project",
                stop_database="systemctl stop postgresql@17-main",
                stop_site=DEPLOYMENT.stop,
            )

    def test_a_disk_that_is_full_is_an_error(self, server: Machine, world: World) -> None:
        server.run(f"mount -t tmpfs -o size=64k tmpfs {world.folder}; head --bytes=63K /dev/zero >{world.folder}/full")
        _, wrong, hints = preflight(server)
        server.run(f"umount {world.folder}")
        assert wrong["disk"] == "error"
        assert "docs/runbooks/disk-full.md" in hints["disk"]


class TestRelease(ReleaseChecks):
    """With systemd."""

    @pytest.fixture
    def manage(self) -> str:
        """What begins a command of manage.py."""
        return DEPLOYMENT.manage
