"""Two environments of a project side by side on one engine: what their containers may do, and what they reach."""

import contextlib
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Project
from tests.support.combinations import ALL_ON
from tests.support.compose import BASE, LARGEST, Environment
from tests.support.servers import free_port, wait_until

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def environments(
    bake: Callable[..., Project], docker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Environment]]:
    """Production and staging."""
    source = bake(**ALL_ON | {"deployment": "docker"}).path
    folder = tmp_path_factory.mktemp("environments")
    names = [f"isolation_{free_port()}_{kind}" for kind in ("production", "staging")]
    with contextlib.ExitStack() as stack:
        made = [Environment(docker, source, folder / name, name) for name in names]
        for environment in made:
            stack.callback(environment.remove)
            environment.configure()
            environment.run("make", "build-prod", "up-prod")
        yield made


def test_a_container_may_do_nothing_beyond_its_task(environments: list[Environment]) -> None:
    containers = environments[0].containers()
    assert set(containers) == {"migrate", "web", "worker", "beat", "backup", "db", "redis", "broker", "nginx"}
    for service, container in containers.items():
        host = container["HostConfig"]
        assert container["Config"]["User"] not in ("", "0", "root"), service
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert not host["CapAdd"], service
        assert not host["Privileged"], service
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service
        assert host["PidsLimit"] > 0, service
        assert host["Memory"] > 0, service
        assert host["LogConfig"]["Config"] == {"max-file": "5", "max-size": "10m"}, service
        assert bool(host["PortBindings"]) == (service == "nginx"), service
        if service == "migrate":
            assert (container["State"]["ExitCode"], host["RestartPolicy"]["Name"]) == (0, "no")
        else:
            assert (container["State"]["Health"]["Status"], host["RestartPolicy"]["Name"]) == (
                "healthy",
                "unless-stopped",
            )


def test_the_process_can_change_nothing_but_its_volumes(environments: list[Environment]) -> None:
    for path in ("/app/config/urls.py", "/venv/x", "/etc/passwd", "/usr/bin/x"):
        command = [environments[0].docker, "compose", "--env-file", ".env.production", "exec", "--no-TTY", "web"]
        result = subprocess.run(
            [*command, "sh", "-c", f"echo x >{path}"],
            cwd=environments[0].path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode != 0
        assert "Read-only file system" in result.stderr
    assert environments[0].compose("exec", "--no-TTY", "web", "id", "-u").strip() == "10001"


def test_nginx_is_on_no_network_with_the_database(environments: list[Environment]) -> None:
    one = environments[0]
    networks = {name: set(each["NetworkSettings"]["Networks"]) for name, each in one.containers().items()}
    assert networks["nginx"] == {f"{one.name}_frontend"}
    assert {name for name, its in networks.items() if f"{one.name}_frontend" in its} == {"nginx"}
    connect = "python -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)'"
    for service, port in (("db", 5432), ("redis", 6379), ("broker", 6379)):
        [address] = [its["IPAddress"] for its in one.containers()[service]["NetworkSettings"]["Networks"].values()]
        assert one.answers(f"{connect} {service} {port}", "backend")
        assert not one.answers(f"{connect} {service} {port}", "frontend")
        assert not one.answers(f"{connect} {address} {port}", "frontend")


def test_nobody_gets_in_without_the_password(environments: list[Environment]) -> None:
    login = "python -c 'import psycopg, sys; psycopg.connect(sys.argv[1], connect_timeout=3)'"
    for user in ("my_project", "postgres"):
        assert not environments[0].answers(f"{login} postgresql://{user}@db/my_project", "backend")
        assert not environments[0].answers(f"{login} postgresql://{user}:wrong@db/my_project", "backend")
    for host in ("redis", "broker"):
        ping = f"python -c 'import redis; redis.Redis(host=\"{host}\", socket_timeout=3).ping()'"
        assert not environments[0].answers(ping, "backend")
    # The application's role cannot do more than its own, and what a restore needs.
    ask = "SELECT rolsuper OR rolcreaterole OR rolreplication FROM pg_roles WHERE rolname = 'my_project'"
    psql = ["exec", "--no-TTY", "db", "psql", "--username", "postgres", "--tuples-only", "--no-align"]
    assert environments[0].compose(*psql, "--command", ask).strip() == "f"


def test_two_environments_share_nothing(environments: list[Environment]) -> None:
    used = []
    for environment in environments:
        containers = environment.containers().values()
        volumes = {m["Name"] for each in containers for m in each["Mounts"] if m["Type"] == "volume"}
        networks = {name for each in containers for name in each["NetworkSettings"]["Networks"]}
        ports = {b["HostPort"] for each in containers for bs in each["HostConfig"]["PortBindings"].values() for b in bs}
        images = {each["Image"] for each in containers if each["Config"]["Image"].startswith("isolation")}
        used.append((volumes, networks, ports, {each["Id"] for each in containers}))
        assert all(name.startswith(environment.name) for name in volumes | networks)
        assert len(images) == 1
    for first, second in zip(*used, strict=True):
        assert first
        assert not first & second
    create = 'from apps.users.models import User; User.objects.create_user("ann@example.com", "x")'
    count = "from apps.users.models import User; print(User.objects.count())"
    shell = ["exec", "--no-TTY", "web", "python", "manage.py", "shell", "--no-imports", "--command"]
    environments[0].compose(*shell, create)
    assert [environment.compose(*shell, count).strip() for environment in environments] == ["1", "0"]


def test_the_image_holds_what_runs_and_nothing_else(environments: list[Environment], docker: str) -> None:
    one = environments[0]
    (one.path / ".env").write_text("SECRET_KEY=not-for-an-image\n")
    (one.path / "secret.pem").write_text("not for an image\n")
    one.run("make", "build-prod")
    look = [docker, "run", "--rm", f"{one.name}:current", "sh", "-euc"]
    there = set(one.run(*look, "ls -A /app").stdout.split())
    code = {"apps", "config", "deploy", "gunicorn.conf.py", "manage.py", "ops", "pyproject.toml", "requirements"}
    assert there == code | {"__pycache__", "static", "staticfiles", "templates"}
    for program in ("gcc", "make", "git", "curl", "pg_config", "/venv/bin/pip"):
        assert one.run(*look, f"command -v {program} || echo none").stdout.strip() == "none", program
    # Of what the packages were fetched with, nothing but what the base has.
    caches = "find /var/cache /var/lib/apt/lists /root -type f"
    bare = one.run(docker, "run", "--rm", "--user", "0", BASE, "sh", "-c", caches).stdout.split()
    ours = one.run(docker, "run", "--rm", "--user", "0", f"{one.name}:current", "sh", "-c", caches).stdout.split()
    assert set(ours) <= set(bare)
    compressed = one.run(*look, "ls staticfiles/css/*.css.br staticfiles/css/*.css.gz").stdout
    assert len(compressed.split()) > 1
    for package in ("apps", "config", "ops"):
        assert one.run(*look, f"find {package} -name '*.cpython-*.pyc' | wc -l").stdout.strip() != "0", package
    found = json.loads(one.run(docker, "image", "inspect", f"{one.name}:current", BASE).stdout)
    print(f"{(found[0]['Size'] - found[1]['Size']) / 1e6:.0f} MB above {BASE}")
    assert found[0]["Size"] - found[1]["Size"] <= LARGEST
    assert found[0]["Config"]["Labels"]["org.opencontainers.image.title"] == "my_project"
    assert [one for one in found[0]["Config"]["Env"] if re.search("SECRET|PASSWORD|_URL", one)] == []


def test_a_change_of_the_source_installs_nothing_again(environments: list[Environment], docker: str) -> None:
    one = environments[0]
    with (one.path / "apps/core/views.py").open("a") as views:
        views.write("\n# A change.\n")
    said = one.run(docker, "build", "--progress", "plain", "--target", "production", ".").stderr
    steps = re.findall(r"#\d+ \[(?:production|requirements)[^\n]*(?:apt-get|pip)[^\n]*\n#\d+ (\w+)", said)
    assert steps == ["CACHED"] * 3


@pytest.fixture(scope="module")
def paas(environments: list[Environment], docker: str) -> Iterator[Callable[..., str]]:
    """Start a container of the image as docs/coolify.md says, with a database and a Redis; return its name."""
    one = environments[1]
    settings = dict(
        line.split("=", 1) for line in (one.path / ".env.production").read_text().splitlines() if "=" in line
    )
    variables = {
        "SECRET_KEY": settings["SECRET_KEY"],
        "ALLOWED_HOSTS": "example.com",
        "CSRF_TRUSTED_ORIGINS": "https://example.com",
        "DATABASE_URL": f"postgres://my_project:{settings['POSTGRES_PASSWORD']}@db:5432/my_project",
        "REDIS_URL": f"redis://:{settings['REDIS_PASSWORD']}@redis:6379/0",
        "EMAIL_HOST": "smtp.example.com",
        "AWS_STORAGE_BUCKET_NAME": "uploads",
        "FORWARDED_ALLOW_IPS": "*",
        "PORT": "9000",
    }
    table = re.findall(r"^\| `([A-Z_]+)` \|", one.read("docs/coolify.md"), re.MULTILINE)
    assert set(table) == set(variables) - {"PORT"}
    started = []

    def start(*command: str) -> str:
        name = f"{one.name}_platform_{len(started)}"
        options = ["--detach", "--name", name, "--network", f"{one.name}_backend", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
        options += [word for variable in variables.items() for word in ("--env", "=".join(variable))]
        one.run(docker, "run", *options, f"{one.name}:current", *command)
        started.append(name)
        return name

    yield start
    one.run(docker, "rm", "--force", *started)


def documented(environment: Environment, question: str) -> list[str]:
    """Return the command that docs/coolify.md answers a question of the PaaS with."""
    row = next(line for line in environment.read("docs/coolify.md").splitlines() if line.startswith(f"| {question}"))
    return shlex.split(re.findall(r"`([^`]+)`", row)[0])


def test_paas_runs_the_image(environments: list[Environment], paas: Callable[..., str], docker: str) -> None:
    one = environments[1]
    before = paas(*documented(one, "command before a deployment"))
    assert one.run(docker, "wait", before).stdout.strip() == "0"
    site = paas()
    wait_until(
        lambda: one.run(docker, "inspect", "--format", "{{.State.Health.Status}}", site).stdout.strip() == "healthy",
        60,
        "the site's health",
    )
    ask = (
        "import sys, urllib.request as u; h = {'Host': 'example.com', 'X-Forwarded-Proto': 'https'};"
        "a = u.urlopen(u.Request(f'http://{sys.argv[1]}:9000{sys.argv[2]}', headers=h));"
        "print(a.status, a.headers['Cache-Control'], a.read().decode())"
    )

    def answer(path: str) -> str:
        options = ["--rm", "--network", f"{one.name}_backend", f"{one.name}:current"]
        return one.run(docker, "run", *options, "python", "-c", ask, site, path).stdout

    assert answer("/ready/").startswith("200 max-age=0")
    page = answer("/")
    style = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert answer(style).startswith("200 max-age=315360000, public, immutable")


@pytest.mark.parametrize(("question", "sign"), [("background tasks", "ready."), ("scheduled tasks", "beat: Starting")])
def test_a_platform_can_run_the_workers(
    environments: list[Environment], paas: Callable[..., str], docker: str, question: str, sign: str
) -> None:
    name = paas(*documented(environments[1], question))

    def said() -> str:
        return subprocess.run([docker, "logs", name], capture_output=True, text=True, check=True).stdout

    wait_until(lambda: sign in said(), 60, f"the start of {question}")
