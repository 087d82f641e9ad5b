"""The files of projects as git's trees, kept in a repository of their own."""

import os
from dataclasses import dataclass
from pathlib import Path

from drift import git

# Which file is where: its path from the root of the project, with what git knows of it.
Tree = dict[str, "Entry"]


@dataclass(frozen=True)
class Entry:
    """A file of a tree: its mode (100644, 100755 for a program, 120000 for a link) and the blob with its content."""

    mode: str
    blob: str


class Store:
    """A bare repository for trees, which leaves the project's own repository as it is."""

    def __init__(self, folder: Path) -> None:
        """Use the repository in ``folder``, or make it."""
        self.folder = folder
        if not (folder / "HEAD").exists():
            git.run("init", "--quiet", "--bare", "--template=", folder, folder=folder.parent)

    def git(self, *arguments: str | Path, work_tree: Path | None = None, stdin: bytes | None = None) -> bytes:
        """Run git in this repository, on the files in ``work_tree`` when it needs some."""
        variables = {"GIT_DIR": str(self.folder), "GIT_INDEX_FILE": str(self.folder / "index")}
        if work_tree is not None:
            variables["GIT_WORK_TREE"] = str(work_tree)
        return git.run(*arguments, folder=work_tree or self.folder, stdin=stdin, **variables).stdout

    def use_settings_of(self, project: Path) -> None:
        """Treat line endings, links and modes as the repository of a project does."""
        for name in ("core.autocrlf", "core.eol", "core.filemode", "core.symlinks"):
            found = git.run("config", "--get", name, folder=project, allowed=(0, 1))
            if found.returncode == 0:
                self.git("config", name, os.fsdecode(found.stdout).strip())

    def copy(self, project: Path, blobs: set[str]) -> None:
        """Copy blobs from the repository of a project."""
        if blobs:
            pack = git.run(
                "pack-objects", "--quiet", "--stdout", folder=project, stdin="\n".join(blobs).encode() + b"\n"
            )
            self.git("unpack-objects", "-q", stdin=pack.stdout)

    def has_modes(self) -> bool:
        """Return whether the modes of files on the disk say which are programs."""
        found = git.run("config", "--type=bool", "--get", "core.filemode", folder=self.folder, allowed=(0, 1))
        return found.stdout.strip() != b"false"

    def snapshot(self, folder: Path, paths: list[str] | None = None) -> Tree:
        """Return the tree of what is in ``folder``, or of those ``paths`` that are there; the index then holds it."""
        self._empty_index()
        if paths is None:
            self.git("-c", "core.excludesFile=", "add", "--all", "--force", ".", work_tree=folder)
        else:
            there = [path for path in paths if os.path.lexists(folder / path) and not is_elsewhere(folder, path)]
            names = b"".join(os.fsencode(path) + b"\0" for path in there if not is_folder(folder / path))
            self.git("update-index", "--add", "-z", "--stdin", work_tree=folder, stdin=names)
        return self.read(os.fsdecode(self.git("write-tree")).strip())

    def _empty_index(self) -> None:
        self.git("read-tree", "--empty")

    def read(self, tree: str) -> Tree:
        """Return the files of a tree object."""
        found: Tree = {}
        for line in os.fsdecode(self.git("ls-tree", "-r", "-z", "--full-tree", tree)).split("\0")[:-1]:
            about, path = line.split("\t", 1)
            mode, _, blob = about.split(" ")
            found[path] = Entry(mode, blob)
        return found

    def write(self, tree: Tree) -> str:
        """Return the tree object of some files; the index then holds it."""
        self._empty_index()
        lines = "".join(f"{entry.mode} {entry.blob}\t{path}\0" for path, entry in tree.items())
        self.git("update-index", "-z", "--index-info", stdin=os.fsencode(lines))
        return os.fsdecode(self.git("write-tree")).strip()

    def content(self, entry: Entry) -> bytes:
        """Return the bytes of a file."""
        return b"" if entry.mode == "160000" else self.git("cat-file", "blob", entry.blob)

    def add(self, content: bytes) -> str:
        """Return a new blob."""
        return os.fsdecode(self.git("hash-object", "-w", "--stdin", stdin=content)).strip()

    def matching(self, patterns: list[str], paths: list[str]) -> set[str]:
        """Return those of ``paths`` that patterns as in a .gitignore name."""
        if not patterns or not paths:
            return set()
        (self.folder / "info").mkdir(exist_ok=True)
        text = "\n".join(patterns) + "\n"
        (self.folder / "info/exclude").write_text(text, encoding="utf-8", errors="surrogateescape")
        run = git.run(
            *("-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"),
            folder=self.folder,
            stdin=os.fsencode("\0".join(paths)),
            allowed=(0, 1),
            GIT_DIR=str(self.folder),
            GIT_WORK_TREE=str(self.folder),
        )
        (self.folder / "info/exclude").unlink()
        return set(os.fsdecode(run.stdout).split("\0")[:-1])


def is_folder(path: Path) -> bool:
    """Say whether a path is a folder, and neither a link to one nor a repository of its own, which git keeps as one."""
    return path.is_dir() and not path.is_symlink() and not (path / ".git").exists()


def is_elsewhere(folder: Path, path: str) -> bool:
    """Return whether a path from ``folder`` leads through a link or into a repository of its own."""
    above = [folder / parent for parent in Path(path).parents][:-1]
    return any(parent.is_symlink() or (parent / ".git").exists() for parent in above)
