"""Measure the commands that developers run every day, and exit with status 1 if one is slower than its goal.

Run as ``make benchmark``, or with the names of rows: ``python -m tests.benchmarks.benchmark_everyday lint test``. The
project has the default answers. A row is the median of its rounds. Beside the seconds is the processor time of a round,
which shows what a busy machine has added. Installation without uv downloads from the package index.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.benchmarking import generate
from tests.conftest import ROOT, Project, tool
from tests.drift.history import commit_all, git
from tests.support.documents import Running
from tests.support.servers import free_port


class Times(NamedTuple):
    """The seconds of a round, and the processor time of its processes."""

    seconds: float
    processor: float


class Row(NamedTuple):
    """Something to measure: what it is, its goal in seconds, how often it is measured, and the measurement."""

    title: str
    goal: float | None
    rounds: int
    measure: Callable[[Path], Iterator[Times]]


@contextmanager
def stopwatch() -> Iterator[list[Times]]:
    """Add the time that the body takes to the list."""
    times: list[Times] = []
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    yield times
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    times.append(Times(seconds, processor))


def repeat(action: Callable[[], object]) -> Iterator[Times]:
    """Yield how long an action takes, again and again."""
    while True:
        with stopwatch() as times:
            action()
        yield times[0]


def generation(folder: Path, *options: str) -> Iterator[Times]:
    """Measure cookiecutter's command line, after one run that warms the caches."""

    def run() -> None:
        shutil.rmtree(folder / "my_project", ignore_errors=True)
        Project(folder).run(tool("cookiecutter"), str(ROOT), "--no-input", *options)

    run()
    return repeat(run)


def rendering(folder: Path) -> Iterator[Times]:
    """Measure cookiecutter without the template's hooks."""
    return generation(folder, "--accept-hooks", "no")


def committed_project(folder: Path) -> Project:
    """Return a project of the template's newest commit, which is committed."""
    # The folder of the template may have uncommitted changes.
    git(folder, "clone", "--quiet", str(ROOT), "template")
    Project(folder).run(tool("cookiecutter"), str(folder / "template"), "--no-input")
    commit_all(folder / "my_project")
    return Project(folder / "my_project")


def status(project: Project, cache: Path) -> None:
    """Compare a project with its template."""
    project.run(sys.executable, "-m", "drift", "status", PYTHONPATH=str(ROOT), XDG_CACHE_HOME=str(cache))


def unchanged_status(folder: Path) -> Iterator[Times]:
    """Measure the comparison of a project without drift, from the second on."""
    project = committed_project(folder)
    status(project, folder / "cache")
    return repeat(lambda: status(project, folder / "cache"))


def first_status(folder: Path) -> Iterator[Times]:
    """Measure the first comparison of a project of the first version, which generates that version and the newest."""
    project = committed_project(folder)
    record = json.loads(project.read(".cookiecutter.json"))
    record["commit"] = git(ROOT, "log", "--reverse", "--format=%H", "-S## 0.1.0 (", "--", "CHANGELOG.md").split()[0]
    (project.path / ".cookiecutter.json").write_text(json.dumps(record))

    def run() -> None:
        shutil.rmtree(folder / "cache", ignore_errors=True)
        status(project, folder / "cache")

    return repeat(run)


def first_pages(folder: Path, **environment: str) -> Iterator[Times]:
    """Measure ``make run`` in fresh projects until it serves the first page."""
    while True:
        project, port = generate(folder), free_port()
        command = f"make run ADDRESS=127.0.0.1:{port}"
        with stopwatch() as times:
            start = time.perf_counter()
            with Running(command, project, folder / "log", **environment) as running:
                running.wait_for_port(port, 300)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as response:
                    response.read()
                seconds = time.perf_counter() - start
        shutil.rmtree(project)
        yield times[0]._replace(seconds=seconds)


def run_with_uv(folder: Path) -> Iterator[Times]:
    """Measure ``make run`` from nothing, with uv, whose cache is warm."""
    (folder / "bin").mkdir()
    (folder / "bin/uv").symlink_to(tool("uv"))
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    times = first_pages(folder, PATH=path)
    next(times)
    return times


def run_without_uv(folder: Path) -> Iterator[Times]:
    """Measure ``make run`` from nothing, with pip, whose cache is empty."""
    folders = [name for name in os.environ["PATH"].split(":") if not (Path(name) / "uv").exists()]
    return first_pages(folder, PATH=":".join(folders), PIP_NO_CACHE_DIR="1")


def installed_project(folder: Path) -> Project:
    """Return a project with its virtual environment for tests."""
    project = Project(generate(folder))
    path = f"{Path(tool('uv')).parent}:{os.environ['PATH']}"
    project.run("make", ".venv/test.installed", PATH=path)
    return project


def make(folder: Path, target: str) -> Iterator[Times]:
    """Measure a target of a project's Makefile, after one run that fills the caches of the tools."""
    project = installed_project(folder)
    caches = {"MYPY_CACHE_DIR": str(folder / "mypy"), "CI": ""}
    project.run("make", target, **caches)
    return repeat(lambda: project.run("make", target, **caches))


ROWS = {
    "generate": Row("generate the default project", 0.4, 9, generation),
    "render": Row("of which without the hooks", None, 9, rendering),
    "status": Row("drift status, nothing changed", 1, 9, unchanged_status),
    "first-status": Row("drift status, a version behind, first time", None, 5, first_status),
    "run": Row("make run from nothing to the first page, uv's cache warm", 8, 3, run_with_uv),
    "run-pip": Row("make run from nothing to the first page, without uv and cache", 25, 1, run_without_uv),
    "lint": Row("make lint, warm", 15, 3, lambda folder: make(folder, "lint")),
    "test": Row("make test, without servers", 60, 1, lambda folder: make(folder, "test")),
}


def measured(row: Row) -> Times:
    """Return the median of the rounds of a row, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="everyday-") as folder:
        measurement = row.measure(Path(folder))
        rounds = [next(measurement) for _ in range(row.rounds)]
    seconds, processor = (statistics.median(column) for column in zip(*rounds, strict=True))
    return Times(seconds, processor)


def main() -> None:
    """Measure the rows that were named, by default all, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ROW", help=f"one of {', '.join(ROWS)}")
    names = parser.parse_args().names or list(ROWS)
    for name in names:
        if name not in ROWS:
            parser.error(f"expected a row, one of {', '.join(ROWS)}, got {name!r}")
    missed = []
    for row in map(ROWS.__getitem__, names):
        times = measured(row)
        goal = f"goal: at most {row.goal:4.1f} s" if row.goal else ""
        if row.goal and times.seconds > row.goal:
            missed.append(row.title)
            goal += ", MISSED"
        print(f"{row.title:62}{times.seconds:7.2f} s{times.processor:8.2f} s of processor  {goal}", flush=True)
    if missed:
        sys.exit(f"These goals are missed: {'; '.join(missed)}.")


if __name__ == "__main__":
    main()
