"""That PRODUCTION.md names every variable, and is right about what it says of them."""

import json
import os
import re
import subprocess
import sys

import pytest
from django.contrib.auth import get_user
from django.test import Client
from pytest_django import Settings

from apps.users.models import User
from tests.unit.test_environment import ROOT, in_example

# Loads the production settings in each of the given environments, and prints what they refuse.
LOAD = """
import importlib, json, os, sys
from django.core.exceptions import ImproperlyConfigured

system = dict(os.environ)
refusals = []
for environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(system | environment)
    for name in [name for name in sys.modules if name.startswith("config")]:
        del sys.modules[name]
    try:
        importlib.import_module("config.settings.production")
        refusals.append("")
    except ImproperlyConfigured as error:
        refusals.append(str(error))
print(json.dumps(refusals))
"""


def refusals(*environments: dict[str, str]) -> list[str]:
    """Return what the production settings say of each environment; nothing, when they load."""
    run = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        input=json.dumps(environments),
        capture_output=True,
        text=True,
        check=True,
    )
    result: list[str] = json.loads(run.stdout)
    return result


def rows(heading: str) -> dict[str, list[str]]:
    """Return the cells, by variable, of the table below a heading; code without its marks."""
    text = (ROOT / "PRODUCTION.md").read_text(encoding="utf-8")
    section = text.partition(f"\n### {heading}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    found = {}
    for line in re.findall(r"^\| (`.*) \|$", section, re.MULTILINE):
        variable, *cells = [cell.strip() for cell in re.split(r" \|(?= |$)", line)]
        assert cells[-1], f"{variable} has no meaning"
        found[variable.strip("`")] = [cell.strip("`") for cell in cells]
    return found


REQUIRED = {name: cells[0] for name, cells in rows("Required").items()}
OPTIONAL = {name: cells[1] for name, cells in rows("Optional").items()}


def test_it_names_the_variables_of_the_example_with_their_defaults() -> None:
    documented = {name: cells[0] for name, cells in rows("Optional").items()}
    example = {name: default for name, default in in_example().items() if name not in REQUIRED}
    # Their defaults in production are others than in development.
    in_production = {
        "DEBUG": "false",
        # >> if cookiecutter.use_mfa
        "MFA_REQUIRED": "true",
        # >> endif
    }
    assert documented == example | in_production
    assert set(REQUIRED) < set(in_example())


def test_what_is_required_is_what_production_does_not_load_without() -> None:
    everything = {**REQUIRED, **OPTIONAL}
    # With a class of its own, e-mail needs no host.
    del everything["EMAIL_BACKEND"]
    without = [{other: value for other, value in everything.items() if other != name} for name in REQUIRED]
    whole, least, *others = refusals(everything, REQUIRED, *without)
    assert (whole, least) == ("", "")
    assert all(others), dict(zip(REQUIRED, others, strict=True))


def test_every_example_can_be_used() -> None:
    outcome = refusals(REQUIRED, *(REQUIRED | {name: example} for name, example in OPTIONAL.items()))
    assert dict(zip(["", *OPTIONAL], outcome, strict=True)) == dict.fromkeys(["", *OPTIONAL], "")


def test_the_example_marks_as_required_what_is() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"\(required\)\n# ([A-Z_]+)=", text)) == set(REQUIRED)


@pytest.mark.django_db
def test_a_new_key_logs_nobody_out_while_the_former_is_a_fallback(
    client: Client, user: User, settings: Settings
) -> None:
    client.force_login(user)
    former = settings.SECRET_KEY
    settings.SECRET_KEY = REQUIRED["SECRET_KEY"]
    settings.SECRET_KEY_FALLBACKS = [former]
    assert get_user(client).is_authenticated
    # Two weeks, says the document.
    assert settings.SESSION_COOKIE_AGE == 14 * 24 * 3600


@pytest.mark.django_db
def test_a_new_key_without_the_former_logs_everybody_out(client: Client, user: User, settings: Settings) -> None:
    client.force_login(user)
    settings.SECRET_KEY = REQUIRED["SECRET_KEY"]
    assert not get_user(client).is_authenticated


def test_it_says_of_every_check_of_preflight_what_must_be_so(settings: Settings) -> None:
    text = (ROOT / "PRODUCTION.md").read_text(encoding="utf-8")
    table = text.partition("| check | what must be so |\n")[2].partition("\n\n")[0]
    named = [name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert named == list(settings.PREFLIGHT_CHECKS)
