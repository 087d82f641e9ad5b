"""Draws the dashboards of a project, which README.md shows, from a site under load: ``make pictures``.

A site and a worker are asked for as much as twenty people would, for ten minutes, while a Prometheus with the project's
own configuration looks on.
"""

import json
import math
import random
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.ops.test_metrics import Deployed, Prometheus, ask, deployed, prometheus
from tests.support.pictures import Series, draw

__all__ = ["deployed", "prometheus"]

MINUTES = 10
WINDOW = 480
NOT_IN_EVERY_PROJECT = re.compile(r"broker$|queues$|results$|apps\.(?!core\.)")
PAGES = {"/": 20, "/admin/login/": 6, "/accounts/login/": 6, "/health/": 3, "/nowhere/": 1}


@pytest.mark.timeout(60 * MINUTES + 300)
def test_the_dashboards_are_drawn(deployed: Deployed, prometheus: Prometheus, tmp_path: Path) -> None:
    for command in (["backup_database"], ["verify_backup", "latest"]):
        arguments = [deployed.python, "manage.py", *command]
        subprocess.run(arguments, cwd=deployed.project.path, env=deployed.environment, check=True)
    start = time.time()
    end = threading.Event()
    visitors = [threading.Thread(target=visit, args=(deployed, end)) for _ in range(4)]
    with deployed.worker(tmp_path / "worker.log"):
        for visitor in visitors:
            visitor.start()
        while time.time() < start + 60 * MINUTES:
            deployed.send(succeed=random.randint(10, 60), fail=random.choice([0, 0, 0, 1]))  # noqa: S311
            print(f"{(time.time() - start) / 60:.0f} of {MINUTES} minutes", flush=True)
            time.sleep(15)
        end.set()
        for visitor in visitors:
            visitor.join()
        for path in sorted((deployed.project.path / "monitoring").glob("dashboard*.json")):
            picture = draw(json.loads(path.read_text()), lambda panel: list(answers(prometheus, panel)))
            (ROOT / "docs" / f"{path.stem}.svg").write_text(picture)


def visit(site: Deployed, end: threading.Event) -> None:
    """Ask for pages, sometimes for more of them and sometimes for fewer."""
    while not end.wait(0.4 + 0.3 * math.sin(time.time() / 45)):
        [page] = random.choices(list(PAGES), list(PAGES.values()))  # noqa: S311
        ask(site.site.port, "GET", page)


def answers(prometheus: Prometheus, panel: dict[str, Any]) -> Iterator[Series]:
    """Yield what a panel shows of the last minutes, but for what not every project has."""
    now = time.time()
    for target in panel["targets"]:
        expression = target["expr"].replace("$instance", ".*")
        span = {"start": str(now - WINDOW), "end": str(now), "step": "10"}
        for one in prometheus.ask("query_range", query=expression, **span)["result"]:
            name = target["legendFormat"]
            for label, value in one["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            values = [(moment, float(value)) for moment, value in one["values"] if value != "NaN"]
            if values and not NOT_IN_EVERY_PROJECT.match(name):
                yield Series(name, values)
