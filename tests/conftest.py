"""What the tests share."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, sync_playwright

from tests.support import servers

# A shell starts a background job with SIGINT ignored, as nohup does with SIGHUP, and every child would inherit that: no
# test could interrupt a program. A handler, which exec resets to the default, ends the inheritance.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda signum, frame: None)

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "<<cookiecutter.project_slug>>"

# Functions that parse a file, by its suffix.
PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
}

# Who commits in the repositories of the tests.
IDENTITY = ["-c", "user.name=Ann Example", "-c", "user.email=ann@example.com"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long the tests of each file and folder took, longest first; CONTRIBUTING.md has the budget."""
    files: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                files[report.nodeid.partition("::")[0]] += report.duration
    if len(files) < 2:
        return
    folders: Counter[str] = Counter()
    for name, seconds in files.items():
        folders[str(Path(name).parent)] += seconds
    for title, durations in (("file", files), ("folder", folders)):
        terminalreporter.section(f"time by {title}, in minutes of one worker")
        for name, seconds in durations.most_common():
            terminalreporter.line(f"{seconds / 60:6.1f}  {name}")


class Project:
    """A generated project."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self) -> list[str]:
        """Return the names of its files, from its root, but for what Python has compiled of them."""
        paths = (path for path in self.path.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
        return sorted(str(path.relative_to(self.path)) for path in paths)

    def read(self, name: str) -> str:
        """Return the text of one of its files."""
        return (self.path / name).read_text(encoding="utf-8")

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in its root; fail, showing what it said, when the command fails."""
        result = subprocess.run(
            command, cwd=self.path, env=clean_environment(**environment), capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        return result


def clean_environment(**changes: str) -> dict[str, str]:
    """Return this process's environment without what its Python, make and settings would pass on, and ``changes``."""
    unwanted = {
        "VIRTUAL_ENV",
        "DJANGO_SETTINGS_MODULE",
        "DATABASE_URL",
        "REDIS_URL",
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "ARGS",
    }
    # What mypy has found out about libraries holds for every project; their own files it looks at anew.
    cache = Path(tempfile.gettempdir()) / f"slipway-mypy-{os.getuid()}-{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    return kept | {"MYPY_CACHE_DIR": str(cache)} | changes


def tool(name: str) -> str:
    """Return the path of a program of the tests' own virtual environment."""
    return str(Path(sys.executable).parent / name)


def interpreter(version: str) -> Path:
    """Return the Python of this machine that has a version, or is at a path."""
    # pyenv shows an interpreter only when asked for it.
    environment = clean_environment(PYENV_VERSION=os.environ.get("PYENV_VERSION", "3.13:3.12"))
    command = [tool("uv"), "python", "find", "--no-project", "--system", version]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if found.returncode != 0:
        servers.missing(f"Python {version} is missing; install it (pyenv install {version}).")
    return Path(found.stdout.strip())


@pytest.fixture
def generate(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run cookiecutter's command line, apart from the user's own configuration; answers are keyword arguments."""
    configuration = tmp_path / "cookiecutterrc"
    folders = {"cookiecutters_dir": str(tmp_path / "templates"), "replay_dir": str(tmp_path / "replay")}
    configuration.write_text(yaml.safe_dump(folders))
    (tmp_path / "templates").mkdir()

    def run(
        *options: str,
        template: Path | str = ROOT,
        cwd: Path = tmp_path,
        environment: dict[str, str] | None = None,
        **answers: Any,
    ) -> Any:
        command = [
            tool("cookiecutter"),
            str(template),
            *options,
            *(f"{name}={value}" for name, value in answers.items()),
        ]
        variables = clean_environment(COOKIECUTTER_CONFIG=str(configuration)) | (environment or {})
        return subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, input="", check=False)

    return run


@pytest.fixture(scope="session")
def bake(cookies_session: Any) -> Callable[..., Project]:
    """Generate a project with the given answers, once for each set of answers."""
    baked: dict[str, Project] = {}

    def run(**answers: Any) -> Project:
        key = repr(sorted(answers.items()))
        if key not in baked:
            result = cookies_session.bake(extra_context=answers, template=str(ROOT))
            assert result.exception is None, result.exception
            baked[key] = Project(result.project_path)
        return baked[key]

    return run


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Install requirements of a project, pinned with hashes, outside of it; return the Python that has them."""
    installed: dict[tuple[str, str], Path] = {}

    def run(project: Project, kind: str, python: str = sys.executable) -> Path:
        requirements = project.path / "requirements" / f"{kind}.txt"
        key = (requirements.read_text(), python)
        if key not in installed:
            folder = tmp_path_factory.mktemp(kind) / "venv"
            uv = tool("uv")
            project.run(uv, "venv", "--no-project", "--python", interpreter(python), folder)
            options = ["--python", folder, "--require-hashes", "--requirement", requirements]
            # To optimize psycopg, which production compiles, would take a minute more.
            project.run(uv, "pip", "install", *options, CFLAGS="-O0")
            installed[key] = folder / "bin" / "python"
        return installed[key]

    return run


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.Server]:
    """A PostgreSQL for all tests of this process."""
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[servers.Server]:
    """A Redis for all tests of this process."""
    with servers.redis() as server:
        yield server


@pytest.fixture(scope="session")
def docker() -> str:
    """The command of a Docker engine that answers."""
    program = servers.find("docker", "docker.io")
    answer = subprocess.run([program, "version"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        servers.missing(f"No Docker engine answers: {answer.stderr.strip()}")
    return program


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser that asks nobody for anything by itself."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=servers.find("chromium", "chromium"), args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of the template, with the changes that are not committed yet."""
    folder = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    listing = ["git", "ls-files", "--modified", "--others", "--exclude-standard", "-z"]
    changed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, changed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
        else:
            (folder / name).unlink()
    return folder
