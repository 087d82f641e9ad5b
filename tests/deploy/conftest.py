"""What the tests of deployments share."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.deploy.incident_checks import PAGE, TASKS
from tests.support import systemd
from tests.support.combinations import ALL_OFF, ALL_ON
from tests.support.compose import Snapshot, remove_snapshot, take_snapshot
from tests.support.project_edits import add_page, add_task
from tests.support.run_state import run_folder, shared


@pytest.fixture
def project(source: Path, tmp_path: Path) -> Path:
    """A copy of the project that is deployed, to be changed for one release."""
    shutil.copytree(source, tmp_path / "project")
    return tmp_path / "project"


# Its effect can be counted.
EFFECT = '''

@shared_task
def leave_a_mark(number: int) -> None:
    """Work a little, and then tell in the cache that it is done."""
    import time

    from django.core.cache import cache

    time.sleep(0.3)
    cache.set(f"mark-{number}", True, timeout=None)
'''


@pytest.fixture(scope="session")
def compose_project(bake: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that all machines with Docker Compose serve, which has every option on.

    Uploaded files are on the machine, where nginx shows them; test_compose_isolation.py has them in a bucket.
    """
    folder = tmp_path_factory.mktemp("compose") / "project"
    answers = ALL_ON | {"deployment": "docker", "media_storage": "local", "python_version": "3.14"}
    shutil.copytree(bake(**answers).path, folder)
    add_task(folder, EFFECT + TASKS)
    add_page(folder, PAGE)
    return folder


@pytest.fixture(scope="session")
def compose_snapshot(
    compose_project: Path, docker: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[Snapshot]:
    """A machine on which that project was built and started, step by step, once for all processes of a run."""
    folder = run_folder(tmp_path_factory.getbasetemp(), worker_id) / "compose-snapshot"

    def create() -> list[object]:
        taken = take_snapshot(docker, folder, compose_project, "3.14")
        return [taken.image, taken.engine, str(taken.repository)]

    def parse(value: list[object]) -> Snapshot:
        image, engine, repository = value
        return Snapshot(str(image), tuple(engine), Path(str(repository)))

    with shared(folder, create, lambda value: remove_snapshot(docker, parse(value))) as value:
        yield parse(value)


@pytest.fixture(scope="session")
def systemd_project(bake: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything on, which scripts deploy.

    It was made for a Python that Debian 13 does not have, and is content with the one that there is.
    """
    folder = tmp_path_factory.mktemp("systemd") / "project"
    shutil.copytree(bake(python_version="3.14", **ALL_ON).path, folder)
    add_task(folder, FILE_EFFECT + TASKS)
    add_page(folder, PAGE + SLOW_PAGE)
    return folder


# It takes almost as long as a service that is stopped has for it.
SLOW_PAGE = """

def slow(request):
    import time

    from django.http import HttpResponse

    time.sleep(27)
    return HttpResponse("done")


urlpatterns.append(path("slow/", slow))
"""
# Its effect can be counted.
FILE_EFFECT = '''

@shared_task
def leave_a_mark(number: int) -> None:
    """Write ``number`` into a file before some work, and into another after it."""
    import time

    for name in ("begun", "marks"):
        with open(f"/var/lib/my_project/{name}", "a") as file:
            file.write(f"{number}\\n")
        time.sleep(0.3 if name == "begun" else 0)
'''


@pytest.fixture(scope="session")
def systemd_snapshot(
    systemd_project: Path, docker: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[systemd.Snapshot]:
    """A machine on which that project was deployed by the scripts, once for all processes of a run."""
    folder = run_folder(tmp_path_factory.getbasetemp(), worker_id) / "systemd-snapshot"
    with systemd.snapshot(docker, folder, systemd_project, systemd.deploy_by_script) as taken:
        yield taken


@pytest.fixture(scope="session")
def lean_project(bake: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything off that can be, but for what a visitor meets: metrics, the API, the second factor."""
    folder = tmp_path_factory.mktemp("lean") / "project"
    visible = {"use_metrics": True, "use_api": True, "use_mfa": True}
    shutil.copytree(bake(**ALL_OFF | {"deployment": "systemd", **visible}).path, folder)
    return folder


@pytest.fixture(scope="session")
def hand_made_snapshot(
    lean_project: Path, docker: str, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[systemd.Snapshot]:
    """A machine on which that project was deployed by hand, once for all processes of a run."""
    folder = run_folder(tmp_path_factory.getbasetemp(), worker_id) / "hand-made-snapshot"
    with systemd.snapshot(docker, folder, lean_project, systemd.deploy_by_hand) as taken:
        yield taken
