"""The three trees of a comparison: what the template made, what it makes now, and the project."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from drift import line_endings, project, questions, record, update, upgrade_notes
from drift.changes import Change, classify
from drift.commands import command
from drift.errors import DriftError
from drift.generated import Generated, generate_all
from drift.questions import Questions
from drift.record import Record
from drift.rendering import Answers
from drift.template import Template, Version
from drift.texts import counted, shown
from drift.trees import Store, Tree


@dataclass
class Comparison:
    """A project beside its template."""

    root: Path
    record: Record
    template: Template
    ref: str | None
    """What named the version to compare with, or None for the template's newest."""
    recorded: Version
    newest: Version
    questions: Questions
    answers: Answers
    """The answers that the newest version was generated with."""
    store: Store
    base: Tree
    theirs: Tree
    ours: Tree
    snapshot: Tree
    """The project as it is on the disk; in ``ours``, what is the project's own business is left out."""
    endings: dict[str, bytes]
    """What the project's lines end in, for each file where the template's end in something else."""
    changes: list[Change]
    expected: list[Change]
    """Changes that the project's .driftallow or the template declares the project's own."""
    nested: dict[str, list[str]]
    """The files of the template that are left out, by the folder that is a repository of its own in the project."""
    moved: dict[str, str]
    """The files and folders that the template says it has moved, by their former path."""

    @cached_property
    def upgrade_notes(self) -> list[upgrade_notes.UpgradeNote]:
        """The upgrade notes of the versions that an update brings."""
        former, changelog = (
            self.template.read(version.commit, "CHANGELOG.md") or "" for version in (self.recorded, self.newest)
        )
        return upgrade_notes.between(changelog, self.recorded.name, self.newest.name, former)

    @cached_property
    def notes(self) -> list[str]:
        """What else has to be known of the two versions."""
        found = [self.template.unreachable] if self.template.unreachable else []
        if project.has_repository(self.root):
            under_way = update.in_progress(self.root, project.state_folder(self.root))
            found += [under_way] if under_way else []
        if (self.root / project.FORMERLY_ALLOWED).exists():
            names = f"{project.FORMERLY_ALLOWED} {project.ALLOWED}"
            found.append(f"The name {project.FORMERLY_ALLOWED} is deprecated. Rename the file: git mv {names}")
        found += self.nested_notes
        if self.record.uncommitted:
            found.append(
                "The project was generated from a template with uncommitted changes. They count as the project's own."
            )
        commits = self.recorded.commit, self.newest.commit
        if self.is_older:
            found.append(self.older)
        elif not any(self.template.contains(*pair) for pair in (commits, commits[::-1])):
            found.append(
                "The recorded commit is not in the history of the newest: it was rewritten, or is another branch."
            )
        return found

    @property
    def nested_notes(self) -> list[str]:
        """What to do about repositories within the project where the template has files."""
        found = []
        for folder, paths in self.nested.items():
            files = f"{counted(len(paths), 'file')}, such as {shown(paths[0])}"
            found.append(
                f"{folder} is a repository of its own, such as a submodule, where the template has {files}. drift does "
                f"not look into it. To update the rest, add this line to {project.IGNORED} and commit it: /{folder}"
            )
        return found

    @cached_property
    def is_older(self) -> bool:
        """Whether the template itself is at an older commit than the project, and no version was named."""
        commits = self.newest.commit, self.recorded.commit
        return self.ref is None and commits[0] != commits[1] and self.template.contains(*commits)

    @property
    def older(self) -> str:
        """What to do about a template that is older than the project."""
        return (
            f"The template {self.template.address} is at {self.newest}, which is older than {self.recorded} that this "
            f"project records. {self.template.advance()}"
        )

    @property
    def has_drifted(self) -> bool:
        """Whether there is anything to tell."""
        asked = self.questions
        return any((self.changes, asked.new, asked.removed, asked.renamed, asked.gone, self.upgrade_notes))


def open_record(root: Path, address: str | None) -> tuple[Record, Template]:
    """Return the record of a project and its template, which is at ``address`` if that is given."""
    found = record.read(root)
    if found.commit is None:
        raise DriftError(
            f"{record.NAME} records no commit: the template was not a git repository then. "
            f"To find the commit that fits best, run: {command('link --template ADDRESS')}"
        )
    template = Template(address or found.template)
    template.require(found.commit)
    return found, template


@contextmanager
def compare(
    root: Path, address: str | None = None, ref: str | None = None, given: list[str] | None = None
) -> Iterator[Comparison]:
    """Compare the project in ``root`` with its template as it is at ``ref``, or at its newest.

    ``given`` are answers that are to be changed, as KEY=VALUE; with it, even empty, all questions are settled: new ones
    are asked, if somebody is there, and an answer that is not offered any more raises DriftError otherwise. Without,
    both have the template's default.
    """
    found, template = open_record(root, address)
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        work = Path(folder)
        newest = template.resolve(ref or "HEAD")
        context = template.context(newest)
        asked = questions.compare(found.answers, context)
        changed = questions.parse(given or [], context)
        answers = asked.kept | changed
        store = Store(work / "store")
        before, after = generate_all(template, [(found.commit, found.answers), (newest, answers)], store, work)
        if given is not None:
            open_questions = [name for name in (*asked.new, *asked.gone) if name not in changed]
            settled = settle(asked, context, open_questions, after.answers)
            if any(after.answers.get(name) != answer for name, answer in settled.items()):
                [after] = generate_all(template, [(newest, answers | settled)], store, work)
        after = replace(after, answers=questions.in_order(after.answers, found.answers, asked.renamed))
        yield build(root, found, template, ref, newest, asked, before, after, store)


def settle(asked: Questions, context: questions.Context, names: list[str], defaults: Answers) -> Answers:
    """Return the answers to questions that are open; raise DriftError when only the user could give one."""
    if sys.stdin is not None and sys.stdin.isatty():
        return questions.ask(context, names, defaults)
    for name in names:
        if name in asked.gone:
            right = questions.problem_of(context, name, asked.gone[name])
            raise DriftError(
                f"{name} was {asked.gone[name]!r}, which the template no longer offers. Add {name}=VALUE, {right}."
            )
    return {}


def build(
    root: Path,
    found: Record,
    template: Template,
    ref: str | None,
    newest: str,
    asked: Questions,
    before: Generated,
    after: Generated,
    store: Store,
) -> Comparison:
    """Return the comparison of a project with two generated ones."""
    base, theirs = dict(before.tree), dict(after.tree)
    for tree in (base, theirs):
        for name in project.OF_DRIFT:
            tree.pop(name, None)
    snapshot = project.snapshot(root, store, *base, *theirs)
    ours, endings = line_endings.normalised(store, snapshot, base, theirs)
    paths = sorted({*base, *theirs, *ours})
    for path in store.matching(project.ignored(root), paths):
        for tree in (base, theirs, ours):
            tree.pop(path, None)
    nested = project.nested_repositories(root, snapshot, {*base, *theirs})
    for path in (path for found_paths in nested.values() for path in found_paths):
        for tree in (base, theirs):
            tree.pop(path, None)
    own = questions.settings(template.context(newest))
    project_owned = store.matching(own.get("project_owned", []), paths)
    shared = store.matching(own.get("shared", []), paths)
    project_paths = store.matching(own.get("project_paths", []), paths)
    allowed = store.matching(project.allowed(root), paths)
    moved = own.get("moved", {})
    changes, expected = [], []
    for change in classify(store, base, theirs, ours, moved):
        if change.project and (change.origin or change.path) in project_owned:
            # Once the project has made it its own, the template's changes do not reach it.
            for tree in (base, theirs, ours):
                for path in (change.origin, change.path, change.renamed):
                    tree.pop(path, None)
            expected.append(change)
        elif (
            (change.kind == "project" and change.path in shared)
            or (change.kind == "extra" and change.path in project_paths)
            or (change.kind in ("project", "missing", "extra") and change.path in allowed)
        ):
            expected.append(change)
        else:
            changes.append(change)
    return Comparison(
        root,
        found,
        template,
        ref,
        template.version(found.commit or ""),
        template.version(newest),
        asked,
        after.answers,
        store,
        base,
        theirs,
        ours,
        snapshot,
        endings,
        changes,
        expected,
        nested,
        moved,
    )
