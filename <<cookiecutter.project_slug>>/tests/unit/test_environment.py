"""How the environment is read, and that .env.example says the same as the settings."""

import ast
import itertools
import os
import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.settings.environment import BOOLEANS, env

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "config" / "settings"
# What a developer sees stands last, for it is what .env.example shows.
ORDER = ("production.py", "base.py", "components/*.py", "development.py")


def as_text(default: object) -> str:
    """Return a default as it is written in an environment file."""
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(default) if isinstance(default, list) else str(default)


def read_by_settings() -> dict[str, str]:
    """Return the name and the default of every variable that the settings and gunicorn.conf.py read."""
    found = {}
    paths = [path for pattern in ORDER for path in sorted(SETTINGS.glob(pattern))]
    for path in [*paths, ROOT / "gunicorn.conf.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(
                name := node.args[0] if node.args else None, ast.Constant
            ):
                continue
            reader = node.func.value if isinstance(node.func, ast.Attribute) else node.func
            if isinstance(reader, ast.Name) and reader.id == "env":
                [default] = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
                found[str(name.value)] = default
    constants = {"DEVELOPMENT_SECRET_KEY": "development-only-never-in-production", "ONE_MORE_THAN_CORES": ""}
    return {
        name: constants[node.id] if isinstance(node, ast.Name) else as_text(ast.literal_eval(node))
        for name, node in found.items()
    }


def read_at_the_start() -> dict[str, str]:
    """Return the name and the default of every variable that start_production.sh reads and does not set itself."""
    script = (ROOT / "start_production.sh").read_text(encoding="utf-8")
    found = re.findall(r"\$\{([A-Z_]+)(?::([-+])([^}]*))?", script)
    return {name: text if sign == "-" else "" for name, sign, text in found if name != "DJANGO_SETTINGS_MODULE"}


def in_example() -> dict[str, str]:
    """Return the name and the value of every variable in .env.example; each has a line of meaning above it."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    found = {}
    for above, line in itertools.pairwise(lines):
        if match := re.fullmatch(r"# ([A-Z0-9_]+)=(.*)", line):
            assert re.match(r"# [A-Z][a-z]", above), f"{match[1]} has no line of meaning above it"
            found[match[1]] = match[2]
    return found


def test_the_example_and_the_settings_name_the_same_variables_with_the_same_defaults() -> None:
    assert in_example() == read_by_settings() | read_at_the_start()


@pytest.mark.parametrize(("text", "value"), [*BOOLEANS.items(), ("True", True), (" FALSE ", False)])
def test_a_boolean_is_read(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setitem(os.environ, "SWITCH", text)
    assert env.bool("SWITCH", default=None) is value


@pytest.mark.parametrize("text", ["ture", "", "2"])
def test_what_is_no_boolean_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setitem(os.environ, "SWITCH", text)
    with pytest.raises(ImproperlyConfigured, match=r"^SWITCH must be true or false\.$"):
        env.bool("SWITCH", default=False)


def test_what_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SECONDS", "ten")
    with pytest.raises(ImproperlyConfigured, match=r"^SECONDS must be a whole number such as 30\.$"):
        env.int("SECONDS", default=1)


@pytest.mark.parametrize(("text", "least"), [("0", 1), ("-1", 0)])
def test_a_number_that_is_too_small_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, least: int) -> None:
    monkeypatch.setitem(os.environ, "SECONDS", text)
    with pytest.raises(ImproperlyConfigured, match=rf"^SECONDS must be {least} or more\.$"):
        env.number("SECONDS", default=1, least=least)
    monkeypatch.setitem(os.environ, "SECONDS", str(least))
    assert env.number("SECONDS", default=1, least=least) == least


def test_what_is_no_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "LEVEL", "loud")
    with pytest.raises(ImproperlyConfigured, match=r"^LEVEL must be one of low, high\.$"):
        env.choice("LEVEL", default="low", choices=("low", "high"))
    monkeypatch.setitem(os.environ, "LEVEL", "high")
    assert env.choice("LEVEL", default="low", choices=("low", "high")) == "high"


def test_a_list_may_have_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HOSTS", "a.example.com, b.example.com,")
    assert env.list("HOSTS", default=[]) == ["a.example.com", "b.example.com"]


@pytest.mark.parametrize("url", ["postgres://ada:pass/word@db:5432/x", "mysql://ada:password@db/x", "password"])
def test_a_database_url_that_cannot_be_read_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setitem(os.environ, "DATABASE", url)
    with pytest.raises(ImproperlyConfigured, match=r"^DATABASE must be a URL such as ") as refusal:
        env.database("DATABASE", default="")
    assert "pass/word" not in str(refusal.value)
    assert "ada" not in str(refusal.value)
