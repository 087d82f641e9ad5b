"""Everything that a document names is there: files, headings, commands of the Makefile, modules and variables."""

import posixpath
import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import ROOT, TEMPLATE, Project
from tests.support.combinations import ALL_ON, Answers, each_feature, name_of

# What is made by running a project, and by a release of it.
MADE_LATER = {".env", ".env.production", ".venv", "build/", "db.sqlite3", "drift.html", "media/", "sbom.cdx.json"}
# What the project's own tests write into a folder of theirs.
MADE_BY_TESTS = {"A.md", "docs/deep/more.md"}
OF_A_RELEASE = re.compile(r"/v(X\.Y\.Z|\d+\.\d+\.\d+)(/.*)?$")
# Where the clone of a project is on a server.
CLONE = re.compile(r"^/srv/\w+/source/")
ENDINGS = {".conf", ".html", ".js", ".json", ".md", ".mk", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}
MADE_BY_TOOLS = {".git", ".venv", "build", "__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache"}

MAKE = re.compile(r"(?<!\\\n)^ *(?:sudo )?(?:\w+=\S+ )*make((?: [a-z][a-z-]*)+)", re.MULTILINE)
MODULE = re.compile(r"(?:apps|config|ops|tests|tools)(?:\.\w+)+")
VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
TO_HEADING = re.compile(r"docs/\S+\.md#\S+")
DOCUMENT = re.compile(r"(?:\bdocs/[\w/.-]*\w|\b[A-Z][A-Z-]*)\.md\b")


class Document:
    """A text in Markdown: what it links to, its headings, and what it shows as code."""

    def __init__(self, text: str) -> None:
        self.tokens = list(flat(MarkdownIt("commonmark").enable("table").parse(text)))

    def links(self) -> set[str]:
        """Return the addresses of its links and images."""
        attributes = {"link_open": "href", "image": "src"}
        return {str(token.attrs[attributes[token.type]]) for token in self.tokens if token.type in attributes}

    def anchors(self) -> set[str]:
        """Return the names that GitHub gives to its headings; one that comes again gets a number."""
        found: dict[str, int] = {}
        for opening, heading in zip(self.tokens, self.tokens[1:], strict=False):
            if opening.type == "heading_open":
                shown = [token.content for token in heading.children or [] if token.type in ("text", "code_inline")]
                name = re.sub(r"[^\w\- ]", "", "".join(shown).lower()).replace(" ", "-")
                found[name] = found.get(name, -1) + 1
        return {f"{name}-{number}" if number else name for name, last in found.items() for number in range(last + 1)}

    def code(self, *types: str) -> list[str]:
        """Return the text of its code of these types of token; a block ``sh`` is not among them, for tests run it."""
        return [token.content for token in self.tokens if token.type in types and token.info != "sh"]

    def blocks_to_run(self) -> list[str]:
        """Return the text of its blocks ``sh``."""
        return [token.content for token in self.tokens if token.type == "fence" and token.info == "sh"]


def flat(tokens: list[Token]) -> Iterator[Token]:
    """Yield tokens and those within them."""
    for token in tokens:
        yield token
        yield from flat(token.children or [])


class Place:
    """The folders in which lies what their documents name."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders

    @cached_property
    def files(self) -> list[str]:
        """The names of all files, but those that tools make."""
        names = {path.relative_to(top) for top in self.folders for path in top.rglob("*") if path.is_file()}
        return sorted(str(name) for name in names if MADE_BY_TOOLS.isdisjoint(name.parts))

    @cached_property
    def targets(self) -> set[str]:
        """The commands of its Makefile."""
        texts = [path.read_text() for top in self.folders for path in top.glob("Makefile")]
        return set(re.findall(r"^([a-z][a-z-]*):", "\n".join(texts), re.MULTILINE))

    @cached_property
    def variables(self) -> set[str]:
        """Every name in upper case that stands in a file which is no document."""
        texts = [self.read(name) for name in self.files if not name.endswith((".md", ".png"))]
        return set(VARIABLE.findall("\n".join(texts)))

    @cached_property
    def tops(self) -> set[str]:
        """The names that paths begin with, also in a project of other answers."""
        return {path.name for top in (*self.folders, TEMPLATE) for path in top.iterdir()}

    def read(self, name: str) -> str:
        """Return the text of a file."""
        [path, *_] = [top / name for top in self.folders if (top / name).exists()]
        return path.read_text(encoding="utf-8")

    def has(self, path: str) -> bool:
        """Say whether there is such a file, or such a folder; for a pattern, at least one."""
        pattern = OF_A_RELEASE.sub("", path)
        found = [match for top in self.folders for match in top.glob(pattern.rstrip("/"))]
        return any(match.is_dir() or not pattern.endswith("/") for match in found)

    def has_module(self, name: str) -> bool:
        """Say whether there is a module ``a.b.c``, or one ``a.b`` that has a name ``c``."""
        module, _, last = name.replace(".", "/").rpartition("/")
        if self.has(f"{module}/{last}") or self.has(f"{module}/{last}.py"):
            return True
        paths = [path for path in (f"{module}.py", f"{module}/__init__.py") if self.has(path)]
        return any(last in re.findall(r"\w+", self.read(path)) for path in paths)

    def looks_like_a_path(self, word: str) -> bool:
        """Say whether a word of code names a file of the project, or of one with other answers."""
        if word in MADE_LATER:
            return False
        if "/" in word:
            return word.split("/")[0] in self.tops
        return Path(word).suffix in ENDINGS or any((top / word).is_file() for top in (*self.folders, TEMPLATE))

    def missing_paths(self, code: str) -> Iterator[str]:
        """Yield the paths and modules that code names and that are not there."""
        for word in code.split():
            word = CLONE.sub("", word.strip("\"'`,;()[]")).removeprefix("./").partition(":")[0].rstrip(".")
            if MODULE.fullmatch(word) and Path(word).suffix not in ENDINGS:
                if not self.has_module(word):
                    yield word
            elif self.looks_like_a_path(word) and not self.has(word if "/" in word else f"**/{word}"):
                yield word

    def missing_commands(self, code: str) -> Iterator[str]:
        """Yield the commands ``make …`` in code that the Makefile does not have."""
        for targets in MAKE.findall(code):
            yield from (f"make {target}" for target in targets.split() if target not in self.targets)

    def missing_link(self, name: str, link: str, document: Document) -> str | None:
        """Return what is wrong with a link of the document ``name``, or None."""
        address = urlsplit(unquote(link))
        if address.scheme:
            is_own = address.scheme == "http" and address.hostname == "127.0.0.1"
            return None if address.scheme == "https" or is_own else f"{link} is not encrypted"
        if name.startswith((".github/", ".gitlab/")):
            return f"{link} is resolved from the page where the form is shown"
        if address.path:
            path = posixpath.normpath(Path(name).parent / address.path)
            if path.startswith("..") or not self.has(path):
                return f"{link} leads to no file"
            document = Document(self.read(path) if path.endswith(".md") else "")
        if address.fragment and address.fragment not in document.anchors():
            return f"{link} leads to no heading"
        return None

    def missing_in_markdown(self, name: str, text: str) -> Iterator[str]:
        """Yield what is named by a document, or by one of the texts of a form."""
        document = Document(text)
        for link in sorted(document.links()):
            if problem := self.missing_link(name, link, document):
                yield problem
        known = self.variables.union(*map(VARIABLE.findall, document.blocks_to_run()))
        for span in document.code("code_inline"):
            yield from sorted(set(VARIABLE.findall(span)) - known)
        for code in document.code("code_inline", "code_block", "fence"):
            yield from self.missing_paths(code)
            yield from self.missing_commands(code)
        for block in document.blocks_to_run():
            yield from self.missing_commands(block)

    def missing_in(self, name: str) -> Iterator[str]:
        """Yield what a file names and is not there: in documents, forms, workflows, and other files' comments."""
        text = self.read(name)
        if name.endswith(".md"):
            yield from self.missing_in_markdown(name, text)
            return
        if name.endswith((".yml", ".yaml")):
            for part in strings(yaml.safe_load(text)):
                if "ISSUE_TEMPLATE" in name:
                    yield from self.missing_in_markdown(name, part)
                elif TO_HEADING.fullmatch(part):
                    if problem := self.missing_link("", part, Document("")):
                        yield problem
                else:
                    yield from self.missing_paths(part)
                    yield from self.missing_commands(part)
        for command in re.findall(r"`(make [^`\n]*)`", text):
            yield from self.missing_commands(command)
        for document in DOCUMENT.findall(text):
            if document not in MADE_BY_TESTS and not self.has(document if "/" in document else f"**/{document}"):
                yield document

    def missing(self, names: list[str]) -> str:
        """Return a line for everything that these files name and that is not there."""
        return "\n".join(f"{name}: {what}" for name in names for what in self.missing_in(name))


def strings(value: Any) -> Iterator[str]:
    """Yield every text in what a YAML file says."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


@pytest.mark.parametrize("answers", each_feature(), ids=name_of)
def test_what_a_project_names_is_there(bake: Callable[..., Project], answers: Answers) -> None:
    place = Place(bake(**answers).path)
    assert place.missing(place.files) == ""


def test_what_the_templates_own_documents_name_is_there(bake: Callable[..., Project]) -> None:
    place = Place(ROOT, bake(**ALL_ON).path)
    documents = [str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob(".github/**/*.*"))]
    assert len(documents) > 8
    assert place.missing(documents) == ""


@pytest.mark.parametrize(
    ("name", "text", "missing"),
    [
        ("README.md", "[a](b.md)", "b.md leads to no file"),
        ("docs/a.md", "[a](README.md)", "README.md leads to no file"),
        ("README.md", "[a](../b/README.md)", "../b/README.md leads to no file"),
        ("README.md", "[a](LICENSE#b)", "LICENSE#b leads to no heading"),
        (
            "README.md",
            "# Öl & `x_y`\n# Öl & `x_y`\n[a](#öl--x_y-1) [b](#öl--x_y-2)",
            "#%C3%B6l--x_y-2 leads to no heading",
        ),
        ("README.md", "[a](http://example.com)", "http://example.com is not encrypted"),
        (".github/a.md", "[a](../README.md)", "../README.md is resolved from the page where the form is shown"),
        ("README.md", "see `./config/settings/gard.py`.", "config/settings/gard.py"),
        ("README.md", "`sudo /srv/my_project/source/deploy/systemd/bin/relase main`", "deploy/systemd/bin/relase"),
        ("README.md", "`apps/*/migrashuns/`", "apps/*/migrashuns/"),
        ("README.md", "`manage.py/`", "manage.py/"),
        ("README.md", "`gard.py`", "gard.py"),
        ("README.md", "`config.settings.stagging`", "config.settings.stagging"),
        ("README.md", "`docs/nothing/v0.1.0/notes.md`", "docs/nothing/v0.1.0/notes.md"),
        ("README.md", "`make tset lint`", "make tset"),
        ("README.md", "```sh\nCI=true make tset\n```", "make tset"),
        ("README.md", "    make tset", "make tset"),
        ("README.md", "`SECRET_KEE`", "SECRET_KEE"),
        ("a.yml", "steps: [{run: 'set -e\n\n  make tset'}]", "make tset"),
        (".github/ISSUE_TEMPLATE/a.yml", "body: [{label: 'see `gard.py`'}]", "gard.py"),
        ("a.py", "# see DEPLOYMENTS.md, and `make test`", "DEPLOYMENTS.md"),
    ],
)
def test_what_leads_nowhere_is_found(
    tmp_path: Path, bake: Callable[..., Project], name: str, text: str, missing: str
) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text(text)
    assert set(Place(tmp_path, bake().path).missing_in(name)) == {missing}
