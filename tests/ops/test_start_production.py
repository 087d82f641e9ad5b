"""start_production.sh and gunicorn.conf.py, with real servers: what starts, what does not, and how it is served."""

import contextlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Project
from tests.support import passwords
from tests.support.combinations import ALL_ON
from tests.support.documents import sections
from tests.support.production_site import Site, children, production, started, with_programs
from tests.support.servers import Server, find, free_port, listens, wait_until


@pytest.fixture
def project(bake: Callable[..., Project], tmp_path: Path) -> Project:
    """A copy of the project with everything on, for a .env of its own."""
    shutil.copytree(bake(**ALL_ON).path, tmp_path / "project")
    return Project(tmp_path / "project")


@pytest.fixture
def python(install: Callable[..., Path], project: Project) -> Path:
    return install(project, "production")


@pytest.fixture
def environment(postgresql: Server, redis: Server) -> Iterator[dict[str, str]]:
    """What production needs, with an empty database of the test's own."""
    name = f"start_{free_port()}"
    psql(postgresql, f"CREATE DATABASE {name}")
    own = Server(urlsplit(postgresql.url)._replace(path=f"/{name}").geturl(), postgresql.process)
    yield production(own, redis)
    psql(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


def psql(database: Server, query: str) -> str:
    """Return what a query answers."""
    command = [find("psql", "postgresql-client"), "--no-psqlrc", "--tuples-only", "--no-align", "--command", query]
    return subprocess.run([*command, database.url], capture_output=True, text=True, check=True).stdout.strip()


def tables(environment: dict[str, str], server: Server) -> int:
    """Return how many tables the test's database has."""
    query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    return int(psql(Server(environment["DATABASE_URL"], server.process), query))


def refusal(project: Project, python: Path, environment: dict[str, str]) -> str:
    """Return what starting says, which must fail, leave nothing running and show no secret."""
    port = free_port()
    run = subprocess.run(
        ["./start_production.sh"],
        cwd=project.path,
        env=with_programs(python, {**environment, "GUNICORN_BIND": f"127.0.0.1:{port}"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert not listens(port)
    assert "Starting gunicorn" not in run.stderr
    assert "secret" not in run.stdout + run.stderr
    return run.stderr


def test_it_migrates_and_serves(
    project: Project, python: Path, environment: dict[str, str], postgresql: Server, tmp_path: Path
) -> None:
    with started(project, python, tmp_path / "log", **environment) as site:
        assert "<h1>My Project</h1>" in site.get("/").read().decode()
        assert site.get("/ready/").status == 200
        assert tables(environment, postgresql) > 5
    # The second time there is nothing to migrate.
    with started(project, python, tmp_path / "log", **environment):
        assert "No migrations to apply" in (tmp_path / "log").read_text()


def test_migrations_can_be_left_out(
    project: Project, python: Path, environment: dict[str, str], postgresql: Server, tmp_path: Path
) -> None:
    with started(project, python, tmp_path / "log", RUN_MIGRATIONS_ON_START="false", **environment) as site:
        assert site.get("/").status == 200
        assert tables(environment, postgresql) == 0
    message = refusal(project, python, environment | {"RUN_MIGRATIONS_ON_START": "no"})
    assert message == "Error: RUN_MIGRATIONS_ON_START must be true or false.\n"


def test_of_several_processes_one_migrates(
    project: Project, python: Path, environment: dict[str, str], postgresql: Server
) -> None:
    (project.path / "apps/users/migrations/0002_slow.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        "    dependencies = [('users', '0001_initial')]\n    operations = [migrations.RunSQL(\n"
        "        \"SELECT pg_sleep(2); INSERT INTO auth_group (name) SELECT 'run ' || count(*) FROM auth_group\")]\n"
    )
    command = [python, "manage.py", "migrate", "--no-input"]
    settings = environment | {"DJANGO_SETTINGS_MODULE": "config.settings.production"}
    with ThreadPoolExecutor() as pool:
        logs = [run.stdout for run in pool.map(lambda _: project.run(*command, **settings), range(3))]
    assert psql(Server(environment["DATABASE_URL"], postgresql.process), "SELECT count(*) FROM auth_group") == "1"
    assert sorted("Applying users.0002_slow... OK" in log for log in logs) == [False, False, True]
    assert sorted("Waiting: another process migrates this database." in log for log in logs) == [False, True, True]


def test_a_failing_migration_starts_nothing(project: Project, python: Path, environment: dict[str, str]) -> None:
    (project.path / "apps/users/migrations/0002_broken.py").write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        "    dependencies = [('users', '0001_initial')]\n    operations = [migrations.RunSQL('SELECT broken')]\n"
    )
    assert 'column "broken" does not exist' in refusal(project, python, environment)


def test_wrong_settings_start_nothing(project: Project, python: Path, environment: dict[str, str]) -> None:
    message = refusal(project, python, environment | {"SECRET_KEY": "short", "EMAIL_HOST": ""})
    assert message.startswith("Error: the production settings cannot be used:\n  - SECRET_KEY has 5 characters")
    assert "EMAIL_HOST is missing" in message
    assert "Traceback" not in message


def test_the_environment_comes_from_a_file(
    project: Project, python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    lines = [f"{name}={value}" for name, value in environment.items() if name not in ("SECRET_KEY", "ALLOWED_HOSTS")]
    file = project.path / ".env"
    file.write_text(
        "# The environment, as an operator writes it: with blank lines and quotes.\n\n"
        f"SECRET_KEY='{environment['SECRET_KEY']}'  \n"
        '  # "www" comes first\n'
        'ALLOWED_HOSTS="www.example.com, example.com"\n'
        "SERVER_NAME='it is $HOME & `id`'\n"
        "EMPTY=\nGUNICORN_BIND=127.0.0.1:1\n" + "\n".join(lines)
    )
    written = passwords.write(project, ".env")
    with file.open("a") as end:
        end.write("SECURE_SSL_REDIRECT=false\n")
    # What is set outside, as GUNICORN_BIND is here, wins over the file.
    with started(project, python, tmp_path / "log") as site:
        assert site.get("/", host="example.com").status == 200
        variables = Path(f"/proc/{site.process.pid}/environ").read_text().split("\0")
        assert "SERVER_NAME=it is $HOME & `id`" in variables
        assert "EMPTY=" in variables
        assert f"EMAIL_HOST={environment['EMAIL_HOST']}" in variables
        assert {f"{name}={value}" for name, value in written.items()} <= set(variables)
        # Over plain HTTP, a browser keeps the cookie that a form comes with, and can so log in.
        cookie = site.get("/accounts/login/", scheme="http").headers["Set-Cookie"]
        assert cookie.startswith("csrftoken=")
        assert "Secure" not in cookie
        token = cookie.partition(";")[0].removeprefix("csrftoken=")
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        form = f"csrfmiddlewaretoken={token}&username=ada@example.com&password=wrong"
        headers = {"Host": "www.example.com", "Origin": "http://www.example.com", "Cookie": f"csrftoken={token}"}
        headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/accounts/login/", form, headers)
        assert connection.getresponse().status == 200
    # Development reads the same file.
    code = "import json, os; from pathlib import Path; from config.settings import variables; "
    code += "variables.load(Path('.env')); print(json.dumps(dict(os.environ)))"
    loaded = json.loads(project.run(python, "-c", code, EMPTY="outside").stdout)
    assert {name: loaded[name] for name in written} == written
    assert (loaded["ALLOWED_HOSTS"], loaded["EMPTY"]) == ("www.example.com, example.com", "outside")


@pytest.mark.parametrize(
    "line",
    [
        *("secret", "secret value", "A=secret value", "A=$secret", 'A="$secret"', 'A="`touch secret`"', "A='secret"),
        *("A=secret;touch secret", "A=secret&", "A=~secret", "export A=secret", "A =secret", "1A=secret", "A=secret\r"),
        *('A="secret\\"', "A=sec'ret", "A=(secret)", "A=secret # why", "touch secret"),
    ],
)
def test_a_line_that_cannot_be_read_starts_nothing(
    project: Project, python: Path, environment: dict[str, str], line: str
) -> None:
    (project.path / ".env").write_text(f"# first\n\nB=1\n{line}\nC=1\n", newline="")
    message = refusal(project, python, environment)
    assert message.startswith("Error: line 4 of .env cannot be read; ")
    assert message.count("\n") == 1
    assert not (project.path / "secret").exists()


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("GUNICORN_WORKERS", "many", "GUNICORN_WORKERS must be a whole number such as 30."),
        ("GUNICORN_WORKERS", "0", "GUNICORN_WORKERS must be 1 or more."),
        ("GUNICORN_TIMEOUT", "-1", "GUNICORN_TIMEOUT must be 1 or more."),
        ("GUNICORN_MAX_REQUESTS", "-1", "GUNICORN_MAX_REQUESTS must be 0 or more."),
        ("GUNICORN_PRELOAD", "ja", "GUNICORN_PRELOAD must be true or false."),
        ("GUNICORN_LOG_LEVEL", "loud", "GUNICORN_LOG_LEVEL must be one of debug, info, warning, error, critical."),
    ],
)
def test_a_wrong_number_ends_with_a_sentence(
    project: Project, python: Path, environment: dict[str, str], variable: str, value: str, sentence: str
) -> None:
    (project.path / "staticfiles").mkdir()
    command = [python.parent / "gunicorn", "--check-config", "config.wsgi"]
    for given in ({}, {variable: value}):
        run = subprocess.run(
            command,
            cwd=project.path,
            env=with_programs(python, environment | given),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (run.returncode, run.stderr) == ((1, f"Error: {sentence}\n") if given else (0, ""))


@pytest.mark.parametrize(
    ("cores", "limits", "processes"),
    [
        # 64 cores, and no limit but the connections to the database: 10 processes of 4 threads.
        (64, {}, "10 10"),
        (2, {}, "3 2"),
        (64, {"site.service/cpu.max": "max 100000", "cpu.max": "50000 100000"}, "2 1"),
        (64, {"site.service/cpu.max": "250000 100000"}, "4 3"),
        # 1 GiB, of the service itself or of what it is in.
        (16, {"site.service/memory.max": "1073741824", "memory.max": "max"}, "8 8"),
        (16, {"site.service/memory.max": "max", "memory.max": "536870912"}, "4 4"),
        (16, {"site.service/memory.max": "67108864"}, "1 1"),
    ],
)
def test_processes_fit_into_cores_memory_and_connections(
    project: Project, python: Path, tmp_path: Path, cores: int, limits: dict[str, str], processes: str
) -> None:
    (tmp_path / "site.service").mkdir()
    (tmp_path / "cgroup").write_text("0::/site.service\n")
    for name, limit in limits.items():
        (tmp_path / name).write_text(f"{limit}\n")
    code = (
        "import os, pathlib, sys; sys.path.insert(0, '')\n"
        "from ops import capacity\n"
        f"os.sched_getaffinity = lambda pid: set(range({cores}))\n"
        "os.sysconf = {'SC_PAGE_SIZE': 4096, 'SC_PHYS_PAGES': 2**24}.__getitem__\n"
        "capacity.CGROUPS = pathlib.Path(sys.argv[1]); capacity.OWN_CGROUP = capacity.CGROUPS / 'cgroup'\n"
        "print(capacity.site_processes(4), capacity.worker_processes())"
    )
    assert project.run(python, "-c", code, tmp_path).stdout == f"{processes}\n"


@pytest.fixture
def site(project: Project, python: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    """The site with three processes of two threads."""
    numbers = {"GUNICORN_WORKERS": "3", "GUNICORN_THREADS": "2"}
    with started(project, python, tmp_path / "log", **numbers, **environment) as site:
        wait_until(lambda: len(children(site.process.pid)) == 3, 10, "the start of three processes")
        yield site


def memory(pid: int) -> int:
    """Return how many bytes a process has for itself alone."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(size) * 1024 for size in re.findall(r"^Private_\w+: +(\d+) kB", rollup, re.MULTILINE))


def test_memory_of_passwords_that_were_checked_goes_back(site: Site) -> None:
    """Otherwise each of the two threads keeps the 19 MiB of the last: a process then has 60 MiB instead of 23."""
    page = site.get("/accounts/login/")
    token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    assert token
    cookie = page.headers["Set-Cookie"].split(";")[0]

    def fail(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
        headers = {
            "Host": "www.example.com",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": f"203.0.113.{number}",
            "Referer": "https://www.example.com/",
            "Cookie": cookie,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = {"csrfmiddlewaretoken": token[1], "username": f"{number}@example.com", "password": "wrong"}
        connection.request("POST", "/accounts/login/", urllib.parse.urlencode(form), headers)
        return connection.getresponse().status

    with ThreadPoolExecutor(12) as clients:
        assert set(clients.map(fail, range(60))) == {200}
    kept = {pid: memory(pid) for pid in children(site.process.pid)}
    assert max(kept.values()) < 40 * 2**20


def test_processes_and_threads_are_as_many_as_asked_for(site: Site) -> None:
    def threads() -> int:
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in children(site.process.pid))

    with contextlib.ExitStack() as connections:

        def all_work() -> bool:
            # A process starts a thread when a request has come and none is free. Whichever process is awake takes it.
            for _ in range(12):
                connection = connections.enter_context(socket.create_connection(("127.0.0.1", site.port)))
                connection.sendall(b"GET / HTTP/1.1\r\nHost: www.example.com\r\nX-Forwarded-Proto: https\r\n\r\n")
            return threads() == 3 * (1 + 2)

        wait_until(all_work, 60, "the work of two threads in each of three processes")
    assert len(children(site.process.pid)) == 3


def test_lock_on_a_table_does_not_hold_the_site(
    site: Site, project: Project, python: Path, environment: dict[str, str], postgresql: Server
) -> None:
    command = [
        find("psql", "postgresql-client"),
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        environment["DATABASE_URL"],
    ]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as psql, ThreadPoolExecutor(8) as pool:
        assert psql.stdin
        assert psql.stdout
        psql.stdin.write("BEGIN; LOCK TABLE django_session; SELECT 'locked';\n")
        psql.stdin.flush()
        assert "locked" in psql.stdout.readline()
        session = {"Cookie": "__Host-sessionid=abcdefghijklmnopqrstuvwxyz012345"}
        # More than there are threads.
        waiting = [pool.submit(site.get, "/accounts/", headers=session) for _ in range(8)]
        wait_until(lambda: threads_waiting(environment, postgresql), 60, "waiting for the lock")
        assert site.get("/health/").status == 200
        assert [request.result().status for request in waiting] == [500] * 8
        # A command may wait and work for as long as it takes.
        code = "from django.db import connection; connection.cursor().execute('SELECT pg_sleep(2)'); print('done')"
        limits = environment | {
            "DATABASE_STATEMENT_TIMEOUT": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
        }
        assert project.run(python, "manage.py", "shell", "--no-imports", "-c", code, **limits).stdout == "done\n"
        psql.stdin.write("COMMIT;\n")


def threads_waiting(environment: dict[str, str], server: Server) -> int:
    """Return how many connections to the test's database wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(psql(Server(environment["DATABASE_URL"], server.process), query))


def test_a_killed_process_is_replaced(site: Site) -> None:
    [first, *_] = before = children(site.process.pid)
    subprocess.run(["kill", "-KILL", str(first)], check=True)
    wait_until(lambda: len(set(children(site.process.pid)) - set(before)) == 1, 10, "a new process")
    assert site.get("/").status == 200


def test_a_line_of_the_log_has_the_time_and_no_secret(site: Site) -> None:
    headers = {"X-Forwarded-For": "203.0.113.7", "X-Request-ID": "abcdef123456", "Authorization": "Bearer secret"}
    site.get("/admin/login/?token=secret", headers=headers).read()
    site.get("/nowhere%0A[fake]%20line?token=secret").read()
    log = site.log.read_text()
    # What gunicorn and the application say is JSON; before them, commands have spoken.
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    listening, login, nowhere = [
        next(line for line in lines if text in (line["event"], line.get("path")))
        for text in (
            f"Listening at: http://127.0.0.1:{site.port} ({site.process.pid})",
            "/admin/login/",
            "/nowhere\n[fake] line",
        )
    ]
    assert (listening["logger"], listening["level"]) == ("gunicorn.error", "info")
    assert (login["status"], login["client"], login["request_id"]) == (200, "203.0.113.7", "abcdef123456")
    assert (nowhere["status"], nowhere["client"]) == (404, None)
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert "[fake]" not in "".join(line for line in log.splitlines() if not line.startswith("{"))
    assert "secret" not in log
    assert "Bearer" not in log


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/?" + "x" * 8160, {}, 200),
        ("/?" + "x" * 8190, {}, 414),
        ("/", {"X-Long": "x" * 8200}, 431),
        ("/", {f"X-{number}": "1" for number in range(101)}, 431),
    ],
    ids=["a line that just fits", "a line too long", "a header too long", "too many headers"],
)
def test_a_request_over_a_limit_is_refused(site: Site, path: str, headers: dict[str, str], status: int) -> None:
    assert site.get(path, headers=headers).status == status


def test_an_answer_reaches_one_who_is_still_sending(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        # More than is received before the application sees it.
        length = 12 * 1024 * 1024
        head = f"POST / HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: {length}\r\nConnection: close\r\n"
        connection.sendall(f"{head}X-Forwarded-Proto: https\r\n\r\n".encode())
        connection.sendall(b"x" * (length - 1024 * 1024))
        # It is refused without a look at what is sent.
        assert connection.recv(12) == b"HTTP/1.1 403"
        connection.sendall(b"x" * 1024 * 1024)
        assert b"\r\nConnection: close\r\n" in connection.makefile("rb").read()


def test_the_scheme_is_believed_of_the_proxy_alone(site: Site) -> None:
    assert site.get("/admin/login/").status == 200
    assert site.get("/admin/login/", scheme="http").status == 301
    assert site.get("/admin/login/", source="127.0.0.2").status == 301
    # Other headers that are known to tell the scheme tell nothing here.
    assert site.get("/admin/login/", scheme="http", headers={"X-Forwarded-Ssl": "on"}).status == 301


def test_the_addresses_of_the_proxy_can_be_set(
    project: Project, python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with started(project, python, tmp_path / "log", FORWARDED_ALLOW_IPS="127.0.0.2/31", **environment) as site:
        assert site.get("/admin/login/", source="127.0.0.2").status == 200
        assert site.get("/admin/login/", source="127.0.0.1").status == 301


def test_the_checks_of_the_document_pass(
    project: Project, python: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (project.path / ".venv").symlink_to(python.parents[1])
    # What needs a server and its root is done by the tests of deployments.
    blocks = sections(project.path / "PRODUCTION.md")["Before the first visitor"]
    [block] = [block for block in blocks if not block.startswith("sudo ")]
    with started(project, python, tmp_path / "log", **environment):
        assert "no issues" in project.run("sh", "-euc", block, **environment).stdout


def test_the_examples_of_the_document_are_taken_by_gunicorn(
    project: Project, python: Path, environment: dict[str, str]
) -> None:
    rows = re.findall(
        r"^\| `(GUNICORN_\w+|FORWARDED_\w+)` \| (?:`.*`)? ?\| `(.*?)` \|", project.read("PRODUCTION.md"), re.M
    )
    assert len(rows) == 10
    for name, example in rows:
        project.run(python.parent / "gunicorn", "--check-config", "config.wsgi", **environment, **{name: example})


def test_gunicorn_listens_where_the_platform_says(project: Project, python: Path, environment: dict[str, str]) -> None:
    for given, place in (({}, "127.0.0.1:8000"), ({"PORT": "9000"}, "0.0.0.0:9000")):
        command = [python.parent / "gunicorn", "--print-config", "config.wsgi"]
        configuration = project.run(*command, **environment, **given).stdout
        assert re.search(rf"^bind +=? *\['{re.escape(place)}'\]$", configuration, re.MULTILINE), configuration
