"""The smoke test of a project, `make smoke`, when something goes wrong: it says so, and leaves nothing behind."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ci.runner import commit
from tests.conftest import Project, clean_environment
from tests.support.combinations import ALL_OFF
from tests.support.servers import wait_until

pytestmark = pytest.mark.timeout(900)


class Smoke:
    """A clone of a project, in which `make smoke` is run."""

    def __init__(self, docker: str, project: Path, folder: Path) -> None:
        self.docker = docker
        self.path = shutil.copytree(project, folder / "project")
        self.copies = folder / "copies"
        self.log = folder / "log"
        self.copies.mkdir()
        commit(self.path)

    def start(self, **environment: str) -> Any:
        """Start it, in a terminal of its own as it were; its output is in the log."""
        with self.log.open("wb") as output:
            return subprocess.Popen(
                ["make", "smoke"],
                cwd=self.path,
                env=clean_environment(TMPDIR=str(self.copies), **environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, **environment: str) -> str:
        """Run it to its end, which must not be a good one; return what it said."""
        assert self.start(**environment).wait() != 0, self.log.read_text()
        return self.log.read_text()

    def left(self) -> list[str]:
        """Return what the engine and the folder for temporary files have of it."""
        found = [str(path) for path in self.copies.iterdir()]
        for kind in (["ps", "--all"], ["volume", "ls"], ["network", "ls"], ["image", "ls"]):
            answer = subprocess.run([self.docker, *kind], check=True, capture_output=True, text=True)
            found += [line for line in answer.stdout.splitlines() if any(name in line for name in self.names())]
        return found

    def names(self) -> set[str]:
        """Return the names that Compose has told; other tests run smoke tests beside this one."""
        return set(re.findall(r"my_project_smoke_\w{6}(?=[-_:])", self.log.read_text()))


@pytest.fixture
def smoke(bake: Callable[..., Project], docker: str, tmp_path: Path) -> Iterator[Smoke]:
    # The same image that other tests build, so that most of it is in the engine's cache.
    project = bake(**ALL_OFF | {"deployment": "docker"})
    found = Smoke(docker, project.path, tmp_path)
    yield found
    assert found.left() == []
    assert Project(found.path).run("git", "clean", "-ndx").stdout == ""


def test_a_site_that_is_not_ready_is_no_success(smoke: Smoke) -> None:
    view = smoke.path / "apps/core/views.py"
    view.write_text(view.read_text().replace('"home.html"', '"nowhere.html"'))
    said = smoke.run()
    assert "/ready/ 200" in said
    assert "example.com/ 500" in said
    assert "TemplateDoesNotExist: nowhere.html" in said
    assert 'Error: step "Check the responses" failed' in said
    assert len(smoke.names()) == 1


def test_a_guard_that_lets_everything_pass_is_no_success(smoke: Smoke) -> None:
    (smoke.path / "deploy/docker/bin/check_env.py").write_text("")
    said = smoke.run()
    assert "Error: check-env accepts settings that are not filled in." in said
    assert 'step "Create the settings file" failed' in said


def test_ctrl_c_leaves_nothing(smoke: Smoke) -> None:
    process = smoke.start()
    wait_until(lambda: "db-1  Started" in smoke.log.read_text(), 180, "the start of the database")
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=90) != 0
    assert "==> Clean up" in smoke.log.read_text()
    assert len(smoke.names()) == 1


def test_without_docker_or_git_it_says_so(smoke: Smoke) -> None:
    assert "Error: no Docker engine responds; see the output above." in smoke.run(DOCKER_HOST="unix:///nowhere")
    (smoke.path / ".git").rename(smoke.path.parent / "git")
    assert "run: git init" in smoke.run()
    (smoke.path.parent / "git").rename(smoke.path / ".git")
