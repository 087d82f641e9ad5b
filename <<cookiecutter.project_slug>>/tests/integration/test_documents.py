"""The project's documents, which development shows in the browser."""

from pathlib import Path

import pytest
from django.http import Http404
from django.test import Client, RequestFactory
from pytest_django import Settings

from apps.core.views import document, document_names


@pytest.fixture(autouse=True)
def documents(settings: Settings, tmp_path: Path) -> None:
    """A project with a few documents, for what those of this one say may change."""
    settings.BASE_DIR = tmp_path
    texts = {
        "A.md": "# A\n",
        "README.md": "# This project\n\n## First run\n\n`make run`, or see [more](docs/deep/more.md).\n",
        "docs/deep/more.md": "# More\n",
        "LICENSE": "All <b>rights</b>\n",
        ".env.example": "# DATABASE_URL=\n",
        ".env": "SECRET_KEY=\n",
        "pyproject.toml": "[project]\n",
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_the_readme_comes_first() -> None:
    assert document_names() == ["README.md", "A.md"]


def test_a_document_is_shown_as_a_page(rf: RequestFactory) -> None:
    page = document(rf.get("/"), "README.md").content.decode()
    assert '<h1 id="this-project">This project</h1>' in page
    assert "<code>make run</code>" in page


def test_a_link_to_a_heading_or_to_a_document_in_docs_leads_there(rf: RequestFactory) -> None:
    page = document(rf.get("/"), "README.md").content.decode()
    assert 'id="first-run"' in page
    assert '<a href="docs/deep/more.md">' in page
    assert ">More</h1>" in document(rf.get("/"), "docs/deep/more.md").content.decode()


@pytest.mark.parametrize(
    ("name", "text"), [("LICENSE", "All &lt;b&gt;rights&lt;/b&gt;"), (".env.example", "# DATABASE_URL=")]
)
def test_a_file_that_a_document_links_to_is_shown_as_text(rf: RequestFactory, name: str, text: str) -> None:
    assert f"<pre>{text}" in document(rf.get("/"), name).content.decode()


@pytest.mark.parametrize("name", ["nothing.md", "../README.md", "docs/../.env", "pyproject.toml", ".env"])
def test_nothing_else_is_shown(rf: RequestFactory, name: str) -> None:
    with pytest.raises(Http404):
        document(rf.get("/"), name)


def test_production_has_no_such_address(client: Client) -> None:
    assert client.get("/documents/README.md").status_code == 404
