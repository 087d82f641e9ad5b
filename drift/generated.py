"""The files that commits of the template generate. The user's cache keeps them.

A commit generates the same files from the same answers if its ``_drift`` says that it knows drift: see "Generation is
pure" in CONTRIBUTING.md. The projects of other templates are generated each time.
"""

import contextlib
import hashlib
import json
import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from drift import caches, git, progress
from drift.errors import DriftError
from drift.rendering import Answers, render
from drift.template import Template
from drift.trees import Entry, Store, Tree

Job = tuple[str, Answers]
# A file of the cache has half a megabyte.
KEPT = 20
ANSWERS, FILES = "answers.json", "files/"


@dataclass(frozen=True)
class Generated:
    """The files of a generated project, which are in a store, and every answer that it was generated with."""

    tree: Tree
    answers: Answers


def generate_all(template: Template, jobs: list[Job], store: Store, work: Path) -> list[Generated]:
    """Return what each job, a commit and answers to it, generates. Generate side by side what the cache lacks."""
    cache = Cache(store, work)
    different = [job for index, job in enumerate(jobs) if job not in jobs[:index]]
    found = {index: cache.load(*job) for index, job in enumerate(different) if "_drift" in template.context(job[0])}
    missing = [index for index in range(len(different)) if found.get(index) is None]
    if missing:
        progress.say("Generating the project from the template")
        with ThreadPoolExecutor() as pool:
            made = list(pool.map(lambda index: render(template, *different[index], work), missing))
        progress.say("")
        for index, project in zip(missing, made, strict=True):
            generated = Generated(store.snapshot(project.folder), project.answers)
            if index in found:
                cache.save(*different[index], generated)
            found[index] = generated
    return [generated for job in jobs if (generated := found[different.index(job)])]


class Cache:
    """Generated projects, each a file: the name of a tree of git's, and a pack, whose checksum git verifies."""

    def __init__(self, store: Store, work: Path) -> None:
        """Use a store for the objects of git; ``work`` is a folder outside of repositories."""
        self.store = store
        self.folder = caches.folder() / "generated"
        # The checkout of the template depends on the user's settings of git, such as core.autocrlf.
        settings = os.fsdecode(git.run("config", "--list", "--null", folder=work, allowed=(0, 1)).stdout)
        self.programs = [sys.version, version("cookiecutter"), version("jinja2"), settings]

    def path(self, commit: str, answers: Answers) -> Path:
        """Return the file of a commit with answers."""
        everything = json.dumps([commit, list(answers.items()), *self.programs])
        return self.folder / hashlib.sha256(everything.encode()).hexdigest()

    def load(self, commit: str, answers: Answers) -> Generated | None:
        """Return what a commit generates, or None if there is no file, or no valid one."""
        path = self.path(commit, answers)
        try:
            name, _, pack = path.read_bytes().partition(b"\n")
            os.utime(path)
        except OSError:
            return None  # saving it says why, if that fails too
        try:
            if not re.fullmatch(rb"[0-9a-f]{40,64}", name):
                return None
            self.store.git("index-pack", "--stdin", stdin=pack)
            tree = self.store.read(name.decode("ascii"))
            found = json.loads(self.store.content(tree[ANSWERS]))
        except (DriftError, KeyError, ValueError):
            return None  # another file takes its place
        return Generated({name[len(FILES) :]: entry for name, entry in tree.items() if name != ANSWERS}, found)

    def save(self, commit: str, answers: Answers, generated: Generated) -> None:
        """Save what a commit generates; print a warning if that is impossible."""
        content = Entry("100644", self.store.add(json.dumps(generated.answers).encode()))
        files = {FILES + name: entry for name, entry in generated.tree.items()}
        name = self.store.write({ANSWERS: content} | files)
        pack = self.store.git("pack-objects", "--revs", "--stdout", "-q", "--window=0", stdin=f"{name}\n".encode())
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder.parent) as folder:
                partial = Path(folder) / "partial"
                partial.write_bytes(name.encode() + b"\n" + pack)
                partial.replace(self.path(commit, answers))
            self.prune()
        except OSError as error:
            print(f"Warning: the cache {self.folder} cannot be written: {error.strerror}.", file=sys.stderr)

    def prune(self) -> None:
        """Remove all but the files that were used last."""
        used: dict[Path, float] = {}
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process has removed it
                used[path] = path.stat().st_mtime
        for path in sorted(used, key=lambda path: -used[path])[KEPT:]:
            path.unlink(missing_ok=True)
