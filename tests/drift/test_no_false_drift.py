"""A project that does what every project does has not drifted; one that changes what production depends on has."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drift.trees import Store
from tests.conftest import ROOT, TEMPLATE, Project, clean_environment
from tests.drift.history import commit_all, git, replace, write
from tests.ops.running import with_suite
from tests.support.combinations import ALL_OFF, ALL_ON, Answers

OF_DRIFT = json.loads((ROOT / "cookiecutter.json").read_text())["_drift"]
PATTERNS: dict[str, list[str]] = {name: OF_DRIFT[name] for name in ("project_owned", "shared", "project_paths")}
# Where projects have files of their own, and the template none yet.
NOT_OF_THE_TEMPLATE = {"/locale/"}
# What production, its safety or the checks of a change depend on.
ALWAYS_TOLD = """
    /*.sh /.dockerignore /.github/dependabot.yml /.github/workflows/ /.gitlab-ci.yml /.pre-commit-config.yaml
    /.python-version /Dockerfile /apps/core/sanitizing.py /apps/core/validators.py /apps/users/managers.py
    /apps/users/migrations/ /compose*.yaml /config/*sgi.py /config/settings/components/s3.py
    /config/settings/environment.py /config/settings/guard.py /config/settings/production.py /deploy/ /gunicorn.conf.py
    /manage.py /nginx/ /ops/ /renovate.json /static/js/ /tests/integration/test_production_config.py /tools/
"""
# Where a file that is not the template's is always told.
ALWAYS_LOOKED_INTO = [
    "/.github/workflows/",
    "/config/*.py",
    "/config/settings/*.py",
    "/deploy/",
    "/nginx/",
    "/ops/",
    "/tools/",
]

MODEL = '''"""What was ordered."""

from django.db import models


class Order(models.Model):
    """An order of a number of things."""

    number = models.PositiveIntegerField(unique=True)

    def __str__(self) -> str:
        return str(self.number)
'''
URLS = '''"""The addresses of orders."""

from django.urls import path

from apps.core.views import home

urlpatterns = [path("", home, name="orders")]
'''
TEST = '''"""Orders."""

from apps.orders.models import Order


def test_an_order_is_called_by_its_number() -> None:
    assert str(Order(number=1)) == "1"
'''


def grow(root: Path, answers: Answers) -> None:
    """Do to a project what every project does."""
    write(root / "README.md", "# Orders\n\nHow we take orders.\n")
    write(root / "docs/orders.md", "# Orders\n")
    replace(root / "Makefile", "\nshell: ", "\norders: ## Show the orders of today\n\t$(MANAGE) orders\n\nshell: ")
    replace(root / ".gitignore", "/media/\n", "/media/\n/orders/\n")
    if answers["ci_provider"] != "none":
        write(root / f".{answers['ci_provider']}/CODEOWNERS", "* ann@example.com\n")
    add_app(root)
    design_pages(root)
    give_users_a_telephone(root)
    add_setting(root, answers)
    add_requirement(root)
    release(root)


def add_app(root: Path) -> None:
    """Add an app with a translation and a test."""
    for name in ("apps/orders/__init__.py", "apps/orders/migrations/__init__.py"):
        write(root / name, "")
    write(root / "apps/orders/models.py", MODEL)
    write(root / "apps/orders/urls.py", URLS)
    write(root / "tests/unit/test_orders.py", TEST)
    write(root / "locale/de/LC_MESSAGES/django.po", 'msgid ""\nmsgstr ""\n')
    replace(root / "config/settings/base.py", "]\nMIDDLEWARE", '    "apps.orders",\n]\nMIDDLEWARE')
    addresses = '    path("orders/", include("apps.orders.urls")),\n'
    replace(root / "config/urls.py", '    path("csp-report/"', f'{addresses}    path("csp-report/"')


def design_pages(root: Path) -> None:
    """Make the first page and the styles the project's own, and add to others."""
    write(root / "templates/home.html", '{% extends "base.html" %}\n\n{% block content %}\n{% endblock content %}\n')
    write(root / "templates/orders/list.html", '{% extends "base.html" %}\n')
    write(root / "static/css/site.css", "body {\n    margin: 0;\n}\n")
    write(root / "static/js/orders.js", "export {};\n")
    link = '            <a href="/orders/">Orders</a>\n'
    replace(root / "templates/base.html", "        </header>", f"{link}        </header>")


def give_users_a_telephone(root: Path) -> None:
    """Add a field to the user's model."""
    field = "    phone = models.CharField(max_length=30, blank=True)\n"
    replace(root / "apps/users/models.py", "\n    USERNAME_FIELD", f"{field}\n    USERNAME_FIELD")
    replace(root / "apps/users/admin.py", '("first_name", "last_name")}', '("first_name", "last_name", "phone")}')


def add_setting(root: Path, answers: Answers) -> None:
    """Add a setting, and tell of it where the project's tests ask for that."""
    read = 'ORDERS_EMAIL = env("ORDERS_EMAIL", default="")\n'
    replace(root / "config/settings/base.py", "\n# Language and time\n", f"\n{read}\n# Language and time\n")
    meaning = "# Address that orders are sent to\n# ORDERS_EMAIL=\n"
    for name in [".env.example", *([".env.production.template"] if "docker" in answers["deployment"] else [])]:
        replace(root / name, "# Language of the site\n", f"{meaning}# Language of the site\n")
    row = "| `ORDERS_EMAIL` | | `orders@example.com` | who gets orders |\n"
    replace(root / "PRODUCTION.md", "| `LANGUAGE_CODE`", f"{row}| `LANGUAGE_CODE`")


def add_requirement(root: Path) -> None:
    """Add a requirement and its pins, which nobody installs."""
    replace(root / "pyproject.toml", '    "jsonschema>=4.26",\n', '    "humanize>=4.14",\n    "jsonschema>=4.26",\n')
    pin = "humanize==4.14.0 \\\n    --hash=sha256:0\n    # via my-project (pyproject.toml)\n"
    for path in (root / "requirements").glob("*.txt"):
        replace(path, "\njsonschema==", f"\n{pin}jsonschema==")


def release(root: Path) -> None:
    """Make the documents of a release."""
    replace(root / "pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    section = "## 0.2.0 (2026-12-01)\n\n- Orders can be made.\n"
    replace(root / "CHANGELOG.md", "## Unreleased\n", f"## Unreleased\n\n{section}")
    documents = root / "docs/maintainers/planning/releases"
    write(documents / "v0.2.0/checklist.md", "# Release 0.2.0\n")
    write(documents / "v0.2.0/release-notes.md", "# Release 0.2.0\n")
    write(documents / "history.md", f"{(documents / 'history.md').read_text()}| 0.2.0 | 2026-12-01 | |\n")


def status(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``drift status --exit-code`` in a project."""
    command = [sys.executable, "-m", "drift", "status", "--exit-code", *options]
    environment = clean_environment(PYTHONPATH=str(ROOT), XDG_CACHE_HOME=str(root.parent / "cache"))
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def generated(generate: Callable[..., Any], clone: Path, tmp_path: Path) -> Callable[[Answers], Path]:
    """Generate a project from the template as it is here, with a commit of either."""

    def run(answers: Answers) -> Path:
        commit_all(clone)
        result = generate("--no-input", template=clone, **answers)
        assert result.returncode == 0, result.stderr
        commit_all(tmp_path / "my_project")
        return tmp_path / "my_project"

    return run


@pytest.mark.parametrize("answers", [ALL_ON, ALL_OFF], ids=["all on", "all off"])
def test_what_every_project_does_is_no_drift(
    generated: Callable[[Answers], Path],
    bake: Callable[..., Project],
    install: Callable[..., Path],
    tmp_path: Path,
    answers: Answers,
) -> None:
    root = generated(answers)
    python = install(bake(**answers), "test")
    grow(root, answers)
    project = Project(root)
    project.run(python, "manage.py", "makemigrations", "--name", "orders")
    commit_all(root)
    # It is healthy indeed: its settings, documents and models are in line.
    tests = ["tests/unit/test_environment.py", "tests/unit/test_production_document.py", "tests/unit/test_orders.py"]
    tests += ["tests/unit/test_production_template.py"] if "docker" in answers["deployment"] else []
    project.run(python, "-m", "pytest", "-p", "no:cacheprovider", *tests)
    if "docker" in answers["deployment"]:
        copy = with_suite(project, tmp_path / "copy")
        module = "tests/ops/deployment/test_production_environment.py"
        copy.run(python, "-m", "pytest", "-p", "no:cacheprovider", module)
    result = status(root)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Nothing to report: the project has no drift." in result.stdout
    # And all of it was seen.
    report = json.loads(status(root, "--json").stdout)
    assert report["changes"] == []
    seen = {change["path"] for change in report["expected"]}
    assert seen == set(git(root, "diff", "--name-only", "HEAD~").splitlines())
    assert {"README.md", "apps/users/migrations/0002_orders.py", "apps/orders/migrations/0001_orders.py"} <= seen


def test_what_production_depends_on_is_told(generated: Callable[[Answers], Path]) -> None:
    root = generated(ALL_ON)
    changed, removed, added = (
        root / "gunicorn.conf.py",
        root / "deploy/systemd/bin/rollback",
        root / "deploy/systemd/bin/redeploy",
    )
    assert (status(root).returncode, status(root).stderr) == (0, "")
    changed.write_text(f"{changed.read_text()}timeout = 0\n")
    result = status(root)
    assert (result.returncode, result.stderr) == (1, "")
    assert "Changed by the project: 1\n  M  gunicorn.conf.py\n" in result.stdout
    # It may be meant.
    (root / ".driftallow").write_text("/gunicorn.conf.py\n")
    assert status(root).returncode == 0
    (root / ".driftallow").unlink()
    git(root, "checkout", "--", ".")
    removed.unlink()
    result = status(root)
    assert (result.returncode, result.stderr) == (1, "")
    assert "removed from the project: 1\n  D  deploy/systemd/bin/rollback\n" in result.stdout
    git(root, "checkout", "--", ".")
    added.write_text("#!/bin/sh\n")
    result = status(root)
    assert (result.returncode, result.stderr) == (1, "")
    assert "not from the template: 1\n  A  deploy/systemd/bin/redeploy\n" in result.stdout


@pytest.fixture(scope="module")
def matching(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], set[str]]:
    """Return the files of the template that patterns name."""
    store = Store(tmp_path_factory.mktemp("store"))
    names = git(TEMPLATE, "ls-files", "--cached", "--others", "--exclude-standard", "-z", ".").split("\0")
    return lambda patterns: store.matching(patterns, [name for name in names if name])


def test_every_pattern_names_files_of_the_template(matching: Callable[[list[str]], set[str]]) -> None:
    for patterns in PATTERNS.values():
        assert patterns == sorted(set(patterns))
        for pattern in patterns:
            assert pattern.startswith("/")
            assert bool(matching([pattern])) != (pattern in NOT_OF_THE_TEMPLATE), pattern


def test_nothing_that_production_depends_on_is_expected_to_change(matching: Callable[[list[str]], set[str]]) -> None:
    for pattern in (*ALWAYS_TOLD.split(), *ALWAYS_LOOKED_INTO):
        assert matching([pattern]), pattern
    assert matching(ALWAYS_TOLD.split()) & matching([*PATTERNS["project_owned"], *PATTERNS["shared"]]) == set()
    assert matching(ALWAYS_LOOKED_INTO) & matching(PATTERNS["project_paths"]) == set()
