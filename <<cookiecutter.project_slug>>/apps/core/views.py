"""The first page, and in development the project's documents."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

LINKED_FILES = (".env.example", "LICENSE")


def files(pattern: str) -> list[str]:
    """Return the names of the project's files that match a pattern, from its root."""
    return [str(path.relative_to(settings.BASE_DIR)) for path in settings.BASE_DIR.glob(pattern)]


def document_names() -> list[str]:
    """Return the names of the project's documents, the README first."""
    return sorted(files("*.md"), key=lambda name: (name != "README.md", name))


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what this project is, with links to what it has; the documents are linked in development only."""
    context = {
        "description": settings.SITE_DESCRIPTION,
        "version": settings.SITE_VERSION,
        "documents": document_names() if settings.DEBUG else [],
    }
    return render(request, "home.html", context)


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Lead browsers to the icon, which they ask for here on every page that names none."""
    return redirect(static("favicon.svg"))


@require_safe
def document(request: HttpRequest, name: str) -> HttpResponse:
    """Show a document as a page, or what one links to as it is. Only development has the libraries for it."""
    from markdown_it import MarkdownIt
    from mdit_py_plugins.anchors import anchors_plugin

    if name not in (*document_names(), *files("docs/**/*.md"), *LINKED_FILES):
        raise Http404(f"There is no document {name}.")
    text = (settings.BASE_DIR / name).read_text(encoding="utf-8")
    if name in LINKED_FILES:
        html = format_html("<pre>{}</pre>", text)
    else:
        markdown = MarkdownIt("commonmark", {"html": False}).enable("table").use(anchors_plugin, max_level=6)
        html = mark_safe(markdown.render(text))  # noqa: S308
    return render(request, "document.html", {"name": name, "html": html})
