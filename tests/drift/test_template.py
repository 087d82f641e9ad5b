"""Where the template is: a path, a URL, a tag; and what happens when it is not there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drift.history import Project, Template, git
from tests.support.git_server import PASSWORD, git_server, with_password


def served(template: Template) -> str:
    """Return the file:// URL of a bare clone of a template."""
    bare = template.folder.parent / "served.git"
    git(template.folder, "clone", "--quiet", "--bare", ".", str(bare))
    return f"file://{bare}"


def test_a_url_is_fetched_each_time(template: Template, project: Callable[..., Project]) -> None:
    url = served(template)
    mine = project("v0.3.0")
    mine.record(template=url)
    assert mine.status()["changes"] == []
    template.write("newest.txt", "new\n")
    template.release("0.4.0")
    git(template.folder, "push", "--quiet", "--tags", url, "main")
    assert mine.changes() == {"newest.txt": "template"}
    assert mine.changes("--to", "v0.3.0") == {}
    # Another branch may become the one that cookiecutter takes.
    git(template.folder, "push", "--quiet", url, "v0.3.0^{commit}:refs/heads/stable")
    git(Path(url.removeprefix("file://")), "symbolic-ref", "HEAD", "refs/heads/stable")
    assert mine.changes() == {}
    # It leaves the user's own templates alone, and nothing in the project.
    assert [path.name for path in mine.cache.iterdir()] == ["slipway-drift"]


def test_what_cookiecutter_abbreviates(template: Template, project: Callable[..., Project], tmp_path: Path) -> None:
    configuration = tmp_path / "gitconfig"
    configuration.write_text(f'[url "{served(template)}"]\n\tinsteadOf = https://github.com/org/thing.git\n')
    mine = project("v0.2.0")
    mine.record(template="gh:org/thing")
    mine.commit()
    # With the user's configuration of git, and from within a git hook, which sets variables.
    mine.drift("update", GIT_CONFIG_GLOBAL=str(configuration), GIT_DIR=str(template.folder / ".git"))
    assert mine.record()["template"] == "gh:org/thing"
    assert mine.record()["version"] == "0.3.0"


def test_an_offline_machine(template: Template, project: Callable[..., Project]) -> None:
    url = served(template)
    mine = project()
    mine.record(template=url)
    mine.commit()
    before = mine.changes("--to", "v0.2.0")
    shutil.rmtree(url.removeprefix("file://"))
    assert mine.changes("--to", "v0.2.0") == before
    [note] = mine.status()["notes"]
    assert f"{url} is unreachable. This is its copy of 20" in note
    mine.drift("update", "--to", "v0.2.0")
    assert mine.record()["version"] == "0.2.0"
    shutil.rmtree(mine.cache)
    said = mine.drift("status", status=2).stderr
    assert f"The template {url} cannot be fetched, and never was. git clone failed" in said


def test_a_password_in_a_url_is_told_nobody(
    template: Template, project: Callable[..., Project], tmp_path: Path
) -> None:
    bare = Path(served(template).removeprefix("file://"))
    git(bare, "update-server-info")
    mine = project()
    with git_server(bare.parent) as url:
        address = f"{url}/{bare.name}"
        mine.record(template=with_password(address))
        said = [mine.drift("status"), mine.drift("status", "--json"), mine.drift("status", "--html", "../page.html")]
        assert all(address in one.stdout for one in said)
        mine.record(template=address)
        mine.commit()
        said.append(mine.drift("update", "--template", with_password(address)))
        assert mine.record()["version"] == "0.3.0"
        assert mine.record()["template"] == address
    shutil.rmtree(mine.cache)
    said.append(mine.drift("status", "--template", with_password(address), status=2))
    assert f"{address} cannot be fetched" in said[-1].stderr
    told = "".join(one.stdout + one.stderr for one in said) + (mine.path.parent / "page.html").read_text()
    assert PASSWORD not in told


def test_a_password_is_not_kept(template: Template, project: Callable[..., Project]) -> None:
    bare = Path(served(template).removeprefix("file://"))
    git(bare, "update-server-info")
    mine = project()
    with git_server(bare.parent) as url:
        mine.drift("status", "--template", with_password(f"{url}/{bare.name}"))
    kept = [path for path in mine.cache.rglob("*") if path.is_file()]
    assert len(kept) > 5
    assert not [path for path in kept if PASSWORD.encode() in path.read_bytes()]


def test_a_folder_that_has_gone(template: Template, project: Callable[..., Project]) -> None:
    mine = project(template=template)
    moved = template.folder.rename(template.folder.parent / "moved")
    said = mine.drift("status", status=2).stderr
    assert f"The template {template.folder} is not there; say where its repository is with --template" in said
    assert mine.status("--template", str(moved), "--to", "v0.1.0")["changes"] == []
    mine.drift("update", "--template", "../moved")
    assert mine.record()["template"] == str(moved)


def test_what_is_no_repository(template: Template, project: Callable[..., Project]) -> None:
    mine = project(template=template)
    shutil.rmtree(template.folder / ".git")
    assert "is not a git repository, so it has no versions. Clone it." in mine.drift("status", status=2).stderr
    shutil.rmtree(template.folder)
    template.folder.write_text("an archive")
    assert "is a file, which has no versions" in mine.drift("status", status=2).stderr


def test_an_unknown_version(project: Callable[..., Project]) -> None:
    said = project().drift("status", "--to", "v9", status=2).stderr
    assert said == (
        "Error: The template has no v9. Name one of its tags or branches, such as v0.3.0, v0.2.0, v0.1.0.\n"
    )


def test_a_clone_that_is_shallow(template: Template, project: Callable[..., Project], tmp_path: Path) -> None:
    mine = project()
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{template.folder}", "shallow")
    said = mine.drift("status", "--template", str(tmp_path / "shallow"), status=2).stderr
    assert "its clone is shallow; run git fetch --unshallow there" in said


def test_a_commit_that_the_newest_does_not_come_from(template: Template, project: Callable[..., Project]) -> None:
    mine = project(template=template)
    git(template.folder, "checkout", "--quiet", "--orphan", "fresh")
    git(template.folder, "commit", "--quiet", "--message", "All of it")
    [note] = mine.status()["notes"]
    assert note == "The recorded commit is not in the history of the newest: it was rewritten, or is another branch."
    mine.drift("update")
    assert mine.changes() == {}


def test_a_broken_template(template: Template, project: Callable[..., Project]) -> None:
    mine = project(template=template)
    (template.folder / "cookiecutter.json").write_text("{")
    template_commit = git(template.folder, "commit", "--quiet", "--all", "--message", "Break") or "HEAD"
    said = mine.drift("update", status=2).stderr
    assert "is not JSON" in said
    assert mine.changes("--to", f"{template_commit}^^^") is not None


def test_the_users_own_configuration_does_not_matter(project: Callable[..., Project], tmp_path: Path) -> None:
    configuration = tmp_path / "cookiecutterrc"
    configuration.write_text("default_context:\n  name: Another\n  shape: square\n")
    mine = project()
    mine.drift("update", COOKIECUTTER_CONFIG=str(configuration))
    assert mine.record()["answers"]["shape"] == "round"
    assert mine.record()["answers"]["name"] == "My Thing"


def test_unreachable_template_is_an_error_where_its_newest_is_wanted(
    template: Template, project: Callable[..., Project]
) -> None:
    url = served(template)
    mine = project("v0.3.0")
    mine.record(template=url)
    mine.commit()
    mine.drift("status", "--exit-code")
    shutil.rmtree(url.removeprefix("file://"))
    for command in (["update"], ["diff"], ["status", "--exit-code"]):
        said = mine.drift(*command, status=2)
        assert f"Error: {url} is unreachable. This is its copy of 20" in said.stderr
        assert "git fetch failed" in said.stderr
        assert "up to date" not in said.stdout
    # A version that the copy has can be named.
    assert f"Warning: {url} is unreachable" in mine.drift("diff", "--to", "v0.3.0").stderr
    (mine.path / ".cookiecutter.json").unlink()
    assert "is unreachable" in mine.drift("link", "--template", url, status=2).stderr
    assert not (mine.path / ".cookiecutter.json").exists()


def test_clone_behind_the_project_is_brought_up_to_date(
    template: Template, project: Callable[..., Project], tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(template.folder), str(clone))
    template.write("newest.txt", "new\n")
    template.release("0.4.0")
    mine = project(template=template)
    mine.drift("update")
    mine.record(template=str(clone))
    mine.commit()
    said = mine.drift("update", status=2).stderr
    assert f"the clone may be behind. Bring it up to date: git -C {clone} pull. " in said
    git(clone, "fetch", "--quiet")
    before = mine.record()
    said = mine.drift("update", status=2).stderr
    assert f"The template {clone} is at 0.3.0 (" in said
    assert "), which is older than 0.4.0 (" in said
    assert f"Bring it up to date: git -C {clone} pull. Or name a version: drift update --to REF\n" in said
    assert mine.record() == before
    said = mine.drift("status").stdout
    assert "which is older than 0.4.0" in said
    assert "1 commit earlier" in said
    git(clone, "checkout", "--quiet", "--detach")
    assert f"Check out its branch: git -C {clone} switch BRANCH. Or name" in mine.drift("update", status=2).stderr
    git(clone, "switch", "--quiet", "main")
    git(clone, "pull", "--quiet", "--ff-only")
    assert "up to date" in mine.drift("update").stdout
    # An older version that is named is meant.
    mine.drift("update", "--to", "v0.3.0")
    assert not (mine.path / "newest.txt").exists()


@pytest.mark.parametrize("which", ["template", "project"])
def test_repository_of_another_user_is_named_as_such(
    template: Template, project: Callable[..., Project], tmp_path: Path, which: str
) -> None:
    mine = project(template=template)
    folders = {"template": template.folder, "project": mine.path}
    configuration = tmp_path / "gitconfig"
    # git asks about the folder .git too when it clones.
    trusted = [path for name, path in folders.items() if name != which for path in (path, path / ".git")]
    configuration.write_text("[safe]\n" + "".join(f"\tdirectory = {path}\n" for path in trusted))
    variables = {"GIT_CONFIG_GLOBAL": str(configuration), "GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    # To git, with that variable, the folders of drift itself belong to another user too: nothing is compared before.
    for command in ("status", "update") if which == "template" else ("update",):
        said = mine.drift(command, status=2, **variables).stderr
        assert f"git refuses the repository {folders[which]}" in said
        assert "git config --global --add safe.directory /" in said
        assert said.count("\n") == 1


def test_bare_repositories_may_be_forbidden(
    template: Template, project: Callable[..., Project], tmp_path: Path
) -> None:
    configuration = tmp_path / "gitconfig"
    configuration.write_text("[safe]\n\tbareRepository = explicit\n")
    url = served(template)
    mine = project("v0.2.0")
    for address in (url, url.removeprefix("file://")):
        # Twice, for the first time clones it and the second time fetches.
        for _ in range(2):
            found = mine.drift("diff", "--template", address, GIT_CONFIG_GLOBAL=str(configuration)).stdout
            assert "+line twenty\n" in found
