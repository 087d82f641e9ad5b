"""Guess the answers that a project was generated with, from what is in it."""

import re
from collections import Counter
from pathlib import Path

from drift import questions, record
from drift.errors import DriftError
from drift.fit import Attempts, Project, closest
from drift.questions import Context
from drift.rendering import Answers, render
from drift.template import Template

# A line is evidence of a text only with this many other characters in it.
ENOUGH = 3


def answers(attempts: Attempts, commit: str, known: Answers, project: Project) -> Answers:
    """Return ``known`` and a guess for each other question of the template for which there is evidence."""
    context = attempts.template.context(commit)
    found = texts(attempts.template, commit, known, project, attempts.work) | known
    open_choices = [name for name in questions.names(context) if name not in known and choices(context, name)]
    found = {name: choices(context, name)[0] for name in open_choices} | found
    # What one choice brings may depend on another, so a second round looks again.
    for _ in range(2):
        before = dict(found)
        for name in open_choices:
            jobs = [(commit, found | {name: choice}) for choice in choices(context, name)]
            nearest = closest(project, attempts(jobs))
            if nearest:
                found[name] = choices(context, name)[nearest[0]]
        if found == before:
            break
    return found


def choices(context: Context, name: str) -> list[str | bool]:
    """Return what a question offers, or nothing when it is answered freely."""
    question = context[name]
    if isinstance(question, bool):
        return [question, not question]
    return question if isinstance(question, list) else []


def texts(template: Template, commit: str, known: Answers, project: Project, work: Path) -> Answers:
    """Return the texts that stand in the project where the template puts those answers."""
    context = template.context(commit)
    free = [name for name in questions.names(context) if name not in known and isinstance(context[name], str)]
    # Words that filters such as slugify would change, for there the project does not have the answer as it was given.
    # No hook is asked what it thinks of them.
    words = {f"Zq{index}_qz": name for index, name in enumerate(free)}
    try:
        made = render(template, commit, known | {name: word for word, name in words.items()}, work, hooks=False)
    except DriftError:
        return {}
    votes: dict[str, Counter[str]] = {name: Counter() for name in free}
    for path, entry in project.store.snapshot(made.folder).items():
        if path == record.NAME or entry.mode == "120000":
            continue
        there = [path] if path in project.files else count(votes, words, path, list(project.files))
        content = project.store.content(entry)
        if there and any(word.encode() in content for word in words):
            text = project.store.content(project.files[there[0]]).decode("utf-8", errors="replace")
            for line in content.decode("utf-8", errors="replace").splitlines():
                count(votes, words, line.strip(), [other.strip() for other in text.splitlines()])
    # Last, and so of least weight: people rename folders.
    if made.folder.name in words:
        votes[words[made.folder.name]][project.root.name] += 1
    return {name: counted.most_common(1)[0][0] for name, counted in votes.items() if counted}


def count(votes: dict[str, Counter[str]], words: dict[str, str], line: str, others: list[str]) -> list[str]:
    """Count, for each question whose word is in ``line``, what stands there in ``others``; return those that match."""
    parts = re.split(f"({'|'.join(words)})", line) if words else [line]
    if len(parts) == 1 or len("".join(parts[::2]).strip()) < ENOUGH:
        return []
    pattern, seen = "", set()
    for part in parts:
        if part not in words:
            pattern += re.escape(part)
        elif part in seen:
            pattern += f"(?P={part})"
        else:
            pattern += f"(?P<{part}>.+?)"
            seen.add(part)
    matches = [match for other in others if (match := re.fullmatch(pattern, other))]
    for match in matches:
        for word, value in match.groupdict().items():
            votes[words[word]][value] += 1
    return [match[0] for match in matches]
