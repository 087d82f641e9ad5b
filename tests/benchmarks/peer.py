"""A project of cookiecutter-django, with Celery, DRF and WhiteNoise, for the comparison. It is never committed."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import clean_environment, tool

VERSION = "2026.8.18"
SOURCE = "https://github.com/cookiecutter/cookiecutter-django"
# Of Debian 13: both sides run on the same interpreter. The template pins another.
PYTHON = "3.13"
ANSWERS = {
    "project_slug": "peer",
    "rest_api": "DRF",
    "use_celery": "y",
    "use_whitenoise": "y",
    "cloud_provider": "None",
    "mail_service": "Other SMTP",
}
FOLDER = "{{cookiecutter.project_slug}}"

# The list that the peer generates contains only the authenticated user.
LIST_OF_USERS = '''

class BenchmarkViewSet(UserViewSet):
    """Lists fifty users."""

    def get_queryset(self):
        return self.queryset.order_by("id")[:50]


router.register("benchmark", BenchmarkViewSet, basename="benchmark")
urlpatterns = router.urls
'''


def cache_folder() -> Path:
    """Return where the generated project is kept between runs."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "slipway-benchmark" / f"cookiecutter-django-{VERSION}-python{PYTHON}"


def generate_peer(source: str) -> Path:
    """Return the folder of the generated project; the first time, generate it from a Git repository.

    It has ``requirements.txt``: the requirements of production, pinned with hashes.
    """
    cached = cache_folder()
    if cached.exists():
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as name:
        template = Path(name) / "template"
        run("git", "clone", "--quiet", "--depth", "1", "--branch", VERSION, source, template)
        for pinned in (".python-version", "pyproject.toml"):
            pin_python(template / FOLDER / pinned)
        answers = [f"{question}={answer}" for question, answer in ANSWERS.items()]
        run(tool("cookiecutter"), template, "--no-input", "--output-dir", name, *answers)
        project = Path(name) / "peer"
        export = ["--frozen", "--no-dev", "--no-emit-project", "--format", "requirements-txt"]
        run(tool("uv"), "export", "--quiet", *export, "--output-file", "requirements.txt", cwd=project)
        project.rename(cached)
    return cached


def pin_python(path: Path) -> None:
    """Let a file of the template name the version of Python that the benchmark uses."""
    text, count = re.subn(r"\b3\.1\d\b", PYTHON, path.read_text())
    if not count:
        sys.exit(f"Error: {path.name} of the template names no version of Python.")
    path.write_text(text)


def copy_peer(source: str, target: Path) -> Path:
    """Return a copy of the generated project, with a list of fifty users in its API."""
    shutil.copytree(generate_peer(source), target)
    with (target / "config/api_router.py").open("a") as router:
        router.write(LIST_OF_USERS)
    return target


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command, which finds uv as the template's hook does; end, showing what it said, when it fails."""
    path = f"{Path(tool('uv')).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        command, cwd=cwd, env=clean_environment(PATH=path), capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        sys.exit(f"Error: {' '.join(map(str, command))} failed:\n{result.stdout}{result.stderr}")
