"""Releases in a repository of their own, with git, make and PostgreSQL."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.conftest import leave_out
from tests.ops.answers import DEPLOYMENT
from tools.release.__main__ import run
from tools.release.commands import CHECKS
from tools.release.documents import items
from tools.release.git import git
from tools.release.project import RELEASES, ReleaseError, version_in

pytestmark = pytest.mark.servers
MAKEFILE = "lint check-production check-migrations coverage:\n\t@test ! -e broken-$@\n"
FILES = [".env.example", "CHANGELOG.md", "docs/maintainers", "pyproject.toml", "requirements/production.txt"]
if "docker" in DEPLOYMENT:
    FILES.append(".env.production.template")
CHECKLIST, NOTES = RELEASES / "v97.1.0/checklist.md", RELEASES / "v97.1.0/release-notes.md"


@pytest.fixture
def repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Path]:
    """Go to a repository with the files that a release is about, and with a Makefile that breaks on demand."""
    if missing := [program for program in ("git", "make") if not shutil.which(program)]:
        leave_out(f"{' and '.join(missing)} must be installed.")
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if Path(name).is_dir() else shutil.copy)(name, tmp_path / name)
    (tmp_path / "Makefile").write_text(MAKEFILE)
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for variable, value in {"NAME": "Ann Example", "EMAIL": "ann@example.com"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{variable}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{variable}", value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    git("init", "--quiet", "--initial-branch", "main")
    commit()
    with django_db_blocker.unblock():
        yield tmp_path


def commit() -> None:
    """Commit all that there is."""
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", "Go on")


def change(path: Path | str, before: str, after: str) -> None:
    """Replace some text of a file."""
    text = Path(path).read_text(encoding="utf-8")
    assert before in text
    Path(path).write_text(text.replace(before, after), encoding="utf-8")


def begin() -> None:
    """Begin 97.1.0, and do all that people have to do for it."""
    run(["new", "97.1.0"])
    change(NOTES, "TODO: ", "")
    change("CHANGELOG.md", "## 97.1.0\n", "## 97.1.0\n\n- All.\n")
    machine = tuple(f"- [ ] `{name}`: " for name in (*CHECKS, "tag"))
    lines = CHECKLIST.read_text(encoding="utf-8").splitlines(keepends=True)
    done = [line if line.startswith(machine) else line.replace("- [ ]", "- [x]") for line in lines]
    CHECKLIST.write_text("".join(done), encoding="utf-8")
    commit()


def ticked() -> set[str]:
    """Return the names of the checks that are ticked."""
    return {str(item.check) for item in items(CHECKLIST.read_text(encoding="utf-8")) if item.check and item.is_ticked}


def refusal(*arguments: str) -> str:
    """Return what a command refuses with, and see that it has changed nothing."""
    before = git("log", "--all", "--format=%H %D"), git("diff", "HEAD"), git("status", "--porcelain", "--ignored")
    with pytest.raises(ReleaseError) as caught:
        run(list(arguments))
    assert before == (
        git("log", "--all", "--format=%H %D"),
        git("diff", "HEAD"),
        git("status", "--porcelain", "--ignored"),
    )
    return str(caught.value)


@pytest.mark.usefixtures("repository")
def test_a_first_release_is_begun_checked_and_tagged(capfd: pytest.CaptureFixture[str]) -> None:
    begin()
    assert version_in(Path("pyproject.toml").read_text(encoding="utf-8")) == "97.1.0"
    assert "This is the first release" in NOTES.read_text(encoding="utf-8")
    checked = git("rev-parse", "HEAD").strip()
    run(["check", "97.1.0"])
    assert ticked() == set(CHECKS)
    assert f"Checked at commit: {checked}\n" in CHECKLIST.read_text(encoding="utf-8")
    commit()
    run(["tag", "97.1.0"])
    assert capfd.readouterr().out.endswith("Publish it with: git push --atomic origin main v97.1.0\n")
    assert ticked() == {*CHECKS, "tag"}
    assert git("status", "--porcelain") == ""
    assert git("rev-parse", "v97.1.0^{commit}") == git("rev-parse", "HEAD")
    assert git("log", "-1", "--format=%s") == "Release 97.1.0\n"
    date = git("log", "-1", "--date=format-local:%Y-%m-%d", "--format=%cd").strip()
    assert f"\n## 97.1.0 ({date})\n" in Path("CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n| 97.1.0 | {date} | " in (RELEASES / "history.md").read_text(encoding="utf-8")
    for command in ("check", "tag"):
        assert refusal(command, "97.1.0") == "v97.1.0 is tagged already. A tagged release does not change."


@pytest.mark.usefixtures("repository")
def test_documents_of_the_next_release_list_what_has_changed(capsys: pytest.CaptureFixture[str]) -> None:
    git("tag", "v97.0.0")
    Path("requirements/production.txt").write_text("django==97.0.1\n", encoding="utf-8")
    with Path(".env.example").open("a", encoding="utf-8") as example:
        example.write("# Key of the mail service (required)\n# MAIL_KEY=\n")
    git("commit", "--quiet", "--all", "--message", "Send <mail>")
    begin()
    notes = NOTES.read_text(encoding="utf-8")
    assert "- Send \\<mail>\n" in notes
    assert "| `django` | changed | " in notes
    assert "| `gunicorn` | removed | " in notes
    assert "| `MAIL_KEY` | added |  | _(empty)_ |" in notes
    checklist = CHECKLIST.read_text(encoding="utf-8")
    assert "- [x] Value of `MAIL_KEY` decided for production: Key of the mail service (required)\n" in checklist
    # The notes have to name what changes afterwards, too.
    change("requirements/production.txt", "django", "djangoo")
    commit()
    with pytest.raises(ReleaseError, match="has open:\n  - `notes`: "):
        run(["check", "97.1.0"])
    assert "was made before djangoo; say it there" in capsys.readouterr().out
    run(["migrations"])
    assert capsys.readouterr().out == "There is no migration since 97.0.0.\n"


@pytest.mark.usefixtures("repository")
def test_a_release_that_cannot_be_begun_is_refused() -> None:
    Path("new").touch()
    assert refusal("new", "97.1.0") == "new: changed and not committed. Commit or undo the change first."
    commit()
    git("tag", "v97.1.0")
    commit()
    assert refusal("new", "97.1.0") == "97.1.0 is not higher than the last release, 97.1.0. Choose a higher version."
    git("switch", "--quiet", "--orphan", "other")
    commit()
    assert refusal("new", "97.1.0") == "v97.1.0 is tagged already. Choose a higher version."
    git("switch", "--quiet", "main")
    (RELEASES / "v98.0.0").mkdir()
    assert (
        refusal("new", "98.0.0") == f"{RELEASES}/v98.0.0 exists already. Continue with it, or remove it to begin again."
    )
    shutil.rmtree(".git")
    with pytest.raises(ReleaseError, match=r"is not a git repository\. Create one with: git init"):
        run(["new", "98.1.0"])


@pytest.mark.usefixtures("repository")
def test_a_check_that_fails_is_told_and_loses_its_tick(capfd: pytest.CaptureFixture[str]) -> None:
    begin()
    run(["check", "97.1.0"])
    Path("broken-lint").touch()
    change("CHANGELOG.md", "\n- All.", "")
    change("CHANGELOG.md", "\n- The project begins", "\n## 1.0.0\n\n- The project begins")
    commit()
    with pytest.raises(ReleaseError) as refused:
        run(["check", "97.1.0"])
    assert ticked() == set(CHECKS) - {"lint", "changelog"}
    assert [line[:16] for line in str(refused.value).splitlines()[1:]] == ["  - `changelog`:", "  - `lint`: styl"]
    assert "lint: make lint failed. See the lines above." in capfd.readouterr().out


@pytest.mark.usefixtures("repository")
def test_a_tag_is_refused_while_anything_is_not_as_it_was_checked() -> None:
    assert refusal("tag", "97.1.0").endswith("is missing. Begin the release with: make release-new VERSION=97.1.0")
    begin()
    assert "has open:\n  - `version`: " in refusal("tag", "97.1.0")
    run(["check", "97.1.0"])
    assert "checklist.md: changed and not committed" in refusal("tag", "97.1.0")
    commit()
    change(NOTES, "# Release", "TODO: more\n\n# Release")
    commit()
    assert 'has a line that begins with "TODO:"' in refusal("tag", "97.1.0")
    change(NOTES, "TODO: more\n\n", "")
    change(CHECKLIST, "- [x] Staging", "- [ ] Staging")
    commit()
    assert "has open:\n  - Staging cut" in refusal("tag", "97.1.0")
    change(CHECKLIST, "- [ ] Staging", "- [x] Staging")
    Path("Makefile").write_text("all:\n", encoding="utf-8")
    commit()
    assert refusal("tag", "97.1.0").startswith("Makefile: changed since the checks; check again: make release-check")
    git("revert", "--no-edit", "HEAD")
    git("checkout", "--quiet", "--detach")
    assert refusal("tag", "97.1.0").startswith("No branch is checked out. Switch to the branch of the release")


def test_a_commit_that_is_refused_leaves_everything_as_it_was(repository: Path) -> None:
    begin()
    run(["check", "97.1.0"])
    commit()
    hook = repository / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho It is Friday. >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    assert refusal("tag", "97.1.0") == "git commit failed:\nIt is Friday."
