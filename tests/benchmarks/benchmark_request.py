"""Print what a request costs in one process: CPU of the project's stack above that of Django's default one.

Run as ``make benchmark``. The default project, with its settings for production, and a bare Django project with the
middleware that ``startproject`` writes get the same requests in turns, without a server: WSGI handlers are called
directly. Of many short rounds the cheapest counts, for what else the machine does can only add to it. The share of a
middleware is what a request is cheaper by without it.

``python -m tests.benchmarks.benchmark_request PYTHON`` measures with a Python that has the project's requirements
already; else the pinned ones for production are installed.
"""

import contextlib
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.benchmarking import generate
from tests.conftest import ROOT, Project, clean_environment, tool
from tests.support.production_site import SECRET_KEY, production
from tests.support.servers import postgresql, redis

ROUNDS = 100
REQUESTS = 30
WARM_UP = 5
# Microseconds of CPU that a request may cost above Django's default stack.
COST_LIMIT = 100

# Pages that belong to this benchmark alone.
TRIVIAL = "/benchmark/trivial/"
ROWS = "/benchmark/rows/"
VIEWS = '''

def trivial(request):
    """Say what costs nothing to say."""
    from django.http import HttpResponse

    return HttpResponse("ok")


def rows(request):
    """Show twenty rows of two tables."""
    from django.contrib.auth.models import Permission
    from django.shortcuts import render

    return render(request, "benchmark.html", {"rows": Permission.objects.select_related("content_type")[:20]})


urlpatterns.insert(0, path("benchmark/trivial/", trivial))
urlpatterns.insert(1, path("benchmark/rows/", rows))
'''
PAGE = "<ul>{% for row in rows %}<li>{{ row.content_type.app_label }}: {{ row.name }}</li>{% endfor %}</ul>\n"
DEFAULTS = """
import os
DEBUG = False
ALLOWED_HOSTS = ["www.example.com"]
TEMPLATES[0]["DIRS"] = [BASE_DIR]
url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path[1:], "USER": url.username, "PASSWORD": url.password, "HOST": url.hostname, "PORT": url.port,
        "CONN_MAX_AGE": 60,
    }
}
"""


class Stack:
    """A project whose stacks are asked for pages."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.names = self.read().split()

    def read(self) -> str:
        """Return the next line of the process."""
        assert self.process.stdout
        if not (line := self.process.stdout.readline()):
            sys.exit("The project does not serve its pages; what is wrong with it stands above.")
        return line

    def measure(self, path: str, requests: int, name: str = "all") -> float:
        """Return the microseconds that each of some requests has cost, after some that bring it into the caches."""
        self.order(path, WARM_UP, name)
        return self.order(path, requests, name)

    def order(self, path: str, requests: int, name: str = "all") -> float:
        """Return the microseconds that each of some requests has cost."""
        assert self.process.stdin
        self.process.stdin.write(f"{name} {path} {requests}\n")
        self.process.stdin.flush()
        return float(self.read())


@contextlib.contextmanager
def stack(folder: Path, python: Path, **environment: str) -> Iterator[Stack]:
    """Load a project."""
    with subprocess.Popen(
        [python, ROOT / "tests/benchmarks/call_wsgi.py"],
        cwd=folder,
        env=clean_environment(**environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Stack(process)


def bare_project(folder: Path, python: Path) -> Path:
    """Write what ``startproject`` does, with the pages; return where it is."""
    project = folder / "bare"
    project.mkdir()
    subprocess.run([python, "-m", "django", "startproject", "config", project], check=True)
    settings = project / "config/settings.py"
    settings.write_text("from urllib.parse import urlsplit\n" + settings.read_text() + DEFAULTS)
    return project


def add_pages(project: Path, templates: Path) -> None:
    """Add the pages to a project."""
    with (project / "config/urls.py").open("a") as urls:
        urls.write(VIEWS)
    templates.joinpath("benchmark.html").write_text(PAGE)


def install(project: Path, folder: Path) -> Path:
    """Install the project's requirements for production; return the Python that has them."""
    uv = tool("uv")
    subprocess.run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, folder / "venv"], check=True)
    requirements = project / "requirements/production.txt"
    options = ["--quiet", "--python", folder / "venv", "--require-hashes", "--requirement", requirements]
    subprocess.run([uv, "pip", "install", *options], check=True)
    return folder / "venv/bin/python"


def measure_fresh(ours: Stack, path: str) -> float:
    """Return what a request costs when no outcome is kept any more."""
    time.sleep(1.1)
    return ours.order(path, 1)


def compare(ours: Stack, bare: Stack) -> bool:
    """Print what the pages cost and what each middleware has of it; return whether every goal is met."""
    pages: dict[str, list[tuple[float, float]]] = {TRIVIAL: [], ROWS: []}
    for _ in range(ROUNDS):
        for path, measured in pages.items():
            measured.append((ours.measure(path, REQUESTS), bare.measure(path, REQUESTS)))
    costs = {path: tuple(map(min, zip(*measured, strict=True))) for path, measured in pages.items()}
    for path, (own, default) in costs.items():
        print(f"{path:20} {own:6.0f} µs, Django's default stack {default:6.0f} µs, difference {own - default:6.0f} µs")
    ready = min(measure_fresh(ours, "/ready/") for _ in range(ROUNDS // 10))
    print(f"{'/ready/':20} {ready:6.0f} µs when the services are asked, which is once a second at most")
    shares: dict[str, list[float]] = {name: [] for name in ours.names}
    for _ in range(ROUNDS):
        for name, share in shares.items():
            share.append(ours.measure(TRIVIAL, REQUESTS, name))
    for name in (name for name in ours.names[1:] if not math.isnan(shares[name][0])):
        print(f"  {min(shares['all']) - min(shares[name]):5.1f} µs {name[1:]}")
    own, default = costs[TRIVIAL]
    print(f"{TRIVIAL}: {own - default:.0f} µs above Django's default stack (goal: at most {COST_LIMIT})")
    return own - default <= COST_LIMIT


def main() -> None:
    """Generate, measure, print; end with an error when the goal is missed."""
    with tempfile.TemporaryDirectory() as name, postgresql() as database, redis() as cache:
        folder = Path(name)
        project = generate(folder)
        python = Path(sys.argv[1]) if sys.argv[1:] else install(project, folder)
        bare = bare_project(folder, python)
        add_pages(project, project / "templates")
        add_pages(bare, bare)
        environment = production(database, cache) | {"DJANGO_SETTINGS_MODULE": "config.settings.production"}
        Project(project).run(python, "manage.py", "migrate", "--verbosity", "0", **environment)
        defaults = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": database.url, "SECRET_KEY": SECRET_KEY}
        with stack(project, python, **environment) as ours, stack(bare, python, **defaults) as theirs:
            is_met = compare(ours, theirs)
    if not is_met:
        sys.exit("A request costs more than it may.")


if __name__ == "__main__":
    main()
