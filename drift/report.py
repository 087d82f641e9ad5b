"""A comparison as text for a terminal, and as JSON."""

import shutil
import sys
from typing import Any

from drift.changes import KINDS, Change
from drift.commands import command
from drift.comparison import Comparison
from drift.texts import counted, shown


def line_of(change: Change) -> str:
    """Return a change as a line: what was done, and to which file."""
    if change.kind == "both":
        return f"{change.template}{change.project} {names(change)}"
    return f"{change.template or change.project}  {names(change)}"


def names(change: Change) -> str:
    """Return the path of a change, with its former and its other name."""
    was = f"{change.origin} → {change.path}" if change.origin not in ("", change.path) else change.path
    return (
        f"{was} (the template: → {change.renamed})"
        if change.renamed and change.project
        else (f"{was} → {change.renamed}" if change.renamed else was)
    )


def status(comparison: Comparison) -> str:
    """Return the report; on a terminal, as much of it as one screen holds."""
    recorded, newest = comparison.recorded, comparison.newest
    lines = [f"{comparison.root.name} and its template {comparison.template.address}", ""]
    lines.append(f"  recorded  {recorded}, {recorded.date}")
    if recorded != newest:
        commits = recorded.commit, newest.commit
        away = comparison.template.count_between(*commits)
        distance = f"{counted(away, 'commit')} later"
        if not away:
            distance = f"{counted(comparison.template.count_between(*reversed(commits)), 'commit')} earlier"
        lines.append(f"  newest    {newest}, {newest.date}, {distance}")
    else:
        lines[-1] += ", the newest"
    lines += ["", *map(shown, comparison.notes)] if comparison.notes else []
    groups = {KINDS[kind]: [line_of(change) for change in comparison.changes if change.kind == kind] for kind in KINDS}
    groups |= questions_of(comparison)
    groups["Upgrade notes"] = [
        f"{note.version}: {line}" for note in comparison.upgrade_notes for line in note.text.splitlines()
    ]
    groups = {title: found for title, found in groups.items() if found}
    room = room_for(len(lines), len(groups))
    for title, found in groups.items():
        lines += ["", f"{title}: {len(found)}"] if room else [f"{title}: {len(found)}"]
        cut = found if len(found) <= room else found[: max(0, room - 1)]
        lines += [f"  {shown(line)}" for line in cut]
        if room and len(cut) < len(found):
            lines.append(f"  … and {len(found) - len(cut)} more, which --json and --html show")
    if not groups:
        lines += ["", "Nothing to report: the project has no drift."]
    else:
        brings = f" {command('update')} brings what the template changed." if recorded != newest else ""
        lines += ["", f"{command('diff')} shows the lines.{brings}"]
    return "\n".join(lines)


def room_for(lines: int, groups: int) -> int:
    """Return how many lines each group may have below its title, so that all fit a terminal; elsewhere all it has."""
    if not sys.stdout.isatty() or not groups:
        return sys.maxsize
    left = shutil.get_terminal_size().lines - lines - 3
    return max(0, left // groups - 2)


def questions_of(comparison: Comparison) -> dict[str, list[str]]:
    """Return what became of questions, a line each, by a title; only the titles that have some."""
    asked, context = comparison.questions, comparison.template.context(comparison.newest.commit)
    offered = {name: context[name] for name in asked.gone if isinstance(context[name], list)}
    groups = {
        "Questions that are new, with the template's answer": [
            f"{name} = {comparison.answers.get(name)}" for name in asked.new if name not in asked.renamed
        ],
        "Questions that are not asked any more": asked.removed,
        "Questions that have another name": [f"{former} → {name}" for name, former in asked.renamed.items()],
        "Answers that are not offered any more": [
            f"{name} = {answer}" + (f" (now: {', '.join(map(str, offered[name]))})" if name in offered else "")
            for name, answer in asked.gone.items()
        ],
    }
    return {title: found for title, found in groups.items() if found}


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return all of a comparison; the keys stay what they are."""
    asked = comparison.questions
    upgrade_notes = [vars(note) for note in comparison.upgrade_notes]
    return {
        "template": comparison.template.address,
        "recorded": vars(comparison.recorded),
        "newest": vars(comparison.newest),
        "notes": comparison.notes,
        "drifted": comparison.has_drifted,
        "changes": [vars(change) for change in comparison.changes],
        "expected": [vars(change) for change in comparison.expected],
        "questions": {
            "new": {name: comparison.answers.get(name) for name in asked.new},
            "removed": asked.removed,
            "renamed": {former: name for name, former in asked.renamed.items()},
            "gone": asked.gone,
        },
        "upgrade_notes": upgrade_notes,
        # The key up to version 0.2.0 of Slipway, which programs may still read.
        "by_hand": upgrade_notes,
    }
