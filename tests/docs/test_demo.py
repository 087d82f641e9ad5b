"""The READMEs, followed word by word, and the pages looked at in a real browser."""

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.conftest import Project, clean_environment, tool
from tests.support.combinations import ALL_ON
from tests.support.documents import Running, sections, shell_blocks
from tests.support.servers import Server, listens

SITE = "http://127.0.0.1:8000"
# What is followed as written listens on port 8000: these tests run one after another, as the tests of a file do.


def fetch(address: str) -> tuple[int, str]:
    """Return the status and the body of a page of the site."""
    try:
        with urllib.request.urlopen(SITE + address) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(params=["uv", "pip"])
def bare_path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A PATH as on a machine with Python and make: without the tests' own programs, with uv or without."""
    own = str(Path(tool("uv")).parent)
    folders = [folder for folder in os.environ["PATH"].split(":") if folder != own]
    folders = [folder for folder in folders if not (Path(folder) / "uv").exists()]
    if request.param == "uv":
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "uv").symlink_to(tool("uv"))
        folders.insert(0, str(tmp_path / "bin"))
    return ":".join(folders)


def test_the_first_command_of_the_readme(clone: Path, bare_path: str, browser: Browser, tmp_path: Path) -> None:
    [demo, tests, *_] = shell_blocks(clone / "README.md")
    assert (demo, tests) == ("make demo\n", "make test\n")
    assert not listens(8000)
    with Running(demo, clone, tmp_path / "log", PATH=bare_path) as running:
        running.wait_for_port(8000, 180)
        problems: list[str] = []
        page = browser.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(SITE)
        assert page.title().strip() == "My Project"
        assert page.locator("h1").inner_text() == "My Project"
        for link, address in (
            ("Admin", "/admin/login/?next=/admin/"),
            ("Account", "/accounts/login/?next=/accounts/"),
            ("Health", "/health/"),
            ("Readiness", "/ready/"),
        ):
            page.goto(SITE)
            page.get_by_role("link", name=link, exact=True).click()
            assert page.url == SITE + address
        page.goto(SITE)
        page.get_by_role("link", name="README.md").click()
        assert page.locator("article h1").inner_text() == "My Project"
        assert problems == []
        assert json.loads(fetch("/health/")[1]) == {"status": "healthy", "service": "my_project", "version": "0.1.0"}
        assert json.loads(fetch("/ready/")[1])["checks"] == {"database": True, "cache": True}
        assert fetch("/documents/../manage.py")[0] == 404
    assert not listens(8000)
    new = ["make", "new", f"OUTPUT={tmp_path / 'projects'}"]
    environment = clean_environment(PATH=bare_path, HOME=str(tmp_path))
    subprocess.run(new, cwd=clone, env=environment, input="Harbour" + "\n" * 20, text=True, check=True)
    assert (tmp_path / "projects" / "harbour" / "manage.py").exists()


def test_the_readme_of_a_project(
    bake: Callable[..., Project], tmp_path: Path, postgresql: Server, redis: Server
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(bake(**ALL_ON).path, folder)
    # The address of a server is the reader's own; everything else stays as it is written.
    texts = {"postgres://postgres@127.0.0.1:5432/postgres": postgresql.url, "redis://127.0.0.1:6379/0": redis.url}
    # What it says of Docker is followed by tests/deploy/test_compose_development.py.
    parts = sections(folder / "README.md")
    blocks = [block for heading, part in parts.items() if heading != "With Docker" for block in part]
    assert len(blocks) == 6
    path = f"{Path(tool('uv')).parent}:{os.environ['PATH']}"
    for number, block in enumerate(blocks):
        # A newcomer is no CI: what needs servers is left out until the README comes to them.
        environment: dict[str, str] = {"PATH": path, "CI": ""}
        for text, replacement in texts.items():
            block = block.replace(text, replacement)
        if "make test" in block:
            # A job of tests/ci runs all tests; some of the second path need the servers.
            environment["ARGS"] = "tests/unit tests/integration/test_celery.py"
        if "createsuperuser" in block:
            environment["DJANGO_SUPERUSER_PASSWORD"] = "correct horse battery"
            block = block.replace("createsuperuser", "createsuperuser --no-input --email ann@example.com")
        if "make run" in block:
            assert not listens(8000)
            with Running(block, folder, tmp_path / f"{number}.log", **environment) as running:
                running.wait_for_port(8000, 60)
                assert "A Django project that is ready for production." in fetch("/")[1]
        elif block in ("make worker\n", "make beat\n"):
            with Running(block, folder, tmp_path / f"{number}.log", REDIS_URL=redis.url, **environment) as running:
                running.wait_for({"make worker\n": "ready.", "make beat\n": "beat: Starting..."}[block], 30)
        else:
            Project(folder).run("sh", "-euc", block, **environment)
    project = Project(folder)
    assert "ann@example.com" in project.run("sh", "-c", "echo 'print(User.objects.get())' | make shell").stdout
    sources = {
        name: project.read(name) for name in project.files() if name.endswith((".py", ".html")) and name[0] != "."
    }
    with Running("make run ADDRESS=127.0.0.1:9000", folder, tmp_path / "elsewhere.log", PATH=path) as running:
        running.wait_for_port(9000, 30)
    assert "deselected" in project.run("make", "test", "ARGS=-m 'not performance' --collect-only --quiet").stdout
    project.run("make", "format")
    assert {name: project.read(name) for name in sources} == sources


def test_a_machine_without_python_is_told_how_to_get_it(clone: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "sh", "cat", "git"):
        (programs / name).symlink_to(shutil.which(name) or "")
    environment = clean_environment(PATH=str(programs))
    result: Any = subprocess.run(
        ["make", "demo"], cwd=clone, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode != 0
    assert "Python 3.13 with its venv module was not found" in result.stderr
    assert "pyenv install 3.13" in result.stderr
    assert not (clone / ".venv").exists()
