"""How well a generated project fits one that is there."""

import json
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from drift import progress, record
from drift.errors import DriftError
from drift.rendering import Answers, Rendered, render
from drift.template import Template
from drift.trees import Store, Tree


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


def distance(project: Project, made: Tree, paths: set[str]) -> int:
    """Return how many lines differ between what was made and a project at these paths, and how many files."""
    differing = [path for path in paths if made.get(path) != project.files.get(path)]
    trees = [
        project.store.write({path: tree[path] for path in differing if path in tree}) for tree in (made, project.files)
    ]
    said = os.fsdecode(project.store.git("diff-tree", "-r", "--no-renames", "--numstat", *trees))
    changed = re.findall(r"^(\d+|-)\t(\d+|-)\t", said, re.MULTILINE)
    return len(differing) + sum(int(count) for counts in changed for count in counts if count != "-")
