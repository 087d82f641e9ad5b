"""How the environment is read, and that .env.example says the same as the settings."""

import ast
import itertools
import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.settings import variables
from config.settings.environment import env

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
    constants = {"DEVELOPMENT_SECRET_KEY": "development-only-never-in-production", "AS_MANY_AS_FIT": ""}
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


# For each kind of variable, what its parser refuses.
WRONG = {
    "bool": ["ture", "", "2"],
    "choice": ["loud", ""],
    "database": [
        *("postgres://ada:12/34@db:5432/x", "postgres://ada:12?34@db:5432/x", "postgres://ada:pass#word@db/x"),
        *("postgres://ada:1/2?3=4@db/x", "postgres://ada:pass@word@db/x", "postgres://ada:100%@db/x"),
        *("mysql://ada:password@db/x", "password", "postgres://ada:password@db", "postgres://ada:password@db:65536/x"),
        *("postgres://db/x?conn_max_age=5", "postgres://db/x?disable_server_side_cursors=ture"),
    ],
    "file_path": ["~/files", "$HOME/files", " /srv/files"],
    "host": ["smtp://mail.example.com", "mail.example.com:25", "mail.example.com/", ".example.com"],
    "hosts": [
        *("https://example.com", "example.com:8000", "example.com/", ".example.com", "Example.com", "a_b.example.com"),
        *("example.com www.example.com", "example.com,https://www.example.com"),
    ],
    "identifier": ["a b", "", "a/b"],
    "networks": ["10.0.0.0/99", "proxy"],
    "number": ["ten", "", "1.5", "1_000", "-1", "99999999999"],
    "origins": [
        "https://example.com/",
        "example.com",
        "https://Example.com",
        "https://example.com/app",
        "ftp://example.com",
    ],
    "path": ["/manage/", "manage", "", "a b/"],
    "redis": [
        "redis://:pass#word@db:6379/0",
        "redis://:12/34@db:6379/0",
        "redis://:12?34@db/0",
        "http://db",
        "redis://db/x",
    ],
    "report_url": ["reports", "ftp://reports.example.com/"],
    "sender": ["hello", "hello@", "a@example.com\nBcc: b@example.com"],
    "timezone": ["Europe/Berln", "", "../etc/localtime"],
    "url": ["storage.example.com", "https://", "https://storage.example.com/a b"],
}
READERS = variables.readers()


@pytest.mark.parametrize("name", sorted(in_example().keys() & READERS.keys()))
def test_every_variable_is_refused_with_its_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    reader = READERS[name]
    for text in WRONG[reader.kind] if reader.kind not in ("str", "list") else []:
        if reader.default == text == "":
            continue
        monkeypatch.setitem(os.environ, name, text)
        with pytest.raises(ImproperlyConfigured, match=rf"^{name} must .*\.$") as refusal:
            getattr(env, reader.kind)(name, default=reader.default, **reader.limits)
        assert not re.search("ada|pass#word|12[/?]34", str(refusal.value))
        assert reader.problem(text) == str(refusal.value).removeprefix(f"{name} ").removesuffix(".")


@pytest.mark.parametrize("name", sorted(in_example().keys() & READERS.keys()))
def test_every_variable_takes_its_default_as_it_is_written(name: str) -> None:
    assert READERS[name].problem(in_example()[name]) is None or not in_example()[name]


def test_a_text_is_never_another_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "HOME", "/home/ada")
    for text in ("$HOME", "$NOTHING", "${HOME}", "\\$HOME", "%HOME%", "", " a "):
        monkeypatch.setitem(os.environ, "EMAIL_HOST_PASSWORD", text)
        assert env("EMAIL_HOST_PASSWORD", default="") == text


@pytest.mark.parametrize(("text", "value"), [*variables.BOOLEANS.items(), ("True", True), (" FALSE ", False)])
def test_a_boolean_is_read(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setitem(os.environ, "SWITCH", text)
    assert env.bool("SWITCH", default=None) is value


@pytest.mark.parametrize(
    ("kind", "limits", "text", "sentence"),
    [
        ("bool", {}, "ture", "must be true or false"),
        ("number", {}, "ten", "must be a whole number such as 30"),
        ("number", {}, "0", "must be 1 or more"),
        ("number", {"least": 0}, "-1", "must be 0 or more"),
        ("number", {"most": 35}, "36", "must be 35 or less"),
        ("choice", {"choices": ("low", "high")}, "loud", "must be one of low, high"),
        ("identifier", {"example": "en"}, "", 'must be a name such as en, of letters, digits, ".", "-" and "_"'),
        ("redis", {}, "redis://#", f"must be a URL such as redis://:password@127.0.0.1:6379/0, {variables.ENCODED}"),
    ],
)
def test_refusal_says_what_is_right(kind: str, limits: dict[str, Any], text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        variables.parse(kind, text, **limits)


def test_what_the_limits_include_is_taken() -> None:
    assert variables.parse("number", "0", least=0) == 0
    assert variables.parse("number", "35", most=35) == 35
    assert variables.parse("choice", "high", choices=("low", "high")) == "high"
    assert variables.parse("list", "a.example.com, b.example.com,") == ["a.example.com", "b.example.com"]
    assert variables.parse("hosts", "example.com, .example.org,[::1]") == ["example.com", ".example.org", "[::1]"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgres://ada:p%40%2F%25@db:6432/x", {"PASSWORD": "p@/%", "HOST": "db", "PORT": 6432, "NAME": "x"}),
        (
            "postgresql://ada:p:q!$&'()*+,;=\"`\\|~^é@db/x",
            {"USER": "ada", "PASSWORD": "p:q!$&'()*+,;=\"`\\|~^é", "PORT": ""},
        ),
        ("postgres://a:1,b:2/x?target_session_attrs=any", {"HOST": "a,b", "PORT": "1,2"}),
        ("postgres://a:1,b/x", {"HOST": "a,b", "PORT": "1,5432"}),
        ("postgres://[::1]:5432/x", {"HOST": "::1", "PORT": 5432}),
        ("postgres:////run/postgresql/x", {"HOST": "/run/postgresql", "NAME": "x"}),
        ("postgres://ada@%2Frun%2Fpostgresql/x", {"HOST": "/run/postgresql", "NAME": "x", "USER": "ada"}),
        (
            "postgres://db/x?sslmode=require&connect_timeout=5",
            {"OPTIONS": {"sslmode": "require", "connect_timeout": 5}},
        ),
        ("postgres://db/x?disable_server_side_cursors=false", {"DISABLE_SERVER_SIDE_CURSORS": False}),
        ("sqlite:////srv/x.sqlite3", {"NAME": "/srv/x.sqlite3"}),
    ],
)
def test_a_database_url_is_read(url: str, expected: dict[str, Any]) -> None:
    database = variables.parse("database", url)
    assert {name: database[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("hosts", "origins", "url"),
    [
        (["example.com", "www.example.com"], ["https://www.example.com", "https://example.com"], "https://example.com"),
        (["example.com"], ["https://www.example.com:1", "https://example.com:8443"], "https://example.com:8443"),
        (["example.com"], ["http://example.com:8080"], "http://example.com:8080"),
        (["example.com"], ["https://*.example.com"], "https://example.com"),
        ([], ["https://example.com"], ""),
    ],
)
def test_site_has_the_port_of_its_origin(hosts: list[str], origins: list[str], url: str) -> None:
    assert variables.site_url(hosts, origins) == url


@pytest.mark.parametrize("dialect", variables.DIALECTS)
def test_control_character_is_refused_wherever_it_stands_in_a_line(dialect: str) -> None:
    for text, quote in itertools.product(("\ba", "a\bb", "a\b", "\b"), ("", "'", '"')):
        with pytest.raises(ValueError, match=f"is not written as {dialect} would read it"):
            variables.read_value(f"{quote}{text}{quote}", dialect)
