"""A comparison as a page: one file that needs nothing else."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from drift.changes import KINDS, Change
from drift.commands import command
from drift.comparison import Comparison
from drift.errors import DriftError
from drift.report import names, questions_of
from drift.texts import counted, shown
from drift.trees import Entry, Store

DONE = {"A": "added", "M": "changed", "D": "removed", "R": "renamed"}
MODES = {
    "100644": "an ordinary file",
    "100755": "an executable file",
    "120000": "a symbolic link",
    "160000": "a git submodule",
}
ROW_LIMIT = 2000
# What changed within longer lines is not looked for, which could take seconds for each, and still longer ones are cut.
WIDEST_COMPARED = 200
WIDEST = 1000
HUNK = re.compile(r"@@ -(\d+)\S* \+(\d+)")


class Row(NamedTuple):
    """A row of a table: a numbered line before and after, or how many that are the same are skipped."""

    left: tuple[int, str] | None = None
    right: tuple[int, str] | None = None
    skipped: int = 0


@dataclass
class Table:
    """What became of a file, side by side, or in the one column where there is nothing on the other side."""

    title: str
    columns: dict[str, str]
    notes: list[str]
    rows: list[Row]
    left_out: int


@dataclass
class File:
    """A file that differs; its number is what links use, for its name may hold anything."""

    number: int
    change: Change
    tables: list[Table] = field(default_factory=list)
    size: str = ""


def write(path: Path, comparison: Comparison) -> None:
    """Write the page, so that there is at each moment the former one or the new one."""
    target = Path(os.path.realpath(path))
    if not os.path.isdir(target.parent):
        raise DriftError(f"{path} cannot be written: there is no folder {target.parent}. Create it, or name another.")
    if os.path.exists(target) and not os.path.isfile(target):
        raise DriftError(f"{path} cannot be written: it is not a regular file. Name one, such as drift.html.")
    content = page(comparison).encode("utf-8", errors="backslashreplace")
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, target)
    except OSError as error:
        reason = f"{path} cannot be written: {error.strerror}"
        raise DriftError(f"{reason}; name a file in a folder that you may write to.") from None
    finally:
        partial.unlink(missing_ok=True)


def page(comparison: Comparison) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "counted": counted, "names": names, "command": command}
    files = files_of(comparison)
    return environment.get_template("page.html").render(
        comparison=comparison,
        behind=comparison.template.count_between(comparison.recorded.commit, comparison.newest.commit),
        kinds=KINDS,
        done=DONE,
        counts=Counter(change.kind for change in comparison.changes),
        questions=questions_of(comparison),
        upgrade_notes=comparison.upgrade_notes,
        files=files,
        tree=nested(files),
        parts_of=parts_of,
    )


def files_of(comparison: Comparison) -> list[File]:
    """Return the files that differ, in the order of the changes."""
    files = [File(number, change) for number, change in enumerate(comparison.changes, 1)]
    extra = [file for file in files if file.change.path in comparison.ours and file.change.kind == "extra"]
    blobs = "".join(f"{comparison.ours[file.change.path].blob}\n" for file in extra)
    sizes = comparison.store.git("cat-file", "--batch-check=%(objectsize)", stdin=blobs.encode()).decode()
    for file, size in zip(extra, sizes.splitlines(), strict=True):
        file.size = counted(int(size), "byte") if size.isdigit() else MODES["160000"]
    for file in files:
        if file.change.kind != "extra":
            file.tables = tables_of(comparison, file.change)
    return files


def nested(files: list[File], above: str = "") -> dict[str, Any]:
    """Return files by their name, and dicts by the name of their folder, which ends in a slash.

    Folders with nothing but one other folder in them are one with it.
    """
    groups: dict[str, list[File]] = {}
    for file in files:
        name, slash, _ = file.change.path.removeprefix(above).partition("/")
        groups.setdefault(name + slash, []).append(file)
    found: dict[str, Any] = {}
    for name, inside in groups.items():
        if name.endswith("/"):
            folder = os.path.commonpath([os.path.dirname(file.change.path) for file in inside]) + "/"
            found[folder.removeprefix(above)] = nested(inside, folder)
        else:
            found[name] = inside[0]
    return found


def tables_of(comparison: Comparison, change: Change) -> list[Table]:
    """Return what the template changed in a file, what the project changed in it, or both."""
    base = comparison.base.get(change.origin)
    theirs = comparison.theirs.get(change.renamed or change.origin or change.path)
    ours = comparison.ours.get(change.path)
    found = []
    recorded = "Template, recorded version" if change.template else "Template"
    if change.template:
        titles = recorded, "Template, newest version"
        found.append(table(comparison.store, "What the template changed", titles, base, theirs))
    if change.project:
        found.append(table(comparison.store, "What the project changed", (recorded, "Project"), base, ours))
    return found


def table(store: Store, title: str, titles: tuple[str, str], before: Entry | None, after: Entry | None) -> Table:
    """Return a file before and after."""
    entries = {"left": before, "right": after}
    columns = {side: name for side, name in zip(entries, titles, strict=True) if entries[side]}
    notes = []
    if before and after and before.mode != after.mode:
        notes.append(f"It was {MODES[before.mode]} and is {MODES[after.mode]} now.")
    elif (before or after) and (before or after).mode != "100644":
        notes.append(f"It is {MODES[(before or after).mode]}.")
    plain = as_text(store, before), as_text(store, after)
    contents = [store.content(entry) for entry in plain]
    rows: list[Row] = []
    if any(map(is_binary, contents)):
        sizes = dict(zip(entries, map(len, contents), strict=True))
        told = "; ".join(f"{name}: {counted(sizes[side], 'byte')}" for side, name in columns.items())
        notes.append(f"Its content is no text. {told}.")
    elif contents[0] == contents[1]:
        notes.append("Its content is the same." if before and after else "It is empty.")
    else:
        options = ["--no-ext-diff", "--no-textconv", "--no-color", "--text", "--unified=3"]
        said = store.git("diff", *options, *(entry.blob for entry in plain)).decode()
        rows = list(rows_of(said, len(contents[0].decode().removesuffix("\n").split("\n")) if contents[0] else 0))
    return Table(title, columns, notes, rows[:ROW_LIMIT], len(rows[ROW_LIMIT:]))


def as_text(store: Store, entry: Entry | None) -> Entry:
    """Return the file to show for another: for a link where it leads to, and for none an empty one."""
    if entry and entry.mode in ("100644", "100755"):
        return entry
    content = store.content(entry) if entry else b""
    return Entry("100644", store.add(shown(os.fsdecode(content)).encode() + b"\n" if content else b""))


def is_binary(content: bytes) -> bool:
    """Say whether a content is no text."""
    try:
        return "\0" in content.decode()
    except UnicodeDecodeError:
        return True


def rows_of(said: str, length: int) -> Iterator[Row]:
    """Return as rows what git said of two texts, of which the first has ``length`` lines."""
    said = re.sub(r"\n\\ .*", " ⟨no line break at the end⟩", said[said.index("\n@@") + 1 :].removesuffix("\n"))
    left = right = 0
    removed, added = [], []
    # The end is as the beginning of another stretch of changes.
    for line in [*said.split("\n"), f"@@ -{length + 1} +1"]:
        if line.startswith("-"):
            left += 1
            removed.append((left, line[1:]))
            continue
        if line.startswith("+"):
            right += 1
            added.append((right, line[1:]))
            continue
        yield from (Row(*pair) for pair in zip_longest(removed, added))
        removed, added = [], []
        if hunk := HUNK.match(line):
            start = max(int(hunk[1]) - 1, 0)
            if start > left:
                yield Row(skipped=start - left)
            left, right = start, max(int(hunk[2]) - 1, 0)
        else:
            left, right = left + 1, right + 1
            yield Row((left, line[1:]), (right, line[1:]))


def parts_of(row: Row) -> dict[str, list[tuple[bool, str]]]:
    """Return the lines of a row in parts, each with whether the other line does not have it."""
    lines = {side: getattr(row, side)[1] for side in ("left", "right") if getattr(row, side)}
    whole = {side: [(False, cut(line))] for side, line in lines.items()}
    if len(whole) < 2 or lines["left"] == lines["right"] or max(map(len, lines.values())) > WIDEST_COMPARED:
        return whole
    left, right = (re.findall(r"\w+|\s+|.", line) for line in lines.values())
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.ratio() < 0.5:
        return whole
    steps = matcher.get_opcodes()
    return {
        "left": [(step != "equal", cut("".join(left[start:end]))) for step, start, end, _, _ in steps],
        "right": [(step != "equal", cut("".join(right[start:end]))) for step, _, _, start, end in steps],
    }


def cut(line: str) -> str:
    """Return a line, or part of it, as it can be shown: with its tabs, but without other control characters."""
    more = f" … {counted(len(line) - WIDEST, 'character')} more" if len(line) > WIDEST else ""
    return "\t".join(map(shown, line[:WIDEST].split("\t"))) + more
