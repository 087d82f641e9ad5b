"""Merge what the template and the project did, file by file, as git merges two branches."""

import os
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from drift import adjacent, git
from drift.changes import declared_moves, renames
from drift.trees import Entry, Store, Tree

OURS = "this-project"
IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "drift", "EMAIL": "drift@example.com", "DATE": "1970-01-01T00:00:00Z"}.items()
}
OPTIONS = {"merge.conflictStyle": "merge", "merge.directoryRenames": "true", "merge.renames": "true"}


@dataclass
class Merged:
    """The merged files."""

    tree: Tree
    in_lines: list[str] = field(default_factory=list)
    """Files in which both changed the same lines, which stand between conflict markers."""
    beside: dict[str, str] = field(default_factory=dict)
    """Files that cannot be merged, by the path beside them where the template's, or the project's, was put."""
    notes: list[str] = field(default_factory=list)
    """What was decided, one sentence each."""


def merge(store: Store, base: Tree, theirs: Tree, ours: Tree, moved: dict[str, str], name: str, root: Path) -> Merged:
    """Merge what the template (``theirs``, called ``name`` in conflicts) and the project (``ours``) made of ``base``.

    ``moved`` is what the template says about its own moves. Attributes of the project in ``root``, such as
    ``merge=union``, hold.
    """
    base, theirs, ours = dict(base), dict(theirs), dict(ours)
    for former, present in declared_moves(base, theirs, moved).items():
        # The project's file moves along, so that the merge finds it at the place where the template has it now.
        base[present] = base.pop(former)
        if former in ours and is_free(present, ours):
            ours[present] = ours.pop(former)
    renamed = renames(store, base, theirs)
    settled = set_aside(base, theirs, ours, renamed) | set_aside(base, ours, theirs, renames(store, base, ours))
    first = commit(store, base)
    branches = {OURS: commit(store, ours, first), name: commit(store, theirs, first)}
    for branch, at in branches.items():
        store.git("update-ref", f"refs/heads/{branch}", at)
    options = [part for setting in OPTIONS.items() for part in ("-c", "=".join(setting))]
    run = git.run(
        *(*options, "merge-tree", "--write-tree", "-z", "--messages", OURS, name),
        folder=root,
        allowed=(0, 1),
        GIT_DIR=str(store.folder),
        GIT_WORK_TREE=str(root),
        GIT_INDEX_FILE=str(store.folder / "index"),
    )
    output = os.fsdecode(run.stdout)
    tree, _, rest = output.partition("\0")
    merged = Merged(store.read(tree) | settled)
    conflicts, _, messages = rest.partition("\0\0") if not rest.startswith("\0") else ("", "", rest[1:])
    stages: dict[str, dict[str, Entry]] = defaultdict(dict)
    for line in conflicts.split("\0") if conflicts else []:
        about, path = line.split("\t", 1)
        mode, blob, stage = about.split(" ")
        stages[path][stage] = Entry(mode, blob)
    told = list(read_messages(messages))
    twice = {paths[2]: paths[1] for kind, paths, _ in told if kind == "CONFLICT (rename/rename)" and len(paths) == 3}
    merged.notes += [text.strip() for kind, _, text in told if kind.startswith("Path updated")]
    origins = {present: former for former, present in renamed.items()}
    for path in sorted(stages):
        if stages[path].keys() == {"1", "3"} and origins.get(path, path) in ours:
            continue  # git took another file that the project has removed for its origin
        settle(store, merged, path, stages[path], name, twice)
    return merged


def set_aside(base: Tree, one: Tree, other: Tree, renamed: dict[str, str]) -> Tree:
    """Take from the trees, and return, the files that ``one`` has renamed and ``other`` left alone.

    There is nothing to merge in them; and git, which does not look at them for that reason, could take another file for
    the origin of one. They stay where the other has added something to a folder that has another name now, for git
    carries that over.
    """
    folders = {str(Path(path).parent) for path in other.keys() - base.keys()}
    found = {}
    for former, present in renamed.items():
        if other.get(former) == base[former] and is_free(present, other) and str(Path(former).parent) not in folders:
            found[present] = one.pop(present)
            del base[former], other[former]
    return found


def is_free(path: str, tree: Tree) -> bool:
    """Return whether a tree has neither a file nor a folder at a path, and no file where that needs a folder."""
    is_taken = path in tree or any(other.startswith(f"{path}/") for other in tree)
    return not is_taken and not any(str(above) in tree for above in Path(path).parents)


def settle(store: Store, merged: Merged, path: str, stages: dict[str, Entry], name: str, twice: dict[str, str]) -> None:
    """Decide about a path at which git found a conflict, or leave the decision to the user."""
    entry = merged.tree.get(path)
    if path in twice and "2" in stages:
        # The project has another file where the template has renamed this one to.
        merged.tree[path] = stages["2"]
        if is_marked(store.content(stages["2"]), name):
            merged.in_lines.append(path)
        merged.notes.append(f"{twice[path]} keeps the name that the project gave it; the template's is {path}.")
    elif entry and entry.mode != "120000" and is_marked(store.content(entry), name):
        if path in twice:
            del merged.tree[path]
        elif resolved := resolve_adjacent(store, entry, stages):
            merged.tree[path] = resolved
        else:
            merged.in_lines.append(path)
    elif path.endswith((f"~{name}", f"~{OURS}")):
        # A file and a folder of the same name: git has put the file aside.
        merged.beside[path] = path.rpartition("~")[0]
    elif path in twice:
        del merged.tree[path]
        merged.notes.append(f"{twice[path]} keeps the name that the project gave it; the template's is {path}.")
    elif "2" in stages and "3" in stages:
        merged.tree[path] = stages["2"]
        merged.tree[f"{path}~{name}"] = stages["3"]
        merged.beside[f"{path}~{name}"] = path
    elif "2" in stages and "1" in stages:
        merged.tree[path] = stages["2"]
        merged.notes.append(f"{path} stays, for the project changed it; the template has removed it.")
    elif "3" in stages and "1" in stages:
        merged.tree.pop(path, None)
        merged.notes.append(f"{path} stays removed from the project; the template has changed it.")


def resolve_adjacent(store: Store, entry: Entry, stages: dict[str, Entry]) -> Entry | None:
    """Return a file whose only conflicts are lines that were added beside changed ones, or None."""
    if stages.keys() != {"1", "2", "3"}:
        return None
    content = adjacent.resolve(*(store.content(stages[stage]) for stage in ("1", "2", "3")))
    if content is None:
        return None
    blob = os.fsdecode(store.git("hash-object", "-w", "--stdin", stdin=content)).strip()
    return Entry(entry.mode, blob)


def is_marked(content: bytes, name: str) -> bool:
    """Say whether a text has a marker of a conflict of this very merge."""
    return (
        re.search(rf"^(<{{7,}} {OURS}|>{{7,}} {re.escape(name)})(:.*)?\r?$".encode(), content, re.MULTILINE) is not None
    )


def read_messages(messages: str) -> list[tuple[str, list[str], str]]:
    """Return the kind, the paths and the text of each message of ``git merge-tree -z``."""
    words = iter(messages.split("\0"))
    found = []
    for count in words:
        if count.isdigit():
            paths = [next(words) for _ in range(int(count))]
            found.append((next(words), paths, next(words)))
    return found


def commit(store: Store, tree: Tree, *parents: str) -> str:
    """Return a commit of some files."""
    options = [part for parent in parents for part in ("-p", parent)]
    made = git.run(
        *("commit-tree", store.write(tree), *options, "-m", "drift"),
        folder=store.folder,
        GIT_DIR=str(store.folder),
        **IDENTITY,
    )
    return os.fsdecode(made.stdout).strip()
