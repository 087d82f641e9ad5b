"""Carry the template's changes over, so that an interruption at any moment can be gone on from, or put back.

All of an update is prepared in a folder beside the project's repository. From the moment that folder has its name, the
project may differ from what it was; until then nothing in it has been touched.
"""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from drift import git, line_endings, project, record
from drift.comparison import Comparison
from drift.errors import DriftError
from drift.merge import Merged, is_marked, merge
from drift.record import Record
from drift.trees import Store, Tree


@dataclass
class State:
    """An update that is under way."""

    before: str
    """The tree of the project's files as they were."""
    after: str
    """The tree that they become, with conflicts in it."""
    record: str
    """The text of the record as it was."""
    new_record: str
    name: str
    """What the template's side of a conflict is called."""
    in_lines: list[str]
    beside: dict[str, str]
    is_applied: bool = False


class Update:
    """The update of a project that is under way, in a folder of its repository."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Read the state of an update; raise DriftError when none is under way."""
        if not folder.exists():
            raise DriftError("No update is in progress. Begin one with: drift update")
        self.root, self.folder, self.store = root, folder, Store(folder)
        self.state = State(**json.loads((folder / "state.json").read_text(encoding="utf-8")))
        self.before, self.after = self.store.read(self.state.before), self.store.read(self.state.after)
        self.paths = sorted(
            path for path in {*self.before, *self.after} if self.before.get(path) != self.after.get(path)
        )

    def apply(self) -> None:
        """Write what the update changes; raise DriftError when a file is neither as it was nor as it becomes."""
        present = project.snapshot(self.root, self.store, *self.paths)
        for path in self.paths:
            if present.get(path) not in (self.before.get(path), self.after.get(path)):
                raise DriftError(
                    f"{path} was changed during the interrupted update. Copy it elsewhere, then: drift update --abort"
                )
        self._write(present, self.after)
        self.state.is_applied = True
        write_state(self.folder, self.state)

    def _write(self, present: Tree, wanted: Tree) -> None:
        """Make the files that the update is about as they are ``wanted``; ``present`` is what is there."""
        target = {path: entry for path, entry in present.items() if path not in self.paths}
        target |= {path: wanted[path] for path in self.paths if path in wanted}
        trees = [self.store.write(present), self.store.write(target)]
        (self.folder / "index.lock").unlink(missing_ok=True)
        # The index must know the files on the disk, so that git sees that none would be overwritten.
        self.store.snapshot(self.root, sorted(present))
        self.store.git("read-tree", "-m", "-u", *trees, work_tree=self.root)

    def conflicts(self) -> list[str]:
        """Return what is still to be decided, a line each."""
        found = [
            f"{path}: both changed the same lines, which stand between conflict markers"
            for path in self.state.in_lines
            if (self.root / path).is_file() and is_marked((self.root / path).read_bytes(), self.state.name)
        ]
        return found + [
            f"{beside}: cannot be merged with {path}; take what you need of it, then remove it"
            for beside, path in self.state.beside.items()
            if os.path.lexists(self.root / beside)
        ]

    def finish(self) -> list[str]:
        """Apply what is not applied yet, and record the new commit; or return the conflicts that are left."""
        if not self.state.is_applied:
            self.apply()
        conflicts = self.conflicts()
        if not conflicts:
            record.write_text(self.root, self.state.new_record)
            discard(self.folder)
        return conflicts

    def abort(self) -> dict[str, str]:
        """Put everything back; return the blob in the project's repository of each file edited since, by its path."""
        (self.folder / "index.lock").unlink(missing_ok=True)
        present = project.snapshot(self.root, self.store, *self.paths)
        edited = [
            path
            for path in self.paths
            if path in present and present[path] not in (self.before.get(path), self.after.get(path))
        ]
        kept = {
            path: git.ask("hash-object", "-w", "--no-filters", "--", path, folder=self.root)
            for path in edited
            if (self.root / path).is_file()
        }
        self._write(present, self.before)
        record.write_text(self.root, self.state.record)
        discard(self.folder)
        return kept


def prepare(comparison: Comparison, new: Record) -> tuple[Update, Merged]:
    """Merge, and write down what an update is going to do; nothing in the project is touched."""
    folder = project.state_folder(comparison.root)
    store, before = comparison.store, comparison.snapshot
    name = f"template-{comparison.newest.commit[:8]}"
    merged = merge(store, comparison.base, comparison.theirs, comparison.ours, comparison.moved, name, comparison.root)
    moved = {change.renamed: comparison.endings.get(change.path) for change in comparison.changes if change.renamed}
    endings = comparison.endings | {path: ending for path, ending in moved.items() if ending}
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
    )
    write_state(store.folder, state)
    with tempfile.TemporaryDirectory(prefix="drift-", dir=folder.parent) as partial:
        shutil.copytree(store.folder, Path(partial) / "state")
        (Path(partial) / "state").rename(folder)
    return Update(comparison.root, folder), merged


def write_state(folder: Path, state: State) -> None:
    """Write the state, so that there is at each moment the former one or the new one."""
    partial = folder / "state.json.partial"
    partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
    os.replace(partial, folder / "state.json")


def discard(folder: Path) -> None:
    """Remove the state of an update, so that it is either whole or gone."""
    with tempfile.TemporaryDirectory(prefix="drift-", dir=folder.parent) as old:
        folder.rename(Path(old) / "state")


@contextlib.contextmanager
def alone(root: Path) -> Iterator[Path]:
    """Be the only one that updates a project; give the folder for the state. Raises DriftError when another does."""
    project.require_repository(root)
    folder = project.state_folder(root)
    with (folder.parent / "drift.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DriftError("Another drift process is updating this project. Wait until it ends.") from None
        for left_behind in folder.parent.glob("drift-*"):
            shutil.rmtree(left_behind)  # by one that was killed
        yield folder


def require_none(folder: Path) -> None:
    """Raise DriftError while an update is under way."""
    if folder.exists():
        raise DriftError(f"An update is in progress. {project.GO_ON}")
