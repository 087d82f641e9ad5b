"""What operators are told to run: that of the place where the project is, and nothing that is not there."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ops import deployments as deployment
from ops.contracts import Commands, Finding, Severity
from tests.ops.answers import DEPLOYMENT, PROJECT_SLUG, ROOT

# Where the project lies, and what says that its commands are meant.
PLACES = {"/home/ann/project": "start_production.sh"}
if "systemd" in DEPLOYMENT:
    PLACES[f"/srv/{PROJECT_SLUG}/releases/20261126-091500-0123456"] = "deploy/systemd/bin/"
if "docker" in DEPLOYMENT:
    PLACES["/app"] = f"/opt/{PROJECT_SLUG}"


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The folder that the project is in."""
    monkeypatch.setattr(deployment, "FOLDER", Path(request.param))
    return str(request.param)


def texts(commands: Commands) -> dict[str, str]:
    """Return what is told, by name."""
    return {field.name: str(getattr(commands, field.name)) for field in fields(commands)}


def test_they_are_those_of_the_place(place: str) -> None:
    told = texts(deployment.commands())
    assert all(told.values())
    everything = "\n".join(told.values())
    for other, mark in PLACES.items():
        assert (mark in everything) == (other == place), mark


def test_what_they_name_is_there(place: str) -> None:
    everything = "\n".join(texts(deployment.commands()).values())
    named = set(re.findall(r"\b(?:deploy|docs)/[\w/.-]*\w", everything)) | set(re.findall(r"\w+\.sh\b", everything))
    for path in named:
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"make -C \S+ (\S+)", everything):
        assert target in targets


def test_a_certificate_is_got_for_the_name_of_the_site(place: str) -> None:
    assert "www.example.com" in deployment.commands().certificate.format(domain="www.example.com")


def test_problem_without_a_hint_is_refused() -> None:
    with pytest.raises(ValueError, match="has no hint"):
        Finding(Severity.WARNING, "It is doubtful.")
