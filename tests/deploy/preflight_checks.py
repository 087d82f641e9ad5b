"""What preflight says of a deployed site: nothing while all is well, and of a fault what mends it.

A test module inherits from PreflightChecks, and has two fixtures: ``server``, the machine; and ``world``, of a class.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.conftest import ROOT
from tests.deploy.release_checks import blocks
from tests.support.machine import Machine

DOCUMENT = "PRODUCTION.md"
HEADING = "Before the first visitor"


class World(NamedTuple):
    """How to make faults, in commands of the machine."""

    # The folder of the backups.
    folder: str
    # Stop the database, and the site.
    stop_database: str
    stop_site: str
    # The checks that have a note while all is well: HSTS holds for an hour.
    notes: tuple[str, ...] = ("hsts",)


@contextlib.contextmanager
def mail_server(server: Machine) -> Iterator[None]:
    """Run a mail server at port 587 of a machine, with a certificate /root/mail.pem for smtp.example.com."""
    new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout /root/mail.key -out /root/mail.pem"
    use = "-addext subjectAltName=DNS:smtp.example.com -addext keyUsage=critical,keyCertSign,digitalSignature"
    server.run(f"openssl req -x509 {new} -subj /CN=smtp.example.com {use}")
    program = ROOT / "tests/support/mail_server.py"
    subprocess.run([server.docker, "cp", "--quiet", str(program), f"{server.container}:/root/"], check=True)
    command = "/usr/bin/python3 /root/mail_server.py /root/mail.pem /root/mail.key"
    server.run(f"systemd-run --quiet --unit=mail-server {command}")
    yield
    server.run("systemctl stop mail-server")


def preflight(server: Machine, options: str = "") -> tuple[int, dict[str, str], dict[str, str]]:
    """Return its status, as the document has it run, and what it finds wrong and what mends it, by check."""
    command = f"{blocks(server, HEADING, DOCUMENT)[0].strip()} --json {options}"
    result = server.run(command, user="admin", check=False)
    findings = json.loads(result.stdout)["checks"]
    wrong = {one["name"]: one["severity"] for one in findings if one["severity"] in ("warning", "error")}
    hints = {one["name"]: one["hint"] for one in findings if one["hint"]}
    return result.returncode, wrong, hints


def manage(server: Machine) -> str:
    """Return what begins a command of manage.py in the document."""
    return blocks(server, HEADING, DOCUMENT)[0].removesuffix(" preflight\n")


def mend(server: Machine, hint: str) -> None:
    """Run the command of a hint."""
    server.run(hint.rpartition(": ")[2], user="admin")


def a_stopped_worker_is_started_as_it_says(server: Machine, stop: str) -> None:
    """Stop the worker, and have preflight say how to start it; whatever else it finds is not of interest."""
    # There is no such bucket, which is asked for until the time is over.
    options = "--skip media"
    server.run(stop)
    _, wrong, hints = preflight(server, options)
    assert (wrong["worker"], "broker" in wrong) == ("error", False)
    mend(server, hints["worker"])
    assert "worker" not in preflight(server, options)[1]


class PreflightChecks:
    """One fault after another. Each test finds its own and no other, so what the one before it did has mended all."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def prepared(cls, world: World) -> World:
        """The world around the machine."""
        return world

    def test_backups_are_made_and_verified_as_it_says_and_then_all_is_well(self, server: Machine, world: World) -> None:
        server.run(f"rm -f {world.folder}/backup_*")
        status, wrong, hints = preflight(server)
        assert (status, wrong) == (2, {"backups": "error"})
        mend(server, hints["backups"])
        status, wrong, hints = preflight(server)
        assert (status, wrong) == (1, {"backups": "warning"})
        mend(server, hints["backups"])
        # As the document has it, which ends with the status 0.
        said = server.run(blocks(server, HEADING, DOCUMENT)[0], user="admin").stdout
        assert said.splitlines()[0].startswith("OK       settings     config.settings.production")
        assert tuple(line.split()[1] for line in said.splitlines() if line.startswith("NOTE")) == world.notes
        assert "\x1b" not in said

    def test_a_database_that_is_stopped_is_started_as_it_says(self, server: Machine, world: World) -> None:
        server.run(world.stop_database)
        status, wrong, hints = preflight(server)
        assert (status, wrong) == (2, {"database": "error", "site": "error"})
        mend(server, hints["database"])

    def test_a_migration_that_is_missing_is_applied_as_it_says(self, server: Machine) -> None:
        server.run(f"{manage(server)} migrate sessions zero", user="admin")
        status, wrong, hints = preflight(server)
        assert (status, wrong) == (2, {"migrations": "error"})
        mend(server, hints["migrations"])

    def test_a_read_only_mode_that_was_left_on_is_ended_as_it_says(self, server: Machine) -> None:
        server.run(f"{manage(server)} read_only on --reason 'We are moving.'", user="admin")
        status, wrong, hints = preflight(server)
        assert (status, wrong) == (2, {"database": "error", "read_only": "warning"})
        assert hints["database"].rpartition(": ")[2] == hints["read_only"].rpartition(": ")[2]
        mend(server, hints["read_only"])

    def test_a_site_that_is_stopped_is_started_as_it_says(self, server: Machine, world: World) -> None:
        server.run(world.stop_site)
        status, wrong, hints = preflight(server)
        assert (status, set(wrong) - {"hsts", "proxy"}) == (2, {"site"})
        mend(server, hints["site"])
        assert preflight(server)[:2] == (0, {})
