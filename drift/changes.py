"""What changed between trees: by the template, by the project, by both."""

import os
from dataclasses import dataclass, replace

from drift.trees import Entry, Store, Tree

KINDS = {
    "template": "Changed by the template",
    "project": "Changed by the project",
    "both": "Changed by both",
    "missing": "Missing: removed from the project",
    "extra": "Extra: not from the template",
}


@dataclass(frozen=True)
class Change:
    """A file that is not in both as the template first made it.

    What either did is a letter: A added, M modified, D removed, R gave it another name; or nothing.
    """

    kind: str
    path: str
    """Where the project has it, or would have it."""
    template: str = ""
    project: str = ""
    origin: str = ""
    """Where the template first made it, if it did."""
    renamed: str = ""
    """Where the template has it now, if it gave it another name."""


def classify(store: Store, base: Tree, newest: Tree, project: Tree, moved: dict[str, str]) -> list[Change]:
    """Return what differs, sorted by path.

    ``base`` is what the template made, ``newest`` what it makes now, ``moved`` what the template says about its own
    moves. What the project already has as the template now makes it is no change.
    """
    changes, gone = {}, {}
    for path in base.keys() | newest.keys() | project.keys():
        before, theirs, ours = base.get(path), newest.get(path), project.get(path)
        letters = letter(before, theirs), letter(before, ours)
        change = Change(kind_of(*letters), path, *letters, origin=path if before else "")
        if ours != theirs:
            changes[path] = change
        elif ours is None:
            gone[path] = change  # where it was; either may have given it another name
    for former, present in (renames(store, base, newest) | declared_moves(base, newest, moved)).items():
        change = changes.get(former) or gone.get(former)
        if change and changes.get(present, Change("", "")).kind == "template":
            del changes[present]
            changes[former] = replace(change, template="R", renamed=present)
    for former, present in renames(store, base, project).items():
        change = changes.get(former) or gone.get(former)
        if change and changes.get(present, Change("", "")).kind == "extra":
            del changes[present]
            kind = "both" if change.template else "project"
            changes[former] = replace(change, kind=kind, path=present, project="R")
    return sorted(changes.values(), key=lambda change: change.path)


def letter(before: Entry | None, after: Entry | None) -> str:
    """Return what became of a file."""
    if before == after:
        return ""
    if before is None:
        return "A"
    return "M" if after else "D"


def kind_of(theirs: str, ours: str) -> str:
    """Return the kind of a change from what either did."""
    if theirs:
        return "both" if ours else "template"
    return {"D": "missing", "A": "extra"}.get(ours, "project")


def declared_moves(before: Tree, after: Tree, moved: dict[str, str]) -> dict[str, str]:
    """Return where the files of ``before`` are in ``after`` according to ``moved`` in the template's ``_drift``.

    Its keys are former paths and its values present ones; a path that ends in a slash is a folder. git finds a renamed
    file only while at least half of its content is the same.
    """
    found = {}
    for former in before.keys() - after.keys():
        for old, new in moved.items():
            is_inside = old.endswith("/") and former.startswith(old)
            present = new + former.removeprefix(old)
            if (former == old or is_inside) and present in after and present not in before:
                found[former] = present
    return found


def renames(store: Store, before: Tree, after: Tree) -> dict[str, str]:
    """Return where the files of ``before`` are that have another name in ``after``, as git finds them."""
    if before.keys() <= after.keys():
        return {}
    trees = [store.write(before), store.write(after)]
    options = ["-r", "-z", "--find-renames", "--no-rename-empty", "-l0", "--diff-filter=R", "--name-status"]
    words = os.fsdecode(store.git("diff-tree", *options, *trees)).split("\0")[:-1]
    return dict(zip(words[1::3], words[2::3], strict=True))
