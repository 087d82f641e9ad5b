"""The guides and runbooks of every deployment, which tests/deploy and tests/deploy/test_paas.py follow."""

from collections.abc import Callable

import pytest

from tests.conftest import Project
from tests.support.combinations import ALL_OFF, ALL_ON, Answers
from tests.support.documents import sections, shell_blocks


def blocks(project: Project) -> dict[str, set[str]]:
    """Return the shell blocks of each runbook."""
    return {path.stem: set(shell_blocks(path)) for path in (project.path / "docs/runbooks").glob("*.md")}


@pytest.mark.parametrize("answers", [{}, {"use_celery": True}], ids=["all off", "celery"])
def test_who_may_deploy_in_either_way_has_no_other_blocks(bake: Callable[..., Project], answers: Answers) -> None:
    """So each block of a project that has both ways was run with one of them."""
    either, systemd, docker = (
        blocks(bake(**ALL_OFF | answers | {"deployment": deployment}))
        for deployment in ("systemd-and-docker", "systemd", "docker")
    )
    assert {name: found - systemd[name] - docker[name] for name, found in either.items()} == {
        name: set() for name in either
    }
    assert len(either) == len(systemd) == len(docker) > 15


@pytest.mark.parametrize("answers", [ALL_OFF, ALL_ON], ids=["all off", "all on"])
@pytest.mark.parametrize("deployment", ["systemd", "docker"])
def test_guide_is_the_same_beside_the_other_guide(
    bake: Callable[..., Project], deployment: str, answers: Answers
) -> None:
    """So each block of the two guides of a project was run with one of them."""
    alone, both = (bake(**answers | {"deployment": answer}) for answer in (deployment, "systemd-and-docker"))
    guide = f"docs/deployment/{deployment}.md"
    assert alone.read(guide) == both.read(guide)
    assert [path.name for path in (alone.path / "docs/deployment").iterdir()] == [f"{deployment}.md"]


@pytest.mark.parametrize("deployment", ["systemd-and-docker", "systemd", "docker", "platform"])
def test_the_first_page_leads_to_every_runbook(bake: Callable[..., Project], deployment: str) -> None:
    project = bake(**ALL_OFF | {"deployment": deployment, "use_celery": True})
    names = {path.name for path in (project.path / "docs/runbooks").glob("*.md")} - {"README.md"}
    for page in ("README.md", "owners.md"):
        missing = {name for name in names if f"({name}" not in project.read(f"docs/runbooks/{page}")}
        assert missing - {"owners.md"} == set()


def test_a_heading_stands_once_in_a_runbook(bake: Callable[..., Project]) -> None:
    """For what stands under the first of two would be looked up by nobody."""
    for path in (bake().path / "docs/runbooks").glob("*.md"):
        headings = [line for line in path.read_text().splitlines() if line.startswith("## ")]
        assert len(headings) == len(set(headings)), path
        assert len(shell_blocks(path)) == sum(map(len, sections(path).values())), path
