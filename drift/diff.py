"""The lines that differ, as git shows them, in the three kinds that have to be told apart."""

import sys

from drift import git
from drift.changes import Change
from drift.comparison import Comparison
from drift.errors import DriftError
from drift.texts import counted, shown
from drift.trees import Tree

TITLES = {
    "template": "What the template would bring",
    "project": "What the project changed",
    "both": "What both changed",
}
OF_KIND = {"missing": "project", "extra": "project"}


def show_diff(comparison: Comparison, paths: list[str]) -> None:
    """Print the differences of the files or folders ``paths``, from the project's root; without any, all that differ.

    What is the project's own business is shown only where it is named. Raises DriftError for a path with nothing in it.
    """
    changes = list(comparison.changes)
    if paths:
        changes = [change for path in paths for change in within([*changes, *comparison.expected], path, comparison)]
    for title, text in TITLES.items():
        found = [change for change in changes if OF_KIND.get(change.kind, change.kind) == title]
        if not found:
            continue
        print(f"# {text}: {counted(len(found), 'file')}", flush=True)
        for change in found:
            if title == "both":
                print(f"\n# {shown(change.path)}: by the template", flush=True)
            if change.template:
                show(comparison, comparison.theirs, change, change.renamed or change.origin or change.path)
            if title == "both":
                print(f"# {shown(change.path)}: by the project", flush=True)
            if change.project:
                show(comparison, comparison.ours, change, change.path)
        print(flush=True)


def within(changes: list[Change], path: str, comparison: Comparison) -> list[Change]:
    """Return the changes at a path or below it."""
    found = [
        change
        for change in changes
        if any(name == path or name.startswith(f"{path}/") or path == "." for name in (change.path, change.origin))
    ]
    known = {*comparison.base, *comparison.theirs, *comparison.ours}
    if not found and not any(name == path or name.startswith(f"{path}/") for name in known):
        raise DriftError(f"{shown(path)} is neither in the project nor in its template. Name a file or a folder.")
    return found


def show(comparison: Comparison, after: Tree, change: Change, path: str) -> None:
    """Print what became of a file."""
    before = {change.origin: comparison.base[change.origin]} if change.origin in comparison.base else {}
    trees = [comparison.store.write(tree) for tree in (before, {path: after[path]} if path in after else {})]
    colour = "always" if sys.stdout.isatty() else "never"
    options = ["--no-ext-diff", "--find-renames=1%", "-r", "-p", f"--color={colour}", *trees]
    said = git.run("diff-tree", *options, folder=comparison.store.folder, GIT_DIR=str(comparison.store.folder))
    sys.stdout.flush()
    sys.stdout.buffer.write(said.stdout)
