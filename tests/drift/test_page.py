"""``drift status --html``: the page, looked at in a browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.drift.history import ODD, Project, replace, write

NASTY = '<script>document.title="taken over"</script><img src="https://example.com/a.png">'


@pytest.fixture
def mine(project: Callable[..., Project]) -> Project:
    """A project with a difference of each kind."""
    mine = project()
    replace(mine.path / "edited.txt", "line 28\n", f"{NASTY}\n")
    replace(mine.path / "left.txt", "line 10\n", "line ten\n")
    (mine.path / "empty").unlink()
    write(mine.path / "own" / NASTY.replace("/", "|"), "mine\n")
    return mine


@pytest.fixture
def page(mine: Project, browser: Browser, tmp_path: Path) -> Page:
    """The page, opened; whatever it asks for or complains about fails the test."""
    said = mine.drift("status", "--html", str(tmp_path / "drift.html"), "--to", "v0.2.0").stdout
    assert "Changed by both: 1" in said
    assert not list(tmp_path.glob("*.partial"))
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: complaints.append(request.url))
    page.goto(f"file://{tmp_path}/drift.html")
    assert complaints == [f"file://{tmp_path}/drift.html"]
    return page


def test_it_shows_everything(page: Page) -> None:
    shown = page.locator("body").inner_text()
    assert page.title() == "my_thing and its template"
    for text in ["0.1.0", "0.2.0", "owner → author", "shape = round", "nickname"]:
        assert text in shown
    summary = re.sub(r"\s+", " ", shown)
    for counted in ["13 Changed by the template", "1 Changed by the project", "1 Changed by both"]:
        assert counted in summary
    for counted in ["1 Missing: removed from the project", "1 Extra: not from the template"]:
        assert counted in summary
    # Each file stands in the tree, whatever its name is.
    assert 'odd "name"\\n é $(id) \\xff.txt' in shown
    assert ODD not in shown
    assert NASTY.replace("/", "|") in shown


def test_a_file_in_the_tree_leads_to_its_lines(page: Page) -> None:
    page.get_by_role("link", name="left.txt").click()
    details = page.locator("details[open]", has_text="left.txt")
    assert details.is_visible()
    cells = details.locator("table").inner_text()
    assert "line 10" in cells
    assert "line ten" in cells


def test_both_sides_of_what_both_changed_are_open(page: Page) -> None:
    details = page.locator("details[open]", has_text="edited.txt")
    assert "line three" in details.inner_text()
    # What a file says is text, and nothing else.
    assert NASTY in details.inner_text()
    assert page.locator("script, img").count() == 0


@pytest.mark.parametrize("width", [400, 1600])
def test_it_fits_every_screen(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("path", "said"),
    [("nowhere/drift.html", "there is no folder"), (".", "it is not a regular file")],
)
def test_a_place_where_it_cannot_be_written(project: Callable[..., Project], path: str, said: str) -> None:
    refused = project().drift("status", "--html", path, status=2).stderr
    assert said in refused
    assert refused.count("\n") == 1
