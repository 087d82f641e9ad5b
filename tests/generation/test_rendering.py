"""What comes out, for every pair of answers."""

import ast
import json
import os
import py_compile
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from cookiecutter.utils import create_env_with_context
from jinja2 import Environment
from markdown_it import MarkdownIt

from local_extensions import markdown
from tests.conftest import PARSERS, ROOT, Project, clean_environment, tool
from tests.support import trees
from tests.support.combinations import ALL_OFF, ALL_ON, FEATURES, NASTY_NAME, Answers, all_pairs, each_feature, name_of

# The words that stand nowhere without a feature (but "workers = env." and "gunicorn's worker", which are no task's).
WORDS = {
    "server": r"nginx|certbot|sudo|deployment\.md|docs/deployment|\bdeploy/",
    "systemd": r"systemd|provision|journalctl|/etc/my_project/environment",
    "docker": r"docker|\bcompose|coolify|env\.production|env-production",
    "api": (
        r"apps[./]api|integration[./]api|/api/(v1|docs|schema)|rest[_ ](api|framework)|djangorestframework|the api\b|"
        r"jwt|spectacular|openapi|swagger|\bcors_|corsheaders|django-cors|schemathesis|hypothesis|django[-_]filter|"
        r"refresh[-_ ]token|auth_enforced|cookie_refresh|uritemplate|inflection"
    ),
    "celery": (
        r"celery|kombu|amqp|billiard|\bbeat\b|brokers?\b|\btasks?\b|"
        r"(?<!gunicorn's )\bworkers?\b(?! = env\.|\.gthread)"
    ),
    "metrics": r"metrics|prometheus|grafana|promtool|dashboard|monitoring/",
    # Backups go to a bucket in any project.
    "s3": r"\bs3_storage|components[./]s3|\baws_s(3|torage)|test_s3|uploads/",
    "sentry": r"sentry",
    "mfa": r"mfa|second.factor|django.otp|totp|segno",
    "github": r"github|dependabot|zizmor",
    "gitlab": r"gitlab|renovate|merge.request",
}
# They know where any template may be, or where a library is documented, which says nothing of where the project is.
KNOW_HOSTS = {"tools/drift.py", "config/settings/components/api.py"}
LICENSES = {
    "proprietary": "All rights reserved",
    "MIT": "MIT License",
    "BSD-3-Clause": "BSD 3-Clause",
    "Apache-2.0": "Apache License",
}

combinations = pytest.mark.parametrize("answers", all_pairs(), ids=name_of)


def is_on(answers: Answers, feature: str) -> bool:
    """Say whether a feature was asked for."""
    asked_for = {
        "server": answers["deployment"] != "platform",
        "systemd": "systemd" in answers["deployment"],
        "docker": "docker" in answers["deployment"],
        "api": answers["use_api"],
        "celery": answers["use_celery"],
        "metrics": answers["use_metrics"],
        "s3": answers["media_storage"] == "s3",
        "sentry": answers["use_sentry"],
        "mfa": answers["use_mfa"],
        "github": answers["ci_provider"] == "github",
        "gitlab": answers["ci_provider"] == "gitlab",
    }
    return bool(asked_for[feature])


@pytest.mark.parametrize("name", trees.RECORDED)
def test_files_are_the_recorded_ones(bake: Callable[..., Project], name: str) -> None:
    """After a change, run ``make trees`` and review the difference of tests/trees."""
    assert trees.listing(name, lambda answers: bake(**answers).files()) == trees.read(name)


@combinations
def test_each_answer_brings_its_files_and_no_others(bake: Callable[..., Project], answers: Answers) -> None:
    """In every pair of answers too; files that two answers bring together are recorded in the list of everything on."""
    files = {*bake(**answers).files()}
    expected = {*trees.read("all-off")}
    for question, (off, _) in FEATURES.items():
        if answers[question] != off:
            lines = trees.read(f"{question}={answers[question]}")
            expected |= {line[2:] for line in lines if line.startswith("+ ")}
            expected -= {line[2:] for line in lines if line.startswith("- ")}
    together = {*trees.read("all-on")} | {*trees.read("ci_provider=gitlab")}
    for name in trees.ALONE:
        together -= {line[2:] for line in trees.read(name)}
    together -= {*trees.read("all-off")}
    assert expected - files == set()
    assert files - expected <= together


@combinations
def test_nothing_is_left_over(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    for name in project.files():
        text = project.read(name)
        if name in KNOW_HOSTS:
            text = re.sub(r"\b(github\.com|gitlab\.com|bitbucket\.org)/", "", text)
        assert "<<" not in text, name
        assert ">>" not in text, name
        if name == ".cookiecutter.json":
            continue
        for feature, words in WORDS.items():
            if not is_on(answers, feature):
                found = re.search(words, text + name, re.IGNORECASE)
                assert found is None, f"{name}: {found}"


@combinations
def test_no_blank_lines_are_left_over(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    for name in project.files():
        text = project.read(name)
        assert not re.search(r"[ \t]$", text, re.MULTILINE), f"{name} has blanks at the end of a line"
        assert text == text.strip("\n") + "\n" * bool(text), f"{name} does not begin and end with a line"
        most = 2 if name.endswith(".py") else 1
        assert "\n" * (most + 2) not in text, f"{name} has too many blank lines"


@combinations
def test_every_file_parses(bake: Callable[..., Project], answers: Answers, tmp_path: Path) -> None:
    project = bake(**answers)
    parsers = {**PARSERS, ".py": ast.parse}
    for name in project.files():
        if parse := parsers.get(Path(name).suffix):
            parse(project.read(name))
    assert "make run" in project.run("make").stdout
    py_compile.compile(str(project.path / "manage.py"), cfile=str(tmp_path / "manage.pyc"), doraise=True)


@combinations
def test_style_is_clean(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    project.run(tool("ruff"), "check", "--no-cache")
    project.run(tool("ruff"), "format", "--check", "--no-cache")
    project.run(tool("djlint"), "--check", "--lint", "--quiet", "templates")


@combinations
def test_scripts_are_clean_and_can_be_run(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    scripts = {name for name in project.files() if project.read(name).startswith("#!/bin/sh\n")}
    project.run(tool("shellcheck"), "--external-sources", *sorted(scripts))
    executable = {name for name in project.files() if os.access(project.path / name, os.X_OK)}
    read_by_others = {f"deploy/{name}.sh" for name in ("common", "docker/lib", "systemd/lib")}
    assert executable - {"manage.py"} == scripts - read_by_others


@combinations
def test_the_license_is_the_one_that_was_chosen(bake: Callable[..., Project], answers: Answers) -> None:
    project = bake(**answers)
    for name, phrase in LICENSES.items():
        assert (phrase in project.read("LICENSE")) == (name == answers["license"])
    spdx = answers["license"] if answers["license"] != "proprietary" else "LicenseRef-Proprietary"
    assert tomllib.loads(project.read("pyproject.toml"))["project"]["license"] == spdx
    assert "Example Author" in project.read("LICENSE")


@pytest.fixture(scope="session")
def resolved(bake: Callable[..., Project]) -> None:
    """Fill uv's cache with what the resolution of everything needs, so that those of less need no network."""
    lock(bake(**ALL_ON).path)


def lock(path: Path, **environment: str) -> None:
    """Run the project's own ``make lock``."""
    environment["PATH"] = f"{Path(tool('uv')).parent}:{clean_environment()['PATH']}"
    Project(path).run("make", "lock", **environment)


@pytest.mark.parametrize("answers", each_feature(), ids=name_of)
def test_the_requirements_are_what_uv_makes_of_the_answers(
    bake: Callable[..., Project], tmp_path: Path, resolved: None, answers: Answers
) -> None:
    project = bake(**answers)
    shutil.copytree(project.path, tmp_path / "copy")
    lock(tmp_path / "copy", UV_OFFLINE="1")
    for kind in ("production", "development", "test"):
        name = f"requirements/{kind}.txt"
        assert (tmp_path / "copy" / name).read_text() == project.read(name)
        assert project.read(name).count("==") > 10
        assert "--hash=sha256:" in project.read(name)
        assert "://" not in project.read(name)


@pytest.mark.parametrize("answers", [{}, ALL_ON, ALL_OFF], ids=["defaults", "all on", "all off"])
def test_types_are_right(bake: Callable[..., Project], install: Callable[..., Path], answers: Answers) -> None:
    python = install(bake(**answers), "test")
    bake(**answers).run(python, "-m", "mypy", ".")


@pytest.mark.parametrize(
    "text",
    [
        *(NASTY_NAME, "# no heading", "> no quotation", "- no list", "+ no list", "1. no list", "12) no list", "---"),
        *("===", "a_b_c", "__init__ & Co", "&amp;", "AT&T", "[no](link)", "<b>", "`x`", "a | b", "~~x~~", "\\*x\\*"),
    ],
)
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    shown = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown(text))
    assert [token.type for token in shown] == ["paragraph_open", "inline", "paragraph_close"]
    assert "".join(token.content for token in shown[1].children or []) == text
    assert {token.type for token in shown[1].children or []} <= {"text", "text_special"}


@pytest.fixture(scope="module")
def environments() -> tuple[Environment, Environment]:
    """Jinja's environment with the template's delimiters, as cookiecutter makes it, with UnmarkedText and without."""
    context = {"cookiecutter": json.loads((ROOT / "cookiecutter.json").read_text())}
    with_extension = create_env_with_context(context)
    extensions = [name for name in context["cookiecutter"]["_extensions"] if "UnmarkedText" not in name]
    return with_extension, create_env_with_context(
        {"cookiecutter": context["cookiecutter"] | {"_extensions": extensions}}
    )


@pytest.mark.parametrize(
    ("text", "is_parsed"),
    [
        ("", False),
        ("{{ a }} {% b %} {# c #}\n# > d\n\n", False),
        ('\\ \' """ \\n \0 \ud7ff {0} %s', False),
        ("one\r\ntwo\r", True),
        ("a << 1 + 1 >> b\n", True),
        ("<<% if true %>>\nyes\n<<% endif %>>\n", True),
        ("<<# a comment #>>\n", True),
        ("    # >> if false\nno\n    # >> endif\n", True),
    ],
)
def test_text_without_delimiters_is_not_parsed(
    environments: tuple[Environment, Environment], monkeypatch: pytest.MonkeyPatch, text: str, is_parsed: bool
) -> None:
    quick, jinja = environments
    parsed = []
    monkeypatch.setattr(quick, "_parse", lambda *given: parsed.append(given) or Environment._parse(quick, *given))
    assert quick.from_string(text).render() == jinja.from_string(text).render()
    assert bool(parsed) == is_parsed


class TestNastyName:
    """A name with everything in it that some format takes for its own is text everywhere."""

    @pytest.fixture
    def project(self, bake: Callable[..., Project]) -> Project:
        return bake(project_name=NASTY_NAME, project_slug="nasty", description=NASTY_NAME, author_name=NASTY_NAME)

    def test_the_settings_know_the_name_as_it_is(self, project: Project) -> None:
        pyproject = tomllib.loads(project.read("pyproject.toml"))
        assert pyproject["tool"]["config"]["site_name"] == NASTY_NAME
        assert pyproject["project"]["description"] == NASTY_NAME
        assert pyproject["project"]["authors"][0]["name"] == NASTY_NAME
        assert NASTY_NAME in project.read("LICENSE")
        assert NASTY_NAME in project.read(".env.example").splitlines()[0]

    def test_markdown_shows_the_name_as_it_is(self, project: Project) -> None:
        heading = MarkdownIt().parse(project.read("README.md"))[1]
        assert "".join(token.content for token in heading.children or []) == NASTY_NAME

    def test_the_files_are_clean(self, project: Project) -> None:
        project.run(tool("ruff"), "check", "--no-cache")
        project.run(tool("ruff"), "format", "--check", "--no-cache")
        assert NASTY_NAME in unescape(project.read("deploy/nginx/maintenance.html"))
        subprocess.run(["sh", "-c", "set -a; . ./.env.example"], cwd=project.path, check=True)
        assert "make run" in project.run("make", "help").stdout
