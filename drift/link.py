"""Adopt a project that has no record: find the commit of the template, and the answers, that fit it best."""

import os
import re
import tempfile
from collections import Counter
from pathlib import Path

from drift import git, guess, progress, project, questions, record
from drift.commands import command
from drift.errors import DriftError
from drift.fit import Attempts, Project, closest, lines, share
from drift.record import Record
from drift.rendering import Answers
from drift.template import Template
from drift.texts import counted, shown
from drift.trees import Store

# How many commits are generated and compared, of those whose files look most alike.
CANDIDATES = 12
# Below this share of common files, a project does not come from the template.
ENOUGH = 0.1


def adopt(root: Path, address: str | None, given: list[str]) -> None:
    """Record where the project in ``root``, or in a folder above that has a record, came from.

    ``given`` are the answers that the user knows, as KEY=VALUE.
    """
    root = next((folder for folder in (root, *root.parents) if (folder / record.NAME).exists()), root)
    former = read_former(root, address)
    template = Template(former.template)
    if template.unreachable:
        raise DriftError(template.unreachable)
    if former.commit and template.has(former.commit):
        raise DriftError(
            f"The project has a record, of {former.commit[:8]}; to find another, remove {root / record.NAME} first."
        )
    with tempfile.TemporaryDirectory(prefix="drift-") as folder:
        work = Path(folder)
        store = Store(work / "store")
        adopted = Project(root, store, project.snapshot(root, store))
        commits = newest_first(template, ranked(template, adopted)[:CANDIDATES])
        asking = newest_that_asks(template, commits, given)
        context = template.context(asking)
        known = {**questions.compare(former.answers, context).kept, **questions.parse(given, context)}
        attempts = Attempts(template, work)
        answers = guess.answers(attempts, asking, known, adopted)
        best, differing, answers = best_of(attempts, commits, answers, adopted)
    version = template.version(best)
    record.write_text(root, record.text_of(Record(template.address, best, version.name, answers)))
    print(f"{version} of {version.date} fits best: {counted(differing, 'line')} of its files differ.")
    for name, answer in answers.items():
        print(f"  {shown(f'{name} = {answer}')}")
    print(f"Recorded in {record.NAME}; correct an answer there if it is wrong, and look at: {command('status')}")


def read_former(root: Path, address: str | None) -> Record:
    """Return what is known of where the project came from; raise DriftError when not even the template is."""
    if (root / record.NAME).exists():
        former = record.read(root)
        return Record(address or former.template, former.commit, former.version, former.answers)
    if address is None:
        raise DriftError(f"The address of the template is missing. Run: {command('link --template ADDRESS')}")
    return Record(address, None, None, {})


def ranked(template: Template, adopted: Project) -> list[str]:
    """Return the commits of a template, those first that share most lines with a project, and of those the newest.

    Of commits from which the same is generated, the newest stands for all. Files that the project does not have say
    nothing: they may belong to answers that it was not given, and a template grows.
    """
    ours: Counter[bytes] = Counter()
    for entry in adopted.files.values():
        ours.update(lines(adopted.store.content(entry)))
    commits = git.ask("rev-list", "--all", "HEAD", folder=template.repository).split()
    known: dict[str, Counter[bytes]] = {}
    scores: dict[str, float] = {}
    seen: set[tuple[tuple[str, str], ...]] = set()
    for number, commit in enumerate(commits, start=1):
        progress.say(f"Reading the template's commits: {number} of {len(commits)}")
        blobs = blobs_of(template, commit)
        if "cookiecutter.json" not in blobs or tuple(blobs.items()) in seen:
            continue
        seen.add(tuple(blobs.items()))
        theirs: Counter[bytes] = Counter()
        for path, blob in blobs.items():
            if "/" in path and not path.startswith("hooks/") and may_be_in(path.partition("/")[2], adopted):
                if blob not in known:
                    known[blob] = lines(git.run("cat-file", "blob", blob, folder=template.repository).stdout)
                theirs.update(known[blob])
        scores[commit] = 2 * (ours & theirs).total() / max(1, ours.total() + theirs.total())
    progress.say("")
    if not scores:
        raise DriftError(f"{template.address} has no commit with a cookiecutter.json; name a template.")
    return sorted(scores, key=lambda commit: -scores[commit])


def blobs_of(template: Template, commit: str) -> dict[str, str]:
    """Return the blobs of a commit that have to do with what is generated, by their paths."""
    found = {}
    for line in os.fsdecode(git.run("ls-tree", "-r", "-z", commit, folder=template.repository).stdout).split("\0")[:-1]:
        about, path = line.split("\t", 1)
        top, is_below, _ = path.partition("/")
        if "cookiecutter" in top or top == "hooks" or (not is_below and path.endswith(".py")):
            found[path] = about.split(" ")[2]
    return found


def may_be_in(path: str, adopted: Project) -> bool:
    """Say whether a project may have a file of the template: one whose name is rendered is looked for nowhere."""
    return path in adopted.files or re.search(r"[{<]{2}", path) is not None


def newest_first(template: Template, commits: list[str]) -> list[str]:
    """Return commits in the order of the history."""
    return git.ask("rev-list", "--no-walk=sorted", "--topo-order", *commits, folder=template.repository).split()


def newest_that_asks(template: Template, commits: list[str], given: list[str]) -> str:
    """Return the first of ``commits`` that asks all that is given, or the first of all where none does.

    The newest asks the most, and for an answer that is not guessed its default would be taken; but what the user knows
    may be a question that only former ones had.
    """
    wanted = {assignment.partition("=")[0] for assignment in given}
    return next((commit for commit in commits if wanted <= set(questions.names(template.context(commit)))), commits[0])


def best_of(attempts: Attempts, commits: list[str], answers: Answers, adopted: Project) -> tuple[str, int, Answers]:
    """Return the commit whose project is nearest, the number of lines that differ, and all its answers."""
    jobs = [(commit, questions.compare(answers, attempts.template.context(commit)).kept) for commit in commits]
    rendered = attempts(jobs)
    nearest = closest(adopted, rendered)
    if nearest is None:
        raise DriftError("No commit of the template generates a project with these answers. Add answers as KEY=VALUE.")
    index, differing = nearest
    common = share(adopted, adopted.store.snapshot(rendered[index].folder))
    if common < ENOUGH:
        raise DriftError(
            f"The project does not come from {attempts.template.address}: it has {common:.0%} of the files of "
            f"{commits[index][:8]}, the commit that fits best. Name its own template with --template."
        )
    return commits[index], differing, rendered[index].answers
