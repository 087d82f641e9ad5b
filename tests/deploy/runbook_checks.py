"""What docs/runbooks says, done on a machine as it is written.

A test module inherits from RunbookChecks, and has three fixtures: ``server``, the machine; ``deployment``, how to reach
what is looked at; and ``runbooks``, how this deployment does what they leave to it.
"""

import json
import re
from typing import NamedTuple

from tests.deploy.release_checks import blocks, python
from tests.deploy.site_checks import PASSWORD, Deployment, log_in
from tests.support.documents import sections
from tests.support.load import Load
from tests.support.machine import Machine
from tests.support.servers import wait_until

FOLDER = "docs/runbooks"
NAMES = ["back-up", "restore", "drill", "read-only-mode", "database-down", "disk-full"]
USERS = "from apps.users.models import User; "
COUNT = f"{USERS}print(User.objects.count())"
MAKE = f'{USERS}User.objects.create_user("late@example.com", "{PASSWORD}")'


class Runbooks(NamedTuple):
    """What differs between the deployments, in commands of the machine."""

    # Print the settings file, and the folder of the backups.
    settings: str
    folder: str
    # Begins a Python that has the project's requirements, in the folder of the backups and as their owner.
    interpreter: str
    # Stop the database, as when it had ended by itself.
    stop_database: str


def block(server: Machine, name: str, heading: str, number: int = 0) -> str:
    """Return a block of a runbook, with what it says is to be done before."""
    document = f"{FOLDER}/{name}.md"
    return blocks(server, "Before you begin", document)[0] + blocks(server, heading, document)[number]


def follow(server: Machine, name: str, heading: str, number: int = 0, **texts: str) -> str:
    """Run a block of a runbook, with other names than its examples, and return what it prints."""
    text = block(server, name, heading, number)
    for old, new in texts.items():
        assert old in text
        text = text.replace(old, new)
    return str(server.run(text, user="admin").stdout)


def release_in_read_only_mode(server: Machine) -> str:
    """Return the block that releases while nobody writes, which needs nothing before."""
    return blocks(server, "A release in read-only mode", f"{FOLDER}/read-only-mode.md")[0]


def post(server: Machine) -> tuple[int, str]:
    """Send the form that logs out, without its token; return the status and what is said."""
    response = server.get("/admin/logout/", method="POST", body=b"x=y")
    return response.status, response.read().decode()


class RunbookChecks:
    """The runbooks, one after another."""

    def test_a_backup_is_made_and_listed(self, server: Machine) -> None:
        said = follow(server, "back-up", "Now")
        assert re.search(r" 1 rows of public\.users_user\r?$", said, re.MULTILINE)
        assert re.search(r"backup_\d{8}_\d{6}\.sql\.gz  0\s+minutes old, .*, with uploaded files, not verified", said)
        assert follow(server, "back-up", "When one has failed, or is overdue")

    def test_operators_and_nobody_else_are_told_how_the_backups_stand(
        self, server: Machine, runbooks: Runbooks
    ) -> None:
        token = server.say(f"{runbooks.settings} | sed -n 's/^OPERATOR_TOKEN=//p'")
        answer = json.loads(server.get("/ready/", headers={"Authorization": f"Bearer {token}"}).read())
        assert answer["details"]["backups"]["ok"] is True
        assert answer["details"]["read_only"]["on"] is False
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {token[:-1]}"}):
            assert "details" not in json.loads(server.get("/ready/", headers=headers).read())

    def test_a_drill_verifies_the_newest(self, server: Machine) -> None:
        said = follow(server, "drill", "The drill")
        assert re.search(r"can be restored: \d+ rows, and 0 migrations on top, in \d+\.\d s\.", said)
        assert ", verified 2" in said

    def test_a_restore_brings_back_what_there_was_while_visitors_read(
        self, server: Machine, deployment: Deployment
    ) -> None:
        python(server, deployment.manage, MAKE)
        assert "verified 2" in follow(server, "restore", "1. Choose the backup")
        with Load(server) as load:
            shown = server.answer(block(server, "restore", "2. Restore it"), {'Type "yes" to continue:': "yes"})
        assert "is in service, after " in shown
        assert (load.lost, load.closed) == ({}, 0)
        assert python(server, deployment.manage, COUNT) == "1"
        follow(server, "restore", "3. Look at it")
        # The other way round, and back.
        example = r"\w+_before_20261126_091500"
        text = block(server, "restore", "4. If it was the wrong one")
        name = former(server)
        server.run(re.sub(example, name, text), user="admin")
        assert python(server, deployment.manage, COUNT) == "2"
        name = former(server)
        server.run(re.sub(example, name, text), user="admin")
        assert python(server, deployment.manage, COUNT) == "1"
        name = former(server)
        drop = block(server, "restore", "5. Drop the replaced database")
        server.run(re.sub(example, name, drop), user="admin")
        assert "No database is retained." in follow(server, "disk-full", "See what takes the room")
        assert server.is_ready()

    def test_a_copy_for_a_private_key_is_restored_on_a_machine_that_has_lost_all(
        self, server: Machine, deployment: Deployment, runbooks: Runbooks
    ) -> None:
        server.run("apt-get install --yes --no-install-recommends age")
        made = server.run(f"cd; {block(server, 'back-up', 'A copy elsewhere')}", user="admin")
        [key] = re.findall("age1[a-z0-9]{50,}", made.stderr + made.stdout)
        newest = server.say(f"ls {runbooks.folder} | grep 'gz$' | tail -n 1").removesuffix(".sql.gz")
        # As a copy in a bucket is made.
        encrypt = (
            "import pyrage, sys; keys = [pyrage.x25519.Recipient.from_str(sys.argv[1])];"
            "pyrage.encrypt_io(sys.stdin.buffer, sys.stdout.buffer, keys)"
        )
        for ending in ("sql.gz", "media.tar"):
            files = f"<{runbooks.folder}/{newest}.{ending} >/home/admin/{newest}.{ending}.age"
            server.run(f'{runbooks.interpreter} -c "{encrypt}" {key} {files}')
        server.run(f"cp {runbooks.folder}/{newest}.*.sha256 /home/admin; rm {runbooks.folder}/backup_*")
        server.run("chown admin /home/admin/*")
        decrypt, *bring = blocks(server, "From the bucket, or on a new machine", f"{FOLDER}/restore.md")
        for text in (decrypt, bring[0]):
            server.run(f"cd; {text.replace('backup_20261126_023000', newest)}", user="admin")
        python(server, deployment.manage, MAKE)
        assert f"{newest}.sql.gz" in follow(server, "restore", "1. Choose the backup")
        server.answer(block(server, "restore", "2. Restore it"), {'Type "yes" to continue:': "yes"})
        assert python(server, deployment.manage, COUNT) == "1"

    def test_read_only_mode_lets_visitors_read_and_nobody_write(self, server: Machine, deployment: Deployment) -> None:
        cookie = log_in(server).split(";")[0]
        said = follow(server, "read-only-mode", "Begin")
        assert "Read-only mode is on." in said
        assert "Database refuses to write: yes" in said
        status, page = post(server)
        assert status == 503
        assert "We are moving to a new server until 10:00." in page
        response = server.get("/admin/logout/", method="POST", body=b"x=y", headers={"Accept": "application/json"})
        assert (response.status, response.headers["Content-Type"]) == (503, "application/problem+json")
        assert response.headers["Retry-After"].isdigit()
        assert response.headers.get_all("X-Frame-Options") == ["DENY"]
        for path in ("/", "/ready/", "/health/"):
            assert server.get(path).status == 200
        response = server.get("/admin/", headers={"Cookie": cookie})
        assert (response.status, "ann@example.com" in response.read().decode()) == (200, True)
        refused = server.run(f"{deployment.manage} shell --no-imports --command '{MAKE}'", check=False)
        assert refused.returncode != 0
        assert "in a read-only transaction" in refused.stdout + refused.stderr
        assert "Traceback" not in refused.stdout + refused.stderr
        assert "Read-only mode is off." in follow(server, "read-only-mode", "End")
        wait_until(lambda: post(server)[0] == 403, 60, "the end of read-only mode")
        python(server, deployment.manage, MAKE)
        python(server, deployment.manage, f'{USERS}User.objects.get(email="late@example.com").delete()')

    def test_a_database_that_is_down_is_found_and_started(self, server: Machine, runbooks: Runbooks) -> None:
        server.run(runbooks.stop_database)
        # A process repeats its last outcome for a second.
        wait_until(lambda: server.ready()[1].get("database") is False, 60, "the failure of the database's check")
        document = f"{FOLDER}/database-down.md"
        look, start = [heading for heading, found in sections(server.repository / document).items() if found]
        server.run(blocks(server, look, document)[0], user="admin")
        server.run(blocks(server, start, document)[0], user="admin")
        wait_until(server.is_ready, 60, "readiness")

    def test_every_block_is_run(self, server: Machine) -> None:
        """These tests run every block, except the release in read-only mode, which the release tests run."""
        found = {
            name: [heading for heading, blocks in sections(server.repository / f"{FOLDER}/{name}.md").items() if blocks]
            for name in NAMES
        }
        # What looks and what starts it; they are named after what the database runs in.
        assert len(found.pop("database-down")) == 2
        before = "Before you begin"
        assert found == {
            "back-up": [before, "Now", "A copy elsewhere", "When one has failed, or is overdue"],
            "restore": [
                *(before, "1. Choose the backup", "2. Restore it", "3. Look at it", "4. If it was the wrong one"),
                *("5. Drop the replaced database", "From the bucket, or on a new machine"),
            ],
            "drill": [before, "The drill"],
            "read-only-mode": [before, "Begin", "End", "A release in read-only mode"],
            "disk-full": [before, "See what takes the room", "Make room", "Afterwards"],
        }

    def test_room_is_made_on_a_disk_that_is_full(self, server: Machine) -> None:
        follow(server, "disk-full", "Make room")
        text, _ = blocks(server, "Afterwards", f"{FOLDER}/disk-full.md")
        server.run(text, user="admin")
        assert "rows" in follow(server, "disk-full", "Afterwards", 1)


def former(server: Machine) -> str:
    """Return the name of the one database that a restore has replaced."""
    said = follow(server, "disk-full", "See what takes the room")
    [name] = re.findall(r"\w+_before_\d{8}_\d{6}", said)
    return str(name)
