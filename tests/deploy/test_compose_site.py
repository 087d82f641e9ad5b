"""The site on a Debian machine with Docker Compose, as docs/deployment says: its own nginx, or the host's."""

import ssl
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Project
from tests.deploy.api_attack_checks import ApiAttackChecks
from tests.deploy.attack_checks import AttackChecks
from tests.deploy.observatory_checks import ObservatoryChecks
from tests.deploy.preflight_checks import PreflightChecks, World, mail_server
from tests.deploy.runbook_checks import RunbookChecks, Runbooks, follow
from tests.deploy.site_checks import BY_NGINX, Deployment, SiteChecks, check_headers
from tests.support.combinations import ALL_OFF
from tests.support.compose import COMPOSE, GUIDE, MANAGE, Snapshot, docker_machine
from tests.support.documents import sections, shell_blocks
from tests.support.load import Load
from tests.support.machine import Machine
from tests.support.servers import wait_until

pytestmark = pytest.mark.timeout(900)
HOST_NGINX = [
    "Start the site without the nginx container",
    "Install nginx",
    "Install the nginx site",
    "Get a certificate for nginx on the host",
]
BALANCER = "Use a load balancer that terminates TLS"
DEPLOYMENT = Deployment(
    manage=MANAGE,
    stop=f"{COMPOSE} stop web",
    start="/opt/my_project/deploy/docker/bin/up",
    access_log="docker logs my_project-nginx-1 2>&1",
    output="docker logs my_project-web-1 2>&1",
    compression="gzip",
    settings="/opt/my_project/.env.production",
    token="sed -n 's/^OPERATOR_TOKEN=//p' /opt/my_project/.env.production",
    # As a Prometheus in a container beside those of the project.
    metrics=(
        "docker run --rm --network my_project_backend nginx:1.30-trixie curl --silent --show-error --fail"
        " --header 'Authorization: Bearer %s' http://web:8000/metrics/"
    ),
)


@pytest.fixture(scope="module")
def server(compose_snapshot: Snapshot, docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which the first start was made, step by step."""
    with docker_machine(docker, tmp_path_factory.mktemp("machine"), compose_snapshot) as running:
        yield running


@pytest.fixture(scope="module")
def deployment() -> Deployment:
    """How to reach what the tests look at."""
    return DEPLOYMENT


def verify_new_backup(server: Machine) -> None:
    """Make a backup and verify it."""
    manage = "/opt/my_project/deploy/docker/bin/manage"
    server.run(f"{manage} backup_database; {manage} verify_backup latest")


class TestWithItsOwnNginx(SiteChecks):
    """COMPOSE_PROFILES=proxy."""


class TestAttacks(AttackChecks):
    """With the project's own nginx."""


class TestApi(ApiAttackChecks):
    """With the project's own nginx."""


class TestRunbooks(RunbookChecks):
    """With Docker Compose."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def verified(cls, server: Machine) -> None:
        """A backup, which was verified."""
        verify_new_backup(server)

    @pytest.fixture
    def runbooks(self) -> Runbooks:
        """What the runbooks leave to the deployment."""
        return Runbooks(
            settings="cat /opt/my_project/.env.production",
            folder="/var/lib/docker/volumes/my_project_backups/_data",
            interpreter=f"{COMPOSE} exec -T backup python",
            stop_database=f"{COMPOSE} stop db",
        )

    def test_the_container_has_made_one(self, server: Machine) -> None:
        assert "rows of public.users_user" in follow(server, "back-up", "When one has failed, or is overdue", 1)

    def test_the_site_cannot_change_a_backup(self, server: Machine) -> None:
        command = "ls /var/backups/my_project; rm /var/backups/my_project/backup_*"
        result = server.run(f"{COMPOSE} exec -T web sh -c '{command}'", check=False)
        assert "backup_" in result.stdout
        assert "Read-only file system" in result.stderr


class TestPreflight(PreflightChecks):
    """With Docker Compose."""

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, server: Machine) -> Iterator[World]:
        """The machine, in whose containers the names lead to it, and who trust what the world would."""
        file = "/opt/my_project/compose.prod.yaml"
        # Where OpenSSL looks by itself.
        trusted = "      - /root/trusted.pem:/usr/lib/ssl/cert.pem:ro"
        hosts = "    extra_hosts: [example.com:host-gateway, smtp.example.com:host-gateway]"
        verify_new_backup(server)
        with mail_server(server):
            server.run("cat /authority.pem /root/mail.pem >/root/trusted.pem; chmod 0644 /root/trusted.pem")
            server.run(
                f"sed -i '/^  backup:$/a \\{hosts}' {file};sed -i '/- backups:.*my_project$/a \\{trusted}' {file}"
            )
            yield World(
                folder="/var/lib/docker/volumes/my_project_backups/_data",
                stop_database=f"{COMPOSE} stop db",
                stop_site=DEPLOYMENT.stop,
                # SENTRY_DSN is not set.
                notes=("hsts", "sentry"),
            )
            server.run("git -C /opt/my_project checkout --quiet compose.prod.yaml; make -C /opt/my_project up-prod")


class TestObservatory(ObservatoryChecks):
    """With the project's own nginx, after what looks at a container's log: changed settings make it anew."""


# Undoes what the guide says under that heading.
WITHOUT_BALANCER = "sed -i /^NGINX_HTTPS=/d /opt/my_project/.env.production; make -C /opt/my_project up-prod"


class TestBehindABalancer:
    """NGINX_HTTPS=false."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, server: Machine) -> Iterator[Machine]:
        """The machine, whose nginx speaks HTTP alone meanwhile."""
        server.run(server.block(GUIDE, BALANCER), user="admin")
        yield server
        server.run(WITHOUT_BALANCER)

    def test_what_the_balancer_says_of_the_visitor_is_believed(self, server: Machine) -> None:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        response = server.get("/", scheme="http", headers=headers)
        assert response.status == 200
        check_headers(response)
        response = server.get("/static/favicon.svg", scheme="http", headers=headers)
        assert response.headers.get_all("Strict-Transport-Security") == ["max-age=3600"]
        assert '"client":"203.0.113.7"' in server.say(DEPLOYMENT.access_log)

    def test_a_visitor_over_http_is_led_to_https(self, server: Machine) -> None:
        response = server.get("/admin/", scheme="http")
        assert (response.status, response.headers["Location"]) == (301, "https://example.com/admin/")

    def test_nothing_speaks_https(self, server: Machine) -> None:
        with pytest.raises(ssl.SSLError):
            server.connect(verify=False).request("GET", "/")

    def test_https_is_back_without_the_setting(self, server: Machine) -> None:
        server.run(WITHOUT_BALANCER)
        assert server.get("/").status == 200


class TestBehindTheNginxOfTheHost(SiteChecks):
    """COMPOSE_FILE with compose.host-expose.yaml, and no profile."""

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls, server: Machine) -> Machine:
        """The machine, with nginx on it instead of in a container."""
        server.run("make -C /opt/my_project down-prod; certbot delete --cert-name my_project --non-interactive")
        server.follow(sections(server.repository / GUIDE), *HOST_NGINX)
        wait_until(server.is_trusted, 60, "the certificate's coming into use")
        return server

    @pytest.fixture
    def deployment(self) -> Deployment:
        """How to reach what the tests look at."""
        return DEPLOYMENT._replace(access_log="cat /var/log/nginx/*.log", compression="br", metrics=BY_NGINX)

    def test_a_release_loses_no_request(self, server: Machine) -> None:
        server.run("cd /opt/my_project; sed -i 's/^version = .*/version = \"0.2.0\"/' pyproject.toml")
        with Load(server) as load:
            server.run("make -C /opt/my_project release-prod")
        assert (load.lost, load.closed) == ({}, 0)
        assert load.versions == {"0.1.0", "0.2.0"}
        # What a release that has changed nginx's configuration asks for can be done again.
        server.run(server.block(GUIDE, HOST_NGINX[2]), user="admin")
        assert server.get("/").status == 200

    def test_the_port_is_this_machines_own(self, server: Machine) -> None:
        assert server.say(f"{COMPOSE} ps --format '{{{{.Service}}}} {{{{.Ports}}}}' | grep -c 0.0.0.0 | cat") == "0"
        assert "127.0.0.1:8000->8000/tcp" in server.say(f"{COMPOSE} ps gate")


def test_every_block_of_the_document_is_run(bake: Callable[..., Project]) -> None:
    """By these tests or by those of test_compose_releases.py."""
    project = bake(**ALL_OFF | {"deployment": "docker"})
    with_blocks = [heading for heading, blocks in sections(project.path / GUIDE).items() if blocks]
    first = ["1. Install Docker", "2. Clone the project", "3. Create the settings", "4. Create a temporary certificate"]
    first += ["5. Build and start", "6. Get a certificate", "7. Create an account and check the site"]
    later = ["Release", "Roll back", "Change settings", "Show logs and run commands", "Stop and start"]
    assert with_blocks == [*first, *later, *HOST_NGINX, BALANCER]
    assert shell_blocks(project.path / "DEPLOYMENT.md") == []


def test_everything_is_back_after_a_restart_of_the_machine(server: Machine) -> None:
    server.restart()
    assert server.get("/").status == 200
