"""How well a generated project fits one that is there."""

import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drift import progress, record
from drift.errors import DriftError
from drift.rendering import Answers, Rendered, render
from drift.template import Template
from drift.trees import Entry, Store, Tree


@dataclass(frozen=True)
class Project:
    """A project that has no record, and its files."""

    root: Path
    store: Store
    files: Tree


class Attempts:
    """Projects generated to be compared with one that is there, each of them once."""

    def __init__(self, template: Template, work: Path) -> None:
        """Generate from a template, below the folder ``work``."""
        self.template, self.work = template, work
        self.made: dict[str, Rendered | None] = {}

    def __call__(self, jobs: list[tuple[str, Answers]]) -> list[Rendered | None]:
        """Return the project of each commit and its answers; one that the template refuses to make is None."""
        keys = [json.dumps(job) for job in jobs]
        open_jobs = {key: job for key, job in zip(keys, jobs, strict=True) if key not in self.made}
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.made |= dict(zip(open_jobs, pool.map(self._attempt, open_jobs.values()), strict=True))
        progress.say("")
        return [self.made[key] for key in keys]

    def _attempt(self, job: tuple[str, Answers]) -> Rendered | None:
        progress.say(f"Generating {self.template.version(job[0])} to compare with")
        try:
            return render(self.template, *job, self.work)
        except DriftError:
            return None


def closest(project: Project, candidates: Sequence[Rendered | None]) -> tuple[int, int] | None:
    """Return which candidate is nearest to a project, the first of equals, and the lines that differ; None without any.

    Files of the project that no candidate has are its own, and do not count.
    """
    trees = {index: project.store.snapshot(made.folder) for index, made in enumerate(candidates) if made}
    paths = {path for tree in trees.values() for path in tree} - {record.NAME}
    distances = [(distance(project, tree, paths), index) for index, tree in trees.items()]
    return min(distances)[::-1] if distances else None


def share(project: Project, made: Tree) -> float:
    """Return which share of the files of a generated project, 0 to 1, another has: the same file, or most of its lines.

    Files without lines of text count by their content alone.
    """
    paths = [path for path in made if path != record.NAME and made[path].mode != "120000"]
    alike = sum(is_alike(project, path, made[path]) for path in paths)
    return alike / max(1, len(paths))


def is_alike(project: Project, path: str, made: Entry) -> bool:
    """Return whether a project has a generated file, or one with at least half of its lines at the same path."""
    there = project.files.get(path)
    if there is None or made == there:
        return there is not None
    theirs, ours = (lines(project.store.content(entry)) for entry in (made, there))
    return 2 * (theirs & ours).total() >= theirs.total() > 0


def lines(content: bytes) -> Counter[bytes]:
    """Return the lines of a text that mean something."""
    return Counter() if b"\0" in content else Counter(line.strip() for line in content.splitlines() if line.strip())


def distance(project: Project, made: Tree, paths: set[str]) -> int:
    """Return how many lines differ between what was made and a project at these paths, and how many files."""
    differing = [path for path in paths if made.get(path) != project.files.get(path)]
    trees = [
        project.store.write({path: tree[path] for path in differing if path in tree}) for tree in (made, project.files)
    ]
    said = os.fsdecode(project.store.git("diff-tree", "-r", "--no-renames", "--numstat", *trees))
    changed = re.findall(r"^(\d+|-)\t(\d+|-)\t", said, re.MULTILINE)
    return len(differing) + sum(int(count) for counts in changed for count in counts if count != "-")
