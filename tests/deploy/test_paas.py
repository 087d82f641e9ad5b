"""A project on a PaaS: what its documents say of backups, followed where the database can be reached."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.ci.vulnerabilities import vulnerabilities
from tests.conftest import Project, clean_environment, tool
from tests.drift.history import commit_all
from tests.support.combinations import ALL_OFF
from tests.support.documents import sections
from tests.support.servers import Server, find

NAME = "backup_20261126_023000"
MAKE = "from apps.users.models import User; User.objects.create_user('%s@example.com')"
# Those that leave it to the PaaS, or are filled in.
PROSE = ["start-and-stop", "logs", "deploy-and-roll-back", "redis-down", "incident-notes", "owners"]
COUNT = "from apps.users.models import User; print('accounts:', User.objects.count())"


class Maintainer(Project):
    """Somebody with a clone, requirements and PostgreSQL's programs; production's database is elsewhere."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder)
        self.server = server
        self.production = urlsplit(server.url)._replace(path="/production").geturl()
        self.home = folder.parent / "home"
        self.home.mkdir()
        self.more: dict[str, str] = {}

    def follow(self, block: str, typed: str = "", folder: Path | None = None) -> str:
        """Run a block of a document, and type what it asks for; return what it prints."""
        variables = {"DATABASE_URL": self.server.url, "PRODUCTION_URL": self.production} | self.more
        result = subprocess.run(
            ["sh", "-euc", block],
            cwd=folder or self.path,
            env=clean_environment(**variables),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{block}\n{result.stdout}\n{result.stderr}"
        return result.stdout + result.stderr

    def runbook(self, name: str, heading: str, number: int = 0) -> str:
        """Return a block of a runbook, with what it says is to be done before."""
        found = sections(self.path / f"docs/runbooks/{name}.md")
        return found["Before you begin"][0] + found[heading][number]

    def manage(self, *command: str) -> str:
        """Return what a command of manage.py prints that works with production's database."""
        return self.run(".venv/bin/python", "manage.py", *command, DATABASE_URL=self.production).stdout


@pytest.fixture(scope="module")
def maintainer(
    bake: Callable[..., Project],
    install: Callable[..., Path],
    postgresql: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Maintainer]:
    """A clone of a project, and production's database with an account."""
    project = bake(**ALL_OFF | {"use_mfa": True})
    folder = tmp_path_factory.mktemp("platform") / "clone"
    shutil.copytree(project.path, folder)
    (folder / ".venv").symlink_to(install(project, "test").parents[1])
    found = Maintainer(folder, postgresql)
    psql = [find("psql", "postgresql-client"), "--quiet", "--dbname", postgresql.url, "--command"]
    subprocess.run([*psql, "CREATE DATABASE production"], check=True)
    found.manage("migrate", "--verbosity", "0")
    found.manage("shell", "--command", MAKE % "ann")
    yield found
    subprocess.run([*psql, "DROP DATABASE production WITH (FORCE)"], check=True)


def test_the_backup_and_the_drill_of_a_release(maintainer: Maintainer) -> None:
    workflow = sections(maintainer.path / "docs/maintainers/release-workflow.md")
    [backup], [drill] = workflow["A backup before"], workflow["The restore drill"]
    assert " 1 rows of public.users_user" in maintainer.follow(backup)
    assert " can be restored: " in maintainer.follow(drill)


def test_the_runbooks(maintainer: Maintainer) -> None:
    follow, runbook = maintainer.follow, maintainer.runbook
    assert "rows of public.users_user" in follow(runbook("back-up", "Now"))
    follow(runbook("back-up", "When one has failed, or is overdue"))
    assert "can be restored" in follow(runbook("drill", "The drill"))
    maintainer.manage("shell", "--command", MAKE % "late")
    follow(runbook("restore", "1. Choose the backup"))
    assert "is in service, after" in follow(runbook("restore", "2. Restore it"), typed="yes\n")
    assert "accounts: 1" in maintainer.manage("shell", "--command", COUNT)
    follow(runbook("restore", "3. Look at it"))
    room = runbook("disk-full", "See what takes the room")
    [name] = re.findall(r"production_before_\d{8}_\d{6}", follow(room))
    follow(runbook("restore", "4. If it was the wrong one").replace("my_project_before_20261126_091500", name))
    assert "accounts: 2" in maintainer.manage("shell", "--command", COUNT)
    [name] = re.findall(r"production_before_\d{8}_\d{6}", follow(room))
    follow(runbook("restore", "5. Drop the replaced database").replace("my_project_before_20261126_091500", name))
    for heading, said in (("Give a code", ""), ("When no code is taken any more", "is removed")):
        text = runbook("lost-second-factor", heading).replace("somebody@example.com", "ann@example.com")
        assert said in follow(text)
    assert "Read-only mode is on." in follow(runbook("read-only-mode", "Begin"))
    assert "Read-only mode is off." in follow(runbook("read-only-mode", "End"))
    assert "rows of public.users_user" in follow(runbook("disk-full", "Afterwards"))


def test_a_copy_is_decrypted_where_the_private_key_is(maintainer: Maintainer) -> None:
    """As the site encrypts it, by the program that people have."""
    copy = sections(maintainer.path / "docs/runbooks/back-up.md")["A copy elsewhere"][0]
    [key] = set(re.findall("age1[a-z0-9]{50,}", maintainer.follow(copy, folder=maintainer.home)))
    maintainer.manage("backup_database")
    newest = sorted((maintainer.path / "backups").glob("backup_*.sql.gz"))[-1].name.removesuffix(".sql.gz")
    encrypt = (
        "from pathlib import Path; import shutil; from ops.backups.offsite import encrypted\n"
        f"for path in Path('backups').glob('{newest}.*'):\n"
        "    with encrypted(path) as sent:\n"
        f"        shutil.copy(sent, Path('{maintainer.home}') / sent.name.removesuffix('.partial'))\n"
    )
    variables = {"DATABASE_URL": maintainer.production, "BACKUPS_RECIPIENTS": key}
    maintainer.run(".venv/bin/python", "manage.py", "shell", "--no-imports", "--command", encrypt, **variables)
    [decrypt] = sections(maintainer.path / "docs/runbooks/restore.md")["From the bucket, or on a new machine"]
    said = maintainer.follow(decrypt.replace(NAME, newest), folder=maintainer.home)
    assert f"{newest}.sql.gz: OK" in said
    assert f"{newest}.media.tar: OK" in said


def test_secrets_are_made(maintainer: Maintainer) -> None:
    found = sections(maintainer.path / "docs/runbooks/rotate-secrets.md")
    [key], [token] = found["`SECRET_KEY`"], found["`OPERATOR_TOKEN`"]
    assert len(maintainer.follow(key).strip()) == 64
    assert len(maintainer.follow(token).strip()) == 48


def test_a_package_with_a_hole_is_found_and_raised(maintainer: Maintainer, tmp_path: Path) -> None:
    """In a clone that is a version behind; `make test` on its own is what tests/features runs."""
    folder = tmp_path / "clone"
    shutil.copytree(maintainer.path, folder, symlinks=True)
    clone = Maintainer(folder, maintainer.server)
    commit_all(folder, "Begin")
    former = "sqlparse==0.5.2"
    for path in (folder / "requirements").glob("*.txt"):
        path.write_text(re.sub(r"(?m)^sqlparse==[0-9.]+", former, path.read_text()))
    for name in ("test.installed", "development.installed"):
        (folder / ".venv" / name).touch()
    found = sections(folder / "docs/runbooks/vulnerable-dependency.md")
    [look], [lock, test] = found["Is it in use?"], found["Raise it"]
    with vulnerabilities("127.0.0.1") as service:
        clone.more = service.environment() | {"PATH": f"{Path(tool('uv')).parent}:{os.environ['PATH']}"}
        said = clone.follow(look)
        assert f"{former} " in said
        assert "does not import it itself" in said
        assert "No known vulnerabilities found" in said
        service.bad.add("sqlparse")
        with pytest.raises(AssertionError, match=r"sqlparse +0\.5\.2 +OSV-2026-1"):
            clone.follow(look)
        service.bad.clear()
        said = clone.follow(lock)
    assert "requirements/production.txt" in said
    assert former not in (folder / "requirements/production.txt").read_text()
    assert test == "make test\n"


@pytest.fixture
def on_call(
    bake: Callable[..., Project],
    install: Callable[..., Path],
    postgresql: Server,
    redis: Server,
    tmp_path: Path,
) -> Maintainer:
    """A clone of a project with background tasks, whose worker on the PaaS is scaled to nothing."""
    project = bake(**ALL_OFF | {"use_celery": True})
    shutil.copytree(project.path, tmp_path / "clone")
    (tmp_path / "clone/.venv").symlink_to(install(project, "test").parents[1])
    found = Maintainer(tmp_path / "clone", postgresql)
    found.more = {"PRODUCTION_REDIS_URL": redis.url}
    return found


def test_a_backlog_is_seen_and_cut(on_call: Maintainer, redis: Server) -> None:
    environment = {"REDIS_URL": redis.url, "DATABASE_URL": on_call.server.url}
    send = "from apps.core.tasks import clear_expired_sessions as task; [task.delay() for _ in range(%d)]"
    python = on_call.path / ".venv/bin/python"
    on_call.run(python, "manage.py", "shell", "--no-imports", "--command", send % 3, **environment)
    look = on_call.runbook("queue-backlog", "How long is it, and what runs?")
    said = on_call.follow(look)
    assert "Waiting: 3\n       3    apps.core.tasks.clear_expired_sessions" in said
    assert "No worker responds." in said
    assert "Removed 3 that waited" in on_call.follow(on_call.runbook("queue-backlog", "Remove one kind"))
    # As a worker would; here is none.
    park = """
from apps.core.tasks import clear_expired_sessions as task
from kombu.utils.json import dumps
from ops import deliveries
with deliveries.broker() as channel:
    entry = {"name": task.name, "since": "", "signature": task.s()}
    channel.client.hset(deliveries.parked_key(), "parked-here", dumps(entry))
"""
    for number, done in enumerate(("Sent again: parked-here", "Removed: parked-here")):
        on_call.run(python, "manage.py", "shell", "--no-imports", "--command", park, **environment)
        assert done in on_call.follow(on_call.runbook("queue-backlog", "A task that kills its worker", number))
    said = on_call.follow(look)
    assert "Waiting: 1" in said
    assert "Parked: 0" in said


def test_every_block_of_the_runbooks_is_run(maintainer: Maintainer) -> None:
    """By these tests; those of the other deployments by tests/deploy."""
    found = {
        path.stem: [heading for heading, blocks in sections(path).items() if blocks]
        for path in (maintainer.path / "docs/runbooks").glob("*.md")
    }
    before = "Before you begin"
    assert found == {
        "README": [],
        "back-up": [before, "Now", "A copy elsewhere", "When one has failed, or is overdue"],
        "restore": [
            *(before, "1. Choose the backup", "2. Restore it", "3. Look at it", "4. If it was the wrong one"),
            *("5. Drop the replaced database", "From the bucket, or on a new machine"),
        ],
        "drill": [before, "The drill"],
        "read-only-mode": [before, "Begin", "End"],
        "database-down": [],
        "disk-full": [before, "See what takes the room", "Afterwards"],
        "lost-second-factor": [before, "Give a code", "When no code is taken any more"],
        "rotate-secrets": ["`SECRET_KEY`", "`OPERATOR_TOKEN`"],
        "vulnerable-dependency": ["Is it in use?", "Raise it"],
    } | {name: [] for name in PROSE}
