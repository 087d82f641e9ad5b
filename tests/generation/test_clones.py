"""A clone of a project works whatever its owner's git and umask are set to."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Project
from tests.drift.history import commit_all, git


@pytest.fixture
def repository(bake: Callable[..., Project], tmp_path: Path) -> Path:
    """A repository with a generated project."""
    folder = tmp_path / "repository"
    shutil.copytree(bake().path, folder)
    commit_all(folder)
    return folder


def test_lines_end_with_lf_whatever_core_autocrlf_says(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(repository), "clone")
    files = [name for name in Project(tmp_path / "clone").files() if not name.startswith(".git/")]
    assert "deploy/docker/image/entrypoint" in files
    assert [name for name in files if b"\r" in (tmp_path / "clone" / name).read_bytes()] == []


def test_the_template_has_lf_whatever_core_autocrlf_says() -> None:
    names = git(ROOT, "ls-files", "-z").strip("\0")
    listing = ["git", "check-attr", "-z", "--stdin", "eol"]
    answer = subprocess.run(listing, cwd=ROOT, input=names, capture_output=True, text=True, check=True).stdout
    values = answer.split("\0")[2::3]
    assert len(values) > 500
    assert set(values) == {"lf"}


def unreadable(folder: Path, *names: str) -> list[str]:
    """Return the paths below folders that other users cannot read, or enter."""
    paths = [path for name in names for path in (folder / name, *(folder / name).rglob("*"))]
    wanted = {True: 0o055, False: 0o044}
    return [str(path) for path in paths if wanted[path.is_dir()] & ~stat.S_IMODE(path.stat().st_mode)]


class TestCloneWithUmask077:
    MOUNTED = ("deploy", "nginx/acme")

    @pytest.fixture
    def clone(self, repository: Path, tmp_path: Path) -> Path:
        command = ["sh", "-c", 'umask 077; git clone --quiet "$0" "$1"', str(repository), str(tmp_path / "clone")]
        subprocess.run(command, check=True)
        assert unreadable(tmp_path / "clone", *self.MOUNTED)
        return tmp_path / "clone"

    @pytest.mark.parametrize("command", ["deploy/docker/bin/up", "deploy/docker/bin/release"])
    def test_containers_can_read_what_they_mount(self, clone: Path, tmp_path: Path, command: str) -> None:
        # As far as the first command of Docker, which fails here.
        (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "docker").chmod(0o755)
        (clone / ".env.production").write_text("COMPOSE_PROJECT_NAME=x\n")
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        result = subprocess.run([clone / command], env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 1
        assert unreadable(clone, *self.MOUNTED) == []
        assert (clone / "nginx/ssl").stat().st_mode & 0o777 == 0o755
        assert git(clone, "status", "--porcelain") == ""

    def test_the_image_can_be_read_by_its_user(self, clone: Path) -> None:
        [command] = re.findall(
            r"^    (find \. .*) \\\n    && python -m compileall", (clone / "Dockerfile").read_text(), re.M
        )
        subprocess.run(["sh", "-euc", command], cwd=clone, check=True)
        assert unreadable(clone, "apps", "config", "deploy", "ops", "manage.py") == []
