"""The project's documents, which development shows in the browser."""

import pytest
from django.http import Http404
from django.test import Client, RequestFactory

from apps.core.views import document, document_names


def test_the_readme_comes_first() -> None:
    assert document_names()[0] == "README.md"


def test_a_document_is_shown_as_a_page(rf: RequestFactory) -> None:
    page = document(rf.get("/"), "README.md").content.decode()
    assert "<h1" in page
    assert "<code" in page


def test_a_link_to_a_heading_or_to_a_document_in_docs_leads_there(rf: RequestFactory) -> None:
    assert 'id="first-run"' in document(rf.get("/"), "README.md").content.decode()
    name = "docs/maintainers/planning/releases/README.md"
    assert name in document(rf.get("/"), "README.md").content.decode()
    assert "<h1" in document(rf.get("/"), name).content.decode()


@pytest.mark.parametrize(("name", "text"), [("LICENSE", "<pre>"), (".env.example", "# DATABASE_URL=")])
def test_a_file_that_a_document_links_to_is_shown_as_text(rf: RequestFactory, name: str, text: str) -> None:
    assert text in document(rf.get("/"), name).content.decode()


@pytest.mark.parametrize("name", ["nothing.md", "../README.md", "docs/../.env", "pyproject.toml", ".env"])
def test_nothing_else_is_shown(rf: RequestFactory, name: str) -> None:
    with pytest.raises(Http404):
        document(rf.get("/"), name)


def test_production_has_no_such_address(client: Client) -> None:
    assert client.get("/documents/README.md").status_code == 404
