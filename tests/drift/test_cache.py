"""The cache of generated projects: what it saves, and what damages it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drift.history import Project, Template, commit_all, replace

Counted = tuple[Project, Callable[[], int]]
NAME = "{{ cookiecutter.name }}"


@pytest.fixture
def counted(template: Template, project: Callable[..., Project], tmp_path: Path) -> Counted:
    """A project of the template's newest version, and how often that version has generated a project."""
    log = tmp_path / "generated"
    hook = template.folder / "hooks/post_gen_project.py"
    hook.write_text(hook.read_text() + f"open({str(log)!r}, 'a').write('once;')\n")
    commit = commit_all(template.folder)
    mine = project("v0.3.0", template=template)
    mine.record(commit=commit)
    mine.commit()
    return mine, lambda: log.read_text().count("once;") if log.exists() else 0


def entry(mine: Project) -> Path:
    """Return the one file of the cache."""
    [path] = (mine.cache / "slipway-drift/generated").iterdir()
    return path


def test_second_comparison_generates_nothing(counted: Counted) -> None:
    mine, generated = counted
    first = mine.drift("status").stdout
    assert generated() == 1
    replace(mine.path / "edited.txt", "line 28\n", "my line\n")
    assert "M  edited.txt" in mine.drift("status").stdout
    replace(mine.path / "edited.txt", "my line\n", "line 28\n")
    assert mine.drift("status").stdout == first
    assert generated() == 1


@pytest.mark.parametrize("change", ["answer", "commit", "git"])
def test_anything_that_matters_generates_anew(
    counted: Counted, template: Template, change: str, tmp_path: Path
) -> None:
    mine, generated = counted
    mine.drift("status")
    environment = {}
    if change == "answer":
        mine.record(answers=mine.record()["answers"] | {"color": "green"})
        mine.commit()
    elif change == "commit":
        template.replace("edited.txt", "line 9\n", "line nine\n")
        commit_all(template.folder)
    else:
        (tmp_path / "gitconfig").write_text("[core]\n\tautocrlf = input\n")
        environment = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
    before = generated()
    said = mine.drift("status", **environment).stdout
    assert generated() == before + 1
    assert ("Nothing to report" in said) == (change == "git")


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-100],
        lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:],
        lambda content: b"0" * 40 + content[40:],
        lambda content: b"--help" + content[40:],
    ],
    ids=["empty", "truncated", "changed", "another tree", "no tree"],
)
def test_damaged_file_is_replaced(counted: Counted, damage: Callable[[bytes], bytes]) -> None:
    mine, generated = counted
    said = mine.drift("status").stdout
    good = entry(mine).read_bytes()
    entry(mine).write_bytes(damage(good))
    assert mine.drift("status").stdout == said
    assert generated() == 2
    assert entry(mine).read_bytes() == good


def test_cache_that_cannot_be_written_is_named(counted: Counted, tmp_path: Path) -> None:
    mine, _ = counted
    said = mine.drift("status").stdout
    (tmp_path / "file").touch()
    result = mine.drift("status", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert result.stdout == said
    assert f"Warning: the cache {tmp_path}/file/slipway-drift/generated cannot be written: Not a dir" in result.stderr


def test_template_that_does_not_know_drift_is_generated_each_time(counted: Counted, template: Template) -> None:
    mine, generated = counted
    template.questions(_drift=None)
    mine.record(commit=commit_all(template.folder))
    mine.commit()
    for times in (1, 2):
        mine.drift("status")
        assert generated() == times


def test_files_that_were_used_last_are_kept(counted: Counted) -> None:
    mine, generated = counted
    mine.drift("status")
    recent = entry(mine)
    os.utime(recent, (0, 0))
    mine.drift("status")
    for number in range(30):
        (recent.parent / str(number)).touch()
        os.utime(recent.parent / str(number), (number, number))
    replace(mine.path / ".cookiecutter.json", "red", "green")
    mine.drift("status")
    assert len(list(recent.parent.iterdir())) == 20
    assert recent.exists()
    assert generated() == 2
