"""An update in progress: apply it, record it, or undo it, also after an interruption at any moment.

All of an update is prepared in a folder beside the project's repository. From the moment that folder has its name, the
project may differ from what it was; until then nothing in it has been touched.
"""

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from drift import git, project, record
from drift.commands import command
from drift.errors import DriftError
from drift.merge import is_marked
from drift.texts import listed
from drift.trees import Store, Tree

# What to do while an update is in progress.
GO_ON = f"Continue with: {command('update --continue')}. Undo it with: {command('update --abort')}"
AGAIN = (
    "git reset or git stash has removed the update. If you stashed it, bring it back with: git stash pop. "
    f"Otherwise start again with: {command('update --abort')}, then {command('update')}"
)


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
    head: str = ""
    """The commit of the project at which the update began."""


class Update:
    """The update of a project that is under way, in a folder of its repository."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Read the state of an update; raise DriftError when none is under way."""
        if not folder.exists():
            raise DriftError(f"No update is in progress. Begin one with: {command('update')}")
        self.root, self.folder, self.store = root, folder, Store(folder)
        try:
            self.state = State(**json.loads((folder / "state.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DriftError(
                f"The update in progress cannot be read: {folder / 'state.json'}: {error}. Discard it, which leaves "
                f"the project's files as they are: rm -r {shlex.quote(str(folder))}"
            ) from None
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
                    f"{path} was changed during the interrupted update. "
                    f"Copy it elsewhere, then: {command('update --abort')}"
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

    def reverted(self) -> tuple[list[str], bool]:
        """Return the files that are as before an applied update, and whether it is gone from the project as a whole.

        A conflict decided for the project's side is no reverted file, unless everything that git tracked is as before:
        ``git reset --hard`` and ``git stash`` leave that behind, beside the new files, which they do not touch.
        """
        if not self.state.is_applied:
            return [], False
        with tempfile.TemporaryDirectory(prefix="drift-") as folder:
            # Not the store of the update, which another process may be using.
            present = project.snapshot(self.root, Store(Path(folder) / "store"), *self.paths)
        paths = self.paths if self.store.has_modes() else [path for path in self.paths if self._changes_content(path)]
        found = [path for path in paths if present.get(path) == self.before.get(path)]
        tracked = self.before.keys() & set(paths)
        is_gone = bool(found) and tracked <= set(found)
        decided = set(self.state.beside) if is_gone else {*self.state.in_lines, *self.state.beside}
        found = [path for path in found if path not in decided]
        return found, is_gone and bool(found)

    def _changes_content(self, path: str) -> bool:
        before, after = self.before.get(path), self.after.get(path)
        return before is None or after is None or before.blob != after.blob

    def hint(self) -> str:
        """Return how to go on from the update, or how to start again where it is no longer in the project."""
        return AGAIN if self.reverted()[1] else GO_ON

    def require_applied(self, declined: list[str]) -> None:
        """Raise DriftError while files are as before the update, other than the ``declined`` files and folders."""
        found, is_gone = self.reverted()
        missing = [path for path in found if not any(is_at_or_below(path, folder) for folder in declined)]
        if missing:
            files = f"These files are as before it: {listed(missing)}."
            with_path = command("update --continue --decline PATH")
            decline = f"To record it without their changes, name each file or folder: {with_path}"
            if is_gone:
                raise DriftError(f"The update is not in the project. {files} {AGAIN}. {decline}")
            raise DriftError(
                f"The update is only partly in the project. {files} Undo it: {command('update --abort')}. {decline}"
            )

    def finish(self, declined: list[str]) -> list[str]:
        """Apply what is not applied yet, and record the new commit; or return the conflicts that are left.

        Raises DriftError when changes of the template are missing from files other than those ``declined``.
        """
        if self.state.is_applied:
            conflicts = self.conflicts()
            # A file beside a binary one, which git does not track, may be all that is left of the update.
            if not conflicts or self.reverted()[1]:
                self.require_applied(declined)
        else:
            self.apply()
            conflicts = self.conflicts()
        if not conflicts:
            record.write_text(self.root, self.state.new_record)
            discard(self.folder)
        return conflicts

    def abort(self) -> dict[str, str]:
        """Put everything back; return the blob in the project's repository of each file edited since, by its path.

        Raises DriftError when commits since the update began have changed its files.
        """
        self._require_no_commits()
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

    def _require_no_commits(self) -> None:
        """Raise DriftError when the files of the update differ between its first commit and the present one."""
        if not self.state.head:
            return  # begun by an earlier version of drift
        options = ("--name-only", "--no-renames", "--relative", "-z", self.state.head, "HEAD", "--", ".")
        differing = os.fsdecode(git.run("diff", *options, folder=self.root).stdout).split("\0")[:-1]
        committed = [path for path in differing if path in self.paths]
        if not committed:
            return
        if git.succeeds("merge-base", "--is-ancestor", self.state.head, "HEAD", folder=self.root):
            hint = f"Take the commits back, which keeps your files: git reset {self.state.head[:12]}"
        else:
            hint = f"Switch to the branch where it began, at commit {self.state.head[:12]}"
        raise DriftError(
            f"Commits since the update began have changed its files: {listed(committed)}. "
            f"{hint}. Then: {command('update --abort')}"
        )


def is_at_or_below(path: str, folder: str) -> bool:
    """Return whether a path is a file or folder, or in that folder."""
    return folder == "." or path == folder or path.startswith(f"{folder}/")


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


def in_progress(root: Path, folder: Path) -> str | None:
    """Return that an update is in progress, and how to go on; None when there is none."""
    return f"An update is in progress. {Update(root, folder).hint()}" if folder.exists() else None


def require_none(root: Path, folder: Path) -> None:
    """Raise DriftError while an update is in progress."""
    if found := in_progress(root, folder):
        raise DriftError(found)
