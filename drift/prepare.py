"""Prepare an update: merge, and write down what it is going to change."""

import shutil
import tempfile
from pathlib import Path

from drift import git, line_endings, project, record
from drift.comparison import Comparison
from drift.merge import Merged, merge
from drift.record import Record
from drift.update import State, Update, write_state


def prepare(comparison: Comparison, new: Record) -> tuple[Update, Merged]:
    """Merge, and write down what an update is going to do; nothing in the project is touched."""
    folder = project.state_folder(comparison.root)
    store, before = comparison.store, comparison.snapshot
    name = f"template-{comparison.newest.commit[:8]}"
    merged = merge(store, comparison.base, comparison.theirs, comparison.ours, comparison.moved, name, comparison.root)
    moved = {change.renamed: comparison.endings.get(change.path) for change in comparison.changes if change.renamed}
    endings = comparison.endings | {path: ending for path, ending in moved.items() if ending}
    made = {*comparison.base, *comparison.theirs}
    endings |= line_endings.of_new_files(store, merged.tree, comparison.ours, made, comparison.endings)
    # What was left out of the comparison stays as it is.
    after = {path: entry for path, entry in before.items() if path not in comparison.ours}
    after |= line_endings.restored(store, merged.tree, endings)
    state = State(
        before=store.write(before),
        after=store.write(after),
        record=(comparison.root / record.NAME).read_text(encoding="utf-8"),
        new_record=record.text_of(new),
        name=name,
        in_lines=merged.in_lines,
        beside=merged.beside,
        head=git.head(comparison.root),
    )
    write_state(store.folder, state)
    with tempfile.TemporaryDirectory(prefix="drift-", dir=folder.parent) as partial:
        shutil.copytree(store.folder, Path(partial) / "state")
        (Path(partial) / "state").rename(folder)
    return Update(comparison.root, folder), merged
