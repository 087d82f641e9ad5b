"""What docs/maintainers says of deploying a release and of going back, done on a machine in the order of the day.

A test module inherits from ReleaseChecks, and has three fixtures: ``server``, the machine; ``source``, the project
that it serves; and ``manage``, what begins a command of manage.py on it.
"""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.documents import sections
from tests.support.load import Load
from tests.support.machine import Machine
from tests.support.project_edits import add_migration, give_version
from tests.support.servers import wait_until

HUB = "docs/maintainers/planning/releases/README.md"
WORKFLOW = "docs/maintainers/release-workflow.md"
HAS_NICKNAME = (
    "from django.db import connection as c; "
    'print("nickname" in [column.name for column in c.introspection.get_table_description(c.cursor(), "users_user")])'
)


def publish(server: Machine, project: Path, version: str) -> None:
    """Give a project a version, commit it, tag it and push both."""
    give_version(project, version)
    server.push(project, tag=f"v{version}")


def blocks(server: Machine, heading: str, document: str = WORKFLOW) -> list[str]:
    """Return the shell blocks under a heading of a document of the project that was pushed last."""
    return sections(server.repository / document)[heading]


def follow(server: Machine, heading: str) -> str:
    """Run every block under a heading of release-workflow.md, and return what they print."""
    return "".join(server.run(block, user="admin").stdout for block in blocks(server, heading))


def deploy(server: Machine, version: str) -> None:
    """Deploy a tag as the hub says, and see that it serves."""
    [block] = blocks(server, "7. Deploy", HUB)
    server.run(block.replace("v0.1.0", f"v{version}"), user="admin")
    assert server.version() == version


def python(server: Machine, manage: str, code: str) -> str:
    """Return what a piece of Python prints in a Django shell of the site."""
    return server.say(f"{manage} shell --no-imports --command '{code}'")


class Stopped(NamedTuple):
    """What visitors got while the site was stopped for a release."""

    status: int
    page: str


class ReleaseChecks:
    """The day of a release, and what may follow it. Each test that leaves 0.2.0 deploys it again."""

    @pytest.fixture(scope="class")
    @classmethod
    def first_release(cls, server: Machine, source: Path) -> None:
        """The tag v0.1.0, deployed."""
        publish(server, source, "0.1.0")
        deploy(server, "0.1.0")

    @pytest.fixture(scope="class")
    @classmethod
    def second_release(
        cls, server: Machine, first_release: None, source: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> Stopped:
        """The tag v0.2.0, which adds a column, deployed while the site was stopped."""
        project = tmp_path_factory.mktemp("second") / "project"
        shutil.copytree(source, project)
        undo = "ALTER TABLE users_user DROP nickname"
        add_migration(project, "0002_nickname", "ALTER TABLE users_user ADD nickname text", undo)
        publish(server, project, "0.2.0")
        stop, start = blocks(server, "With the site stopped")
        server.run(stop, user="admin")
        response = server.get("/")
        stopped = Stopped(response.status, response.read().decode())
        follow(server, "A backup before")
        server.run(start, user="admin")
        wait_until(server.is_ready, 60, "the site's return")
        return stopped

    def test_a_tag_is_deployed(self, server: Machine, first_release: None) -> None:
        assert server.is_ready()

    def test_a_backup_becomes_a_database_again(self, server: Machine, first_release: None) -> None:
        assert " 1 rows of public.users_user" in follow(server, "A backup before")
        assert " can be restored: " in follow(server, "The restore drill")

    def test_a_release_for_which_the_site_is_stopped(
        self, server: Machine, second_release: Stopped, manage: str
    ) -> None:
        assert second_release.status == 503
        assert "being worked on" in second_release.page
        assert server.version() == "0.2.0"
        assert python(server, manage, HAS_NICKNAME) == "True"

    def test_the_code_alone_goes_back(self, server: Machine, second_release: Stopped, manage: str) -> None:
        follow(server, "The code alone")
        assert (server.version(), server.ready()[0]) == ("0.1.0", 200)
        assert python(server, manage, HAS_NICKNAME) == "True"
        deploy(server, "0.2.0")

    def test_the_migrations_go_back_too(self, server: Machine, second_release: Stopped, manage: str) -> None:
        follow(server, "The migrations too")
        wait_until(server.is_ready, 60, "the site's return")
        assert server.version() == "0.1.0"
        assert python(server, manage, HAS_NICKNAME) == "False"
        deploy(server, "0.2.0")

    def test_the_backup_brings_back_what_there_was(self, server: Machine, second_release: Stopped, manage: str) -> None:
        users = "from apps.users.models import User; "
        python(server, manage, f'{users}User.objects.create(email="late@example.com")')
        assert python(server, manage, f"{users}print(User.objects.count())") == "2"
        follow(server, "The backup")
        wait_until(server.is_ready, 60, "the site's return")
        assert server.version() == "0.1.0"
        assert python(server, manage, f"{users}print(User.objects.get())") == "ann@example.com"
        assert python(server, manage, HAS_NICKNAME) == "False"

    def test_a_release_in_which_nobody_writes(self, server: Machine, project: Path, manage: str) -> None:
        add_migration(project, "0002_slow", "SELECT pg_sleep(3)", "SELECT 1")
        publish(server, project, "0.3.0")
        [block] = blocks(server, "With the site read-only")
        refused = set()
        with Load(server) as load, ThreadPoolExecutor() as pool:
            release = pool.submit(server.run, block.replace("v0.2.0", "v0.3.0"), user="admin")
            while not release.done():
                # It has no token, so when it may be sent it is refused for that.
                refused.add(server.get("/admin/logout/", method="POST", body=b"x=y").status)
                time.sleep(0.2)
            release.result()
        assert load.lost == {}
        assert refused == {403, 503}
        assert server.version() == "0.3.0"
        assert "Read-only mode: off" in server.say(f"{manage} read_only status")
        assert server.get("/admin/logout/", method="POST", body=b"x=y").status == 403
