"""Projects whose lines end in another way than their template's: that is no change, and an update leaves it so."""

from collections import Counter
from pathlib import Path

from drift.trees import Entry, Store, Tree


def ending(content: bytes) -> bytes | None:
    """Return what every line of a text ends in, or None when that differs, or is no text."""
    line_feeds, both = content.count(b"\n"), content.count(b"\r\n")
    if b"\0" in content or not line_feeds or both not in (0, line_feeds):
        return None
    return b"\r\n" if both else b"\n"


def with_ending(content: bytes, end: bytes) -> bytes:
    """Return a text with each line ended so."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", end)


def normalised(store: Store, project: Tree, base: Tree, newest: Tree) -> tuple[Tree, dict[str, bytes]]:
    """Return the project with lines that end as the template's, and what they end in where that is something else."""
    tree, endings = dict(project), {}
    for path, entry in project.items():
        made = base.get(path) or newest.get(path)
        if made is None or made.blob == entry.blob or "120000" in (made.mode, entry.mode):
            continue
        content = store.content(entry)
        ours, theirs = ending(content), ending(store.content(made))
        if ours and theirs and ours != theirs:
            tree[path] = Entry(entry.mode, store.add(with_ending(content, theirs)))
            endings[path] = ours
    return tree, endings


def of_new_files(
    store: Store, merged: Tree, project: Tree, made: set[str], endings: dict[str, bytes]
) -> dict[str, bytes]:
    """Return CR LF for each text file that is new to a project whose lines end so in most files of that suffix.

    Where the project has no file of a suffix, all its files decide. Only files that the template has ``made`` count.
    """
    windows = Counter(Path(path).suffix for path, end in endings.items() if end == b"\r\n")
    files = Counter(Path(path).suffix for path in project if path in made)

    def is_windows(suffix: str) -> bool:
        if files[suffix]:
            return 2 * windows[suffix] > files[suffix]
        return 2 * windows.total() > files.total()

    return {
        path: b"\r\n"
        for path, entry in merged.items()
        if windows and path not in project and entry.mode.startswith("100") and is_windows(Path(path).suffix)
        if ending(store.content(entry)) == b"\n"
    }


def restored(store: Store, merged: Tree, endings: dict[str, bytes]) -> Tree:
    """Return the merged files with the line endings that the project has."""
    return {
        path: Entry(entry.mode, store.add(with_ending(store.content(entry), endings[path])))
        if path in endings and entry.mode != "120000"
        else entry
        for path, entry in merged.items()
    }
