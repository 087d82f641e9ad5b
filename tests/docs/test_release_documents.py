"""Releases of generated projects, made from their hub page: each step as it is written, in a clone."""

import contextlib
import re
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project, clean_environment
from tests.support.combinations import ALL_OFF, ALL_ON, Answers
from tests.support.documents import sections
from tests.support.project_edits import replace
from tests.support.servers import Server, find, wait_until

RELEASES = "docs/maintainers/planning/releases"
MACHINE = {"version", "changelog", "notes", "lint", "production", "migrations", "tests"}
# All tests of a project, and the coverage that is asked of them, are what the jobs of tests/ci see.
SOME_TESTS = "tests/unit/test_users.py tests/integration/test_pages.py --cov-fail-under 10"
ITEM = re.compile(r"^- \[([ x])\] (?:`([a-z]+)`: )?(.*)$", re.MULTILINE)

pytestmark = pytest.mark.timeout(900)


class Clone(Project):
    """A project in which somebody makes releases, who has servers for the tests and a place to push to."""

    def __init__(self, project: Project, folder: Path, python: Path, database: Server, redis: Server) -> None:
        super().__init__(folder / "clone")
        shutil.copytree(project.path, self.path)
        self.database = database
        self.environment = {"DATABASE_URL": database.url, "REDIS_URL": redis.url}
        self.hub = sections(self.path / RELEASES / "README.md")
        self._prepare_git(folder)
        # What `make` would install is there already.
        (self.path / ".venv").mkdir()
        for name in ("bin", "lib", "pyvenv.cfg"):
            (self.path / ".venv" / name).symlink_to(python.parents[1] / name)
        for kind in ("development", "test"):
            (self.path / ".venv" / f"{kind}.installed").touch()

    def _prepare_git(self, folder: Path) -> None:
        """Let the address in the hub page lead to an empty repository, and git know who is there."""
        self.origin = folder / "git" / "my_project.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", self.origin], check=True)
        configuration = folder / "gitconfig"
        configuration.write_text(
            f'[url "{folder}/git/"]\n    insteadOf = https://git.example.com/\n'
            "[user]\n    name = Ann Example\n    email = ann@example.com\n"
        )
        self.environment |= {"GIT_CONFIG_GLOBAL": str(configuration), "GIT_CONFIG_NOSYSTEM": "1"}
        self.environment["PRE_COMMIT_HOME"] = str(folder / "pre-commit")

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in its root; fail, showing what it said, when the command fails."""
        return super().run(*command, **self.environment | environment)

    def try_to(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the release tool that may fail."""
        command = [".venv/bin/python", "-m", "tools.release", *arguments]
        variables = clean_environment(**self.environment | environment)
        return subprocess.run(command, cwd=self.path, env=variables, capture_output=True, text=True, check=False)

    def refusal(self, *arguments: str, **environment: str) -> str:
        """Return the one sentence with which a command refuses, and see that it leaves everything as it was."""
        before = self.state()
        result = self.try_to(*arguments, **environment)
        assert result.returncode == 1, result.stdout + result.stderr
        assert result.stderr.startswith("Error: ")
        assert "Traceback" not in result.stderr
        assert self.state() == before
        return result.stderr.removeprefix("Error: ").rstrip("\n")

    def git(self, *arguments: str) -> str:
        """Return what a git command prints."""
        return self.run("git", *arguments).stdout

    def commit(self, message: str) -> None:
        """Commit all changes, whatever the hooks would say."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--no-verify", "--message", message)

    def state(self) -> tuple[str, ...]:
        """Return what must not change when a command refuses: files, commits, tags and databases."""
        if not (self.path / ".git").exists():
            return tuple(self.files())
        log = self.git("log", "--all", "--format=%H %D")
        return log, self.git("status", "--porcelain"), self.git("diff"), self.databases()

    def databases(self) -> str:
        """Return the names of the databases of the tests' PostgreSQL."""
        return self.query("SELECT datname FROM pg_database ORDER BY datname")

    def query(self, statement: str) -> str:
        """Return what the tests' PostgreSQL answers."""
        psql = [find("psql", "postgresql-client"), "--no-align", "--tuples-only", "--dbname", self.database.url]
        run = subprocess.run([*psql, "--command", statement], check=True, capture_output=True, text=True)
        return run.stdout.strip()

    def follow(self, heading: str, version: str = "0.1.0", number: int | None = None, **environment: str) -> str:
        """Run the blocks under a heading of the hub page, or one of them, for a version; return what they print."""
        blocks = self.hub[heading] if number is None else [self.hub[heading][number]]
        text = "".join(blocks).replace("0.1.0", version)
        assert text
        return self.run("sh", "-euc", text, **environment).stdout

    def document(self, version: str, name: str) -> Path:
        """Return where a document of a release is."""
        return self.path / RELEASES / f"v{version}" / name

    def write_notes(self, version: str) -> None:
        """Write what the notes ask for."""
        notes = self.document(version, "release-notes.md")
        assert notes.read_text().count("\nTODO: ") == 1
        notes.write_text(re.sub(r"(?m)^TODO: .*$", "It brings all that was asked for.", notes.read_text()))

    def tick_what_people_do(self, version: str) -> None:
        """Tick what people have done before a release, as they do in an editor."""
        path = self.document(version, "checklist.md")
        before, heading, after = path.read_text().partition("\n## The release\n")
        path.write_text(re.sub(r"(?m)^- \[ \] (?!`[a-z]+`: )", "- [x] ", before) + heading + after)

    def ticked(self, version: str) -> set[str]:
        """Return the names of the machine's items that are ticked."""
        return {
            name for mark, name, _ in ITEM.findall(self.read(f"{RELEASES}/v{version}/checklist.md")) if mark == "x"
        } - {""}


def exported(block: str) -> set[str]:
    """Return the names of the variables that a block exports, and see that it does nothing else."""
    words = block.split()
    assert words[0] == "export"
    return {word.partition("=")[0] for word in words[1:]}


def is_running(command: str) -> bool:
    """Say whether a process of this command line is running."""
    line = b"".join(word.encode() + b"\0" for word in command.split())
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        # One that has ended since is not running.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if path.read_bytes() == line:
                return True
    return False


@pytest.fixture(scope="module", params=[ALL_OFF, ALL_ON], ids=["all off", "all on"])
def clone(
    request: pytest.FixtureRequest,
    bake: Callable[..., Project],
    install: Callable[..., Path],
    postgresql: Server,
    redis: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Clone:
    """A fresh project; the tests below make its releases, one after the other."""
    answers: Answers = request.param
    project = bake(**answers)
    return Clone(project, tmp_path_factory.mktemp("releases"), install(project, "test"), postgresql, redis)


class TestReleases:
    """The life of a project: the first release, and the second."""

    def test_before_there_is_a_repository(self, clone: Clone) -> None:
        message = "The project is not a git repository. Create one with: git init --initial-branch main"
        assert clone.refusal("new", "0.1.0") == message
        assert clone.run("make", "check-migrations").stdout.endswith("a migration could be in the way of.\n")
        *_, variables, repository = clone.hub["What you need"]
        assert exported(variables) == {"DATABASE_URL", "REDIS_URL"}
        clone.run("git", "init", "--quiet", "--initial-branch", "main")
        assert clone.refusal("new", "0.1.0").startswith("The repository has no commit. Create the first with: ")
        shutil.rmtree(clone.path / ".git")
        clone.run("sh", "-euc", repository)
        # From here on, every commit that the page makes goes through them.
        clone.run("make", "hooks")

    @pytest.mark.parametrize(
        ("arguments", "environment", "message"),
        [
            (["new", ""], {}, "VERSION is missing. Add it to the command, such as VERSION=1.2.3."),
            (["new", "1.0.0-rc.1"], {}, "Expected a version X.Y.Z, such as 1.2.3, got 1.0.0-rc.1"),
            (
                ["new", "0.1.0"],
                {"DATABASE_URL": ""},
                "Measuring migrations needs PostgreSQL",
            ),
            (
                ["new", "0.1.0"],
                {"DATABASE_URL": "mysql://a@127.0.0.1/a"},
                "DATABASE_URL must be a URL such as postgres://",
            ),
            (
                ["new", "0.1.0"],
                {"DATABASE_URL": "postgres://a@127.0.0.1:1/a"},
                "connection failed: connection to server",
            ),
            (["check", "0.1.0"], {}, f"{RELEASES}/v0.1.0/checklist.md is missing. Begin the release with: make"),
        ],
        ids=["no version", "no release", "no database", "another database", "nothing listens", "not begun"],
    )
    def test_what_is_refused_at_first(
        self, clone: Clone, arguments: list[str], environment: dict[str, str], message: str
    ) -> None:
        assert clone.refusal(*arguments, **environment).startswith(message)

    def test_a_role_that_may_not_make_databases_is_refused(self, clone: Clone) -> None:
        clone.query("CREATE ROLE reader LOGIN PASSWORD 'secret'")
        refusal = clone.refusal("new", "0.1.0", DATABASE_URL=clone.database.url.replace("app:", "reader:"))
        clone.query("DROP ROLE reader")
        assert refusal.startswith("The role of DATABASE_URL cannot do CREATE DATABASE: permission denied")

    def test_the_first_release(self, clone: Clone) -> None:
        before = clone.databases()
        clone.follow("1. Begin")
        assert clone.databases() == before
        changed = clone.git("status", "--porcelain", "--untracked-files=all").splitlines()
        documents = [f"?? {RELEASES}/v0.1.0/{name}" for name in ("checklist.md", "release-notes.md")]
        assert changed == [" M CHANGELOG.md", *documents]
        assert "\n## Unreleased\n\n## 0.1.0\n\n- " in clone.read("CHANGELOG.md")
        assert "This is the first release" in clone.document("0.1.0", "release-notes.md").read_text()
        assert clone.refusal("new", "0.1.0").startswith("CHANGELOG.md and 2 more: changed and not committed")
        clone.write_notes("0.1.0")
        clone.follow("3. Commit the release documents")
        assert clone.refusal("new", "0.1.0").startswith(f"{RELEASES}/v0.1.0 exists already. Continue with it")
        clone.tick_what_people_do("0.1.0")

        checked = clone.git("rev-parse", "HEAD").strip()
        check, commit = clone.hub["5. Check"]
        said = clone.run("sh", "-euc", check, ARGS=SOME_TESTS).stdout
        assert "Required test coverage of 10% reached" in said
        assert not re.search(r"\d skipped", said)
        assert "Nothing that the tag requires is open." in said
        assert clone.ticked("0.1.0") == MACHINE
        assert f"Checked at commit: {checked}\n" in clone.document("0.1.0", "checklist.md").read_text()
        clone.run("sh", "-euc", commit)

        tag, push = clone.hub["6. Tag"][0].splitlines()
        said = clone.run("sh", "-euc", tag).stdout
        # What it says is what the page has next.
        assert said.splitlines()[-1] == f"v0.1.0 is tagged. Publish it with: {push}"
        clone.run("sh", "-euc", push)
        assert clone.ticked("0.1.0") == MACHINE | {"tag"}
        assert clone.git("cat-file", "-t", "v0.1.0") == "tag\n"
        assert clone.git("log", "-1", "--format=%s", "v0.1.0^{commit}") == "Release 0.1.0\n"
        there = subprocess.run(
            ["git", "rev-parse", "main", "v0.1.0^{commit}"],
            cwd=clone.origin,
            capture_output=True,
            text=True,
            check=True,
        )
        assert set(there.stdout.split()) == {clone.git("rev-parse", "HEAD").strip()}
        date = clone.git("log", "-1", "--date=format-local:%Y-%m-%d", "--format=%cd").strip()
        assert f"\n## 0.1.0 ({date})\n" in clone.read("CHANGELOG.md")
        documents = "[notes](v0.1.0/release-notes.md), [checklist](v0.1.0/checklist.md)"
        assert clone.read(f"{RELEASES}/history.md").endswith(f"| --- |\n| 0.1.0 | {date} | {documents} |\n")

        checklist = clone.document("0.1.0", "checklist.md")
        checklist.write_text(checklist.read_text().replace("- [ ]", "- [x]"))
        clone.follow("9. Afterwards")
        assert clone.git("status", "--porcelain") == ""
        for command in ("new", "check", "tag"):
            assert "0.1.0" in clone.refusal(command, "0.1.0")

    def test_work_on_the_next(self, clone: Clone) -> None:
        """A column that must have a value, an index, another requirement and two variables more."""
        models = clone.path / "apps/users/models.py"
        replace(
            models,
            "    USERNAME_FIELD",
            '    nickname = models.CharField(max_length=50, default="", blank=True)\n\n    USERNAME_FIELD',
        )
        clone.run(".venv/bin/python", "manage.py", "makemigrations", "users", "--name", "nickname")
        replace(
            models,
            "        constraints = [",
            '        indexes = [models.Index(fields=["date_joined"], name="by_day")]\n        constraints = [',
        )
        clone.run(".venv/bin/python", "manage.py", "makemigrations", "users", "--name", "by_day")
        clone.run("make", "format")
        requirements = clone.path / "requirements/production.txt"
        requirements.write_text(re.sub(r"(?m)^gunicorn==\S+", "gunicorn==97.0.1", requirements.read_text()))
        example = clone.path / ".env.example"
        example.write_text(f"{example.read_text()}# Key of the mail service (required)\n# MAIL_KEY=\n")
        replace(example, "# EMAIL_PORT=587", "# EMAIL_PORT=465")
        replace(clone.path / "CHANGELOG.md", "## Unreleased\n", "## Unreleased\n\n- Accounts have a nickname.\n")
        # All tests were run for the first release.
        replace(
            clone.path / "Makefile", "-m pytest --cov ", "-m pytest tests/unit/test_users.py --cov-fail-under 0 --cov "
        )
        clone.commit("Give accounts a nickname, <b>shown</b> to all")

    def test_check_migrations_refuses_what_the_former_release_cannot_live_with(self, clone: Clone) -> None:
        result = clone.try_to("migrations")
        assert result.returncode == 1
        locks = "    - locks `users_user`: ACCESS EXCLUSIVE; blocks readers and writers"
        assert f"`users.0002_nickname`\n{locks}" in result.stdout
        assert result.stderr.startswith("Error: users.0002_nickname cannot run while 0.1.0 serves. Spread the change")
        assert clone.refusal("migrations", DATABASE_URL="").startswith("Measuring migrations needs PostgreSQL")

    def test_a_clone_without_history_is_refused(self, clone: Clone, tmp_path: Path) -> None:
        clone.run("git", "clone", "--quiet", "--depth", "1", "--no-tags", clone.origin.as_uri(), tmp_path / "clone")
        shutil.copytree(clone.path / ".venv", tmp_path / "clone" / ".venv", symlinks=True)
        command = [".venv/bin/python", "-m", "tools.release", "migrations"]
        result = subprocess.run(
            command, cwd=tmp_path / "clone", env=clean_environment(), capture_output=True, text=True, check=False
        )
        message = "Error: The clone ends before any release. Fetch its history: git fetch --unshallow --tags\n"
        assert (result.returncode, result.stderr) == (1, message)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_an_interruption_leaves_nothing(self, clone: Clone, number: signal.Signals) -> None:
        before = clone.state()
        migration = clone.path / "apps/users/migrations/0004_slow.py"
        migration.write_text(
            "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
            '    dependencies = [("users", "0003_by_day")]\n'
            '    operations = [migrations.RunSQL("SELECT pg_sleep(300)")]\n'
        )
        clone.commit("Sleep")
        command = [".venv/bin/python", "-m", "tools.release", "new", "0.2.0"]
        variables = clean_environment(**clone.environment)
        with subprocess.Popen(command, cwd=clone.path, env=variables, stderr=subprocess.PIPE, text=True) as process:
            sleeping = (
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(300)' AND pid <> pg_backend_pid()"
            )
            wait_until(lambda: clone.query(sleeping) == "1", 30, "the migration's start")
            process.send_signal(number)
            start = time.monotonic()
            assert process.wait(timeout=20) == 128 + number
            assert time.monotonic() - start < 10
            assert process.stderr
            assert "Traceback" not in process.stderr.read()
        clone.git("reset", "--quiet", "--hard", "HEAD~1")
        assert clone.state() == before

    def test_an_interrupted_check_ends_what_it_has_started(self, clone: Clone) -> None:
        before = clone.state()
        clone.follow("1. Begin", "0.2.0")
        replace(clone.path / "Makefile", "lint: $(VENV)/test.installed", "lint:\n\tsleep 4242\nother:")
        clone.commit("Take a while")
        command = [".venv/bin/python", "-m", "tools.release", "check", "0.2.0"]
        checklist = clone.document("0.2.0", "checklist.md").read_text()
        with subprocess.Popen(command, cwd=clone.path, env=clean_environment(**clone.environment)) as process:
            wait_until(lambda: is_running("sleep 4242"), 30, "the check's start")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 128 + signal.SIGTERM
        assert not is_running("sleep 4242")
        assert clone.document("0.2.0", "checklist.md").read_text() == checklist
        clone.git("reset", "--quiet", "--hard", "HEAD~1")
        assert clone.state() == before

    def test_documents_of_the_second_release(self, clone: Clone) -> None:
        assert clone.refusal("new", "0.0.9").startswith("0.0.9 is not higher than the last release, 0.1.0. Choose")
        clone.follow("1. Begin", "0.2.0")
        assert tomllib.loads(clone.read("pyproject.toml"))["project"]["version"] == "0.2.0"
        assert clone.git("diff", "--numstat", "pyproject.toml") == "1\t1\tpyproject.toml\n"
        notes = clone.document("0.2.0", "release-notes.md").read_text()
        for text in (
            "the release before it: 0.1.0.",
            "\n- Give accounts a nickname, \\<b>shown\\</b> to all\n\n## Migrations\n",
            "- `users.0002_nickname`\n"
            "    - locks `users_user`: ACCESS EXCLUSIVE; blocks readers and writers until it ends\n"
            "    - **cannot run while 0.1.0 serves**: it makes a column NOT NULL, and the former code writes rows "
            "without a value for it\n"
            "    - can be undone\n",
            "- `users.0003_by_day`\n"
            "    - locks `users_user`: SHARE; blocks writers until it ends, not readers\n"
            "    - can run while 0.1.0 serves\n"
            "    - can be undone\n",
            "| `gunicorn` | changed | 27.0.1 | 97.0.1 |",
            "| `EMAIL_PORT` | changed | `587` | `465` |\n| `MAIL_KEY` | added |  | _(empty)_ |\n",
            "0.1.0 cannot serve with the database as it will be, because of `users.0002_nickname`.",
            "- `migrate users 0001_initial`\n",
        ):
            assert text in notes
        checklist = clone.document("0.2.0", "checklist.md").read_text()
        for text in (
            "- [ ] Former code and `users.0002_nickname`: the site is stopped for it, or somebody knows that it is ",
            "- [ ] Size of `users_user` in production judged: `users.0003_by_day` locks it (SHARE)",
            "- [ ] Value of `MAIL_KEY` decided for production: Key of the mail service (required)",
        ):
            assert text in checklist
        clone.follow("3. Commit the release documents", "0.2.0")

    def test_a_check_that_finds_something_says_what(self, clone: Clone) -> None:
        (clone.path / "left.txt").touch()
        assert (
            clone.refusal("check", "0.2.0") == "left.txt: changed and not committed. Commit or undo the change first."
        )
        (clone.path / "left.txt").unlink()
        result = clone.try_to("check", "0.2.0")
        assert result.returncode == 1
        assert (
            'release-notes.md has a line that begins with "TODO:"; write what it asks for in its place.'
            in result.stdout
        )
        assert clone.ticked("0.2.0") == MACHINE - {"migrations", "notes"}, result.stdout + result.stderr
        still_open = [line for line in result.stderr.splitlines() if line.startswith("  - ")]
        assert "  - `notes`: the release notes are written, and name all that has changed" in still_open
        assert (
            "  - Restore drill: a backup of production, or of staging before the first release, was restored beside it"
            in still_open
        )
        assert len(still_open) > len(MACHINE)
        clone.commit("Check")
        assert clone.refusal("tag", "0.2.0").startswith("0.2.0 cannot be tagged while docs/maintainers/planning/")

    def test_the_second_release(self, clone: Clone) -> None:
        clone.write_notes("0.2.0")
        clone.tick_what_people_do("0.2.0")
        pyproject = clone.path / "pyproject.toml"
        [example] = re.findall(r"```toml\n(.*?)```", clone.read("docs/maintainers/release-workflow.md"), re.DOTALL)
        accepted = re.sub(r'"users\.\w+"', '"users.0002_nickname"', example)
        pyproject.write_text(f"{pyproject.read_text()}\n{accepted}")
        clone.commit("Accept the migration, for which the site is stopped")
        assert "    - is accepted, although it makes a column NOT NULL" in clone.run("make", "check-migrations").stdout
        clone.follow("5. Check", "0.2.0")
        assert clone.ticked("0.2.0") == MACHINE

        replace(clone.path / "README.md", "# My Project", "# Our Project")
        assert clone.refusal("tag", "0.2.0").startswith("README.md: changed and not committed")
        clone.commit("Call it ours")
        assert clone.refusal("tag", "0.2.0").startswith("README.md: changed since the checks; check again: make ")
        clone.git("revert", "--no-edit", "HEAD")
        clone.follow("6. Tag", "0.2.0")
        assert clone.git("tag", "--list", "--points-at", "HEAD") == "v0.2.0\n"
        rows = re.findall(r"(?m)^\| (\d\S+) \|", clone.read(f"{RELEASES}/history.md"))
        assert rows == ["0.2.0", "0.1.0"]
        assert re.findall(r"(?m)^## (\S+)", clone.read("CHANGELOG.md")) == ["Unreleased", "0.2.0", "0.1.0"]
        assert clone.try_to("migrations").stdout == "There is no migration since 0.2.0.\n"
