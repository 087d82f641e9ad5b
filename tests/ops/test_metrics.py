"""Metrics of a project in production: gunicorn's processes, a worker, and the Prometheus that asks them."""

import collections
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.conftest import ROOT, Project
from tests.ops.test_start_production import psql
from tests.support.combinations import ALL_OFF, ALL_ON, Answers
from tests.support.production_site import Site, children, production, started, with_programs
from tests.support.servers import Server, find, free_port, listens, wait_until

TOKEN = "5f1c9d2ab3e04c7d"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')
TASKS = """

@shared_task
def succeed() -> None:
    \"\"\"Do nothing, for a while.\"\"\"
    import time

    time.sleep(0.1)


@shared_task
def fail() -> None:
    \"\"\"Fail.\"\"\"
    raise ValueError("on purpose")


@shared_task(acks_late=False)
def die() -> None:
    \"\"\"Vanish, as one that takes too much memory.\"\"\"
    import os

    os._exit(1)
"""
# Each kind of request, and the view that answers it; what is random must not be remembered.
KINDS = [
    ("GET", "/", "home"),
    ("HEAD", "/", "home"),
    ("GET", "/admin/", "admin:index"),
    ("GET", "/admin/login/", "admin:login"),
    ("POST", "/admin/login/", "admin:login"),
    ("GET", "/health/", "health"),
    ("GET", "/nowhere-{number}/", "none"),
    ("GET", "/metrics/", "none"),
    ("BREW{number}", "/", "home"),
]
ROUNDS = 60


class Deployed:
    """A site with metrics, and what its tasks need."""

    def __init__(self, site: Site, project: Project, python: Path, environment: dict[str, str]) -> None:
        self.site = site
        self.project = project
        self.python = python
        self.environment = with_programs(python, environment | {"DJANGO_SETTINGS_MODULE": "config.settings.production"})

    def scrape(self) -> str:
        """Return what Prometheus is told, by whichever process."""
        response = self.site.get("/metrics/", host="127.0.0.1", scheme="http", headers=OPERATOR)
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        return response.read().decode()

    def values(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the values of a metric by these of its labels, added up over the others."""
        found: dict[tuple[str, ...], float] = collections.Counter()
        for line in self.scrape().splitlines():
            sample = SAMPLE.fullmatch(line)
            if sample and sample[1] == name:
                of_sample = dict(LABEL.findall(sample[2] or ""))
                found[tuple(of_sample[label] for label in labels)] += float(sample[3])
        return dict(found)

    def send(self, **tasks: int) -> None:
        """Start each task so many times."""
        code = "from apps.core import tasks\n"
        code += "\n".join(f"for _ in range({number}): tasks.{task}.delay()" for task, number in tasks.items())
        command = [self.python, "manage.py", "shell", "--no-imports", "--command", code]
        subprocess.run(command, cwd=self.project.path, env=self.environment, check=True)

    @contextlib.contextmanager
    def worker(self, log: Path) -> Iterator[None]:
        """Run a worker."""
        command = [self.python.parent / "celery", "-A", "config", "worker", "--loglevel", "INFO", "--concurrency", "2"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--without-mingle"],
                cwd=self.project.path,
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(timeout=60) == 0, log.read_text()


def folder_of(process: int) -> Path:
    """Return the folder of the metrics that a gunicorn holds open."""
    opened = {path.resolve() for path in Path(f"/proc/{process}/fd").iterdir()}
    [folder] = {path for path in opened if path.is_dir() and path.name.startswith("my_project-metrics-")}
    return folder


@pytest.fixture(scope="module")
def deployed(
    bake: Callable[..., Project],
    install: Callable[..., Path],
    postgresql: Server,
    redis: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployed]:
    """A site of three processes, each of which is replaced after about 50 requests."""
    folder = tmp_path_factory.mktemp("metrics")
    project = Project(shutil.copytree(bake(**ALL_ON).path, folder / "project"))
    with (project.path / "apps/core/tasks.py").open("a") as tasks:
        tasks.write(TASKS)
    (project.path / "backups").mkdir()
    backup = project.path / "backups/backup_20261126_021500.sql.gz"
    for path, text in ((backup, ""), (f"{backup}.sha256", f"{'0' * 64}  {backup.name}\n")):
        Path(path).write_text(text)
    (project.path / "backups/backup_20261126_021500.verified").write_text(f"{'0' * 64} 2026-11-26T03:00:00+00:00\n")
    python = install(project, "production")
    name = f"metrics_{free_port()}"
    psql(postgresql, f"CREATE DATABASE {name}")
    own = Server(urllib.parse.urlsplit(postgresql.url)._replace(path=f"/{name}").geturl(), postgresql.process)
    # Databases of Redis that no other test uses.
    cache = Server(redis.url.removesuffix("/0") + "/8", redis.process)
    environment = production(own, cache) | {"OPERATOR_TOKEN": TOKEN, "BACKUPS_MEDIA": "false"}
    numbers = {"GUNICORN_WORKERS": "3", "GUNICORN_THREADS": "2", "GUNICORN_MAX_REQUESTS": "50"}
    with started(project, python, folder / "log", **numbers, **environment) as site:
        wait_until(lambda: len(children(site.process.pid)) == 3, 10, "the start of three processes")
        files = folder_of(site.process.pid)
        yield Deployed(site, project, python, environment)
    assert not files.exists()
    psql(postgresql, f"DROP DATABASE {name} WITH (FORCE)")


def ask(port: int, method: str, path: str) -> int:
    """Return the status of the answer to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    for name, value in (("Host", "www.example.com"), ("X-Forwarded-Proto", "https"), ("Connection", "close")):
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    return response.status


def test_the_numbers_of_all_processes_add_up_to_what_was_sent(deployed: Deployed) -> None:
    """While they are replaced, and the numbers are asked for, all the time."""
    pids: set[int] = set()
    sent: collections.Counter[tuple[str, str, str]] = collections.Counter()
    lock = threading.Lock()

    def send(number: int, kind: tuple[str, str, str]) -> None:
        method, path, view = (text.format(number=number) for text in kind)
        status = ask(deployed.site.port, method, path)
        with lock:
            sent["other" if method.startswith("BREW") else method, view, str(status)] += 1
            pids.update(children(deployed.site.process.pid))
        if number % 10 == 0 and path == "/":
            deployed.scrape()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda job: send(*job), [(number, kind) for number in range(ROUNDS) for kind in KINDS]))
    assert len(pids) > 6, "hardly any process was replaced"
    assert {status for *_, status in sent} >= {"200", "302", "404", "403"}
    assert deployed.values("site_requests_total", "method", "view", "status") == dict(sent)
    timed: collections.Counter[tuple[str, str]] = collections.Counter()
    for (method, view, _), number in sent.items():
        timed[method, view] += number
    assert deployed.values("site_request_duration_seconds_count", "method", "view") == dict(timed)
    assert deployed.values("site_requests_in_progress") == {(): 0}
    # However many processes there were, there are files of three, and of gunicorn itself.
    names = {path.name.rsplit("_", 1)[1] for path in folder_of(deployed.site.process.pid).iterdir()}
    assert names == {"0.db", "1.db", "2.db", "main.db"}


def test_file_that_a_process_has_just_created_does_not_fail_the_metrics(deployed: Deployed) -> None:
    before = deployed.values("site_requests_total", "view")
    file = folder_of(deployed.site.process.pid) / "counter_9.db"
    file.touch()
    try:
        assert deployed.values("site_requests_total", "view") == before
    finally:
        file.unlink()


def test_a_process_that_was_killed_takes_no_number_with_it(deployed: Deployed) -> None:
    before = deployed.values("site_requests_total", "view")
    killed = children(deployed.site.process.pid)
    subprocess.run(["kill", "-KILL", *map(str, killed)], check=True)
    wait_until(lambda: len(set(children(deployed.site.process.pid)) - set(killed)) == 3, 20, "three new processes")
    for _ in range(20):
        assert ask(deployed.site.port, "GET", "/") == 200
    assert deployed.values("site_requests_total", "view") == before | {("home",): before["home",] + 20}


def test_queries_and_the_cache_are_measured(deployed: Deployed) -> None:
    before = deployed.values("site_database_query_duration_seconds_count")[()]
    session = {"Cookie": "__Host-sessionid=abcdefghijklmnopqrstuvwxyz012345"}
    for _ in range(5):
        assert deployed.site.get("/admin/", headers=session).status == 302
    # One more is the probe of the database for the former response, unless its process had just made one.
    assert deployed.values("site_database_query_duration_seconds_count")[()] - before in (5, 6)
    assert deployed.values("site_database_query_errors_total") == {(): 0}
    assert deployed.values("site_cache_reads_total", "result")["hit",] > 0


def test_promtool_finds_nothing_wrong(deployed: Deployed) -> None:
    text = deployed.scrape()
    check = subprocess.run(
        [find("promtool", "prometheus"), "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (check.returncode, check.stdout + check.stderr) == (0, "")
    for name in ("database", "cache", "broker"):
        assert f'site_service_up{{service="{name}"}} 1.0' in text
    assert re.search(r'site_build_info\{django="6\.\d.*",version="0\.1\.0"\} 1\.0', text)


def test_without_the_token_nothing_is_told(deployed: Deployed) -> None:
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN[:-1]}"}):
        for host, scheme in (("www.example.com", "https"), ("127.0.0.1", "http")):
            response = deployed.site.get("/metrics/", host=host, scheme=scheme, headers=headers)
            assert response.status == 404
            assert "site_" not in response.read().decode()


class TestTasks:
    """One after another."""

    def test_those_that_wait_are_counted(self, deployed: Deployed) -> None:
        assert deployed.values("site_queue_length", "queue") == {("celery",): 0}
        deployed.send(succeed=3, fail=2, die=1)
        assert deployed.values("site_queue_length", "queue") == {("celery",): 6}
        assert deployed.values("site_tasks_total", "task", "state")["apps.core.tasks.fail", "FAILURE"] == 0

    def test_a_worker_adds_their_results(self, deployed: Deployed, tmp_path: Path) -> None:
        def ended() -> float:
            return sum(deployed.values("site_tasks_total").values())

        with deployed.worker(tmp_path / "worker.log"):
            wait_until(lambda: ended() == 6, 60, "the end of six tasks, one of which takes its process with it")
        assert {
            key: number for key, number in deployed.values("site_tasks_total", "task", "state").items() if number
        } == {
            ("apps.core.tasks.succeed", "SUCCESS"): 3,
            ("apps.core.tasks.fail", "FAILURE"): 2,
            ("apps.core.tasks.die", "FAILURE"): 1,
        }
        assert 0.3 <= deployed.values("site_task_seconds_total", "task")["apps.core.tasks.succeed",] < 3
        assert deployed.values("site_queue_length", "queue") == {("celery",): 0}


class Prometheus:
    """A Prometheus of this machine."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, **query: str) -> Any:
        """Return the data that its API answers with."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            body = json.load(answer)
        assert body["status"] == "success"
        return body["data"]

    def query(self, expression: str) -> list[Any]:
        """Return the series that an expression has now."""
        result: list[Any] = self.ask("query", query=expression)["result"]
        return result


@pytest.fixture(scope="module")
def prometheus(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One with the project's own configuration, which asks each second, and where nginx would be asks gunicorn."""
    folder = Path(shutil.copytree(deployed.project.path / "monitoring", tmp_path_factory.mktemp("prometheus") / "etc"))
    configuration = (folder / "prometheus.yml").read_text()
    for old, new in (("15s", "1s"), ("127.0.0.1:9180", f"127.0.0.1:{deployed.site.port}")):
        assert old in configuration
        configuration = configuration.replace(old, new)
    (folder / "prometheus.yml").write_text(configuration)
    (folder / "my_project.token").write_text(f"{TOKEN}\n")
    subprocess.run([find("promtool", "prometheus"), "check", "config", folder / "prometheus.yml"], check=True)
    port = free_port()
    options = [f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"]
    command = [find("prometheus", "prometheus"), *options, f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(port), 30, "Prometheus's start")
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def expressions(project: Project) -> dict[str, str]:
    """Return what the dashboards ask, by their panels, of all sites."""
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$instance", ".*")
        for path in sorted((project.path / "monitoring").glob("dashboard*.json"))
        for panel in json.loads(path.read_text())["panels"]
        for target in panel["targets"]
    }


def test_prometheus_reads_what_the_dashboards_and_the_alerts_ask(deployed: Deployed, prometheus: Prometheus) -> None:
    for _ in range(3):
        ask(deployed.site.port, "GET", "/")
        time.sleep(1.1)
    wait_until(lambda: prometheus.query("up == 1"), 30, "the first answer to Prometheus")
    [up] = prometheus.query("up")
    assert up["metric"]["job"] == "my_project"
    assert up["metric"]["instance"] == "example.com"
    wait_until(lambda: prometheus.query("rate(site_requests_total[5m])"), 30, "the second answer to Prometheus")
    empty = {name for name, expression in expressions(deployed.project).items() if not prometheus.query(expression)}
    assert empty == set()
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == 12
    wait_until(
        lambda: {rule["health"] for group in prometheus.ask("rules")["groups"] for rule in group["rules"]} == {"ok"},
        30,
        "the evaluation of all alerts",
    )


def test_the_pictures_show_the_panels_that_there_are(bake: Callable[..., Project]) -> None:
    """And what each draws: a panel without a line or a value has nothing below its title."""
    project = bake(**ALL_ON)
    for path in sorted((project.path / "monitoring").glob("dashboard*.json")):
        dashboard = json.loads(path.read_text())
        picture = ElementTree.parse(ROOT / "docs" / f"{path.stem}.svg").getroot()  # noqa: S314
        svg = "{http://www.w3.org/2000/svg}"
        panels = {group.findall(f"{svg}text")[0].text: group for group in picture.iter(f"{svg}g")}
        assert list(panels) == [panel["title"] for panel in dashboard["panels"]]
        assert picture.findall(f"{svg}text")[0].text == dashboard["title"]
        for panel in dashboard["panels"]:
            group = panels[panel["title"]]
            assert len(group.findall(f"{svg}text")) > 1, panel["title"]
            assert (panel["type"] == "timeseries") == bool(group.findall(f"{svg}polyline")), panel["title"]


@pytest.mark.parametrize("answers", [ALL_ON, ALL_OFF | {"use_metrics": True}], ids=["all on", "alone"])
def test_alerts_are_told_when_they_should_be(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    result = project.run(find("promtool", "prometheus"), "test", "rules", "monitoring/alerts_test.yml")
    assert result.stdout.count("SUCCESS") == 1
    alerts = re.findall(r"- alert: (\w+)", project.read("monitoring/alerts.yml"))
    tested = project.read("monitoring/alerts_test.yml")
    for alert in alerts:
        assert re.search(rf"\b{alert}\b", tested), alert
    # Where they lead is looked up by test_links.py.
    assert len(re.findall(r"runbook: docs/runbooks/\S+", project.read("monitoring/alerts.yml"))) == len(alerts)


def test_the_folder_of_a_gunicorn_that_was_killed_is_removed(deployed: Deployed, tmp_path: Path) -> None:
    abandoned, fresh, held = (tmp_path / f"my_project-metrics-{name}" for name in ("abandoned", "fresh", "held"))
    code = (
        "import fcntl, os, pathlib, sys; from ops.observability.metrics import processes\n"
        "place = pathlib.Path(sys.argv[1])\n"
        "fcntl.flock(os.open(place / 'my_project-metrics-held', os.O_RDONLY), fcntl.LOCK_SH)\n"
        "processes.prepare(str(place)); processes.prepare(str(place))\n"
        "print(*sorted(path.name for path in place.iterdir()))"
    )
    for folder in (abandoned, fresh, held):
        folder.mkdir()
        (folder / "counter_0.db").write_bytes(b"")
    for folder in (abandoned, held):
        os.utime(folder, (0, 0))
    *kept, own = deployed.project.run(deployed.python, "-c", code, tmp_path).stdout.split()[:3]
    names = {*kept, own}
    assert len(names) == 3
    assert {fresh.name, held.name} < names
    # Its own has gone with it.
    assert {path.name for path in tmp_path.iterdir()} == {fresh.name, held.name}
