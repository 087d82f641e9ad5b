""".cookiecutter.json, in which a project records where it came from."""

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drift.commands import command
from drift.errors import DriftError

NAME = ".cookiecutter.json"
REPAIR = f"restore {NAME} from the project's history, or remove it and run: {command('link')}"


@dataclass(frozen=True)
class Record:
    """The template's address, the commit and version the project is of, and the answers that were given.

    ``uncommitted`` is whether the template had uncommitted changes then, which no commit has.
    """

    template: str
    commit: str | None
    version: str | None
    answers: dict[str, Any]
    uncommitted: bool = field(default=False, compare=False)


def working_folder() -> Path:
    """Return the current folder; raise DriftError when it has been removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise DriftError("The current folder was removed. Go into the project's folder first.") from None


def find_root(folder: Path) -> Path:
    """Return the nearest folder upwards that has a record; raise DriftError when there is none."""
    for root in (folder, *folder.parents):
        if (root / NAME).exists():
            return root
    raise DriftError(
        f"There is no {NAME} here or in a folder above: go into a generated project, "
        f"or adopt one that has no record with: {command('link --template ADDRESS')}"
    )


def read(root: Path) -> Record:
    """Return the record of the project in ``root``; raise DriftError when it does not have what it should."""
    try:
        found = json.loads((root / NAME).read_text(encoding="utf-8"))
    except OSError as error:
        raise DriftError(f"{NAME} cannot be read: {error.strerror}; {REPAIR}") from None
    except (ValueError, RecursionError) as error:
        raise DriftError(f"{NAME} is not JSON: {error}; {REPAIR}") from None
    if not isinstance(found, dict):
        raise DriftError(f"{NAME} is not a JSON object; {REPAIR}")
    template, commit, version = (found.get(name) for name in ("template", "commit", "version"))
    answers = found.get("answers")
    if not isinstance(template, str) or not template:
        raise DriftError(f'{NAME} has no "template", the address of the template; {REPAIR}')
    if commit is not None and not (isinstance(commit, str) and re.fullmatch("[0-9a-f]{40,64}", commit)):
        raise DriftError(f'"commit" in {NAME} is {commit!r}, not a commit of 40 hexadecimal digits; {REPAIR}')
    if not isinstance(answers, dict):
        raise DriftError(f'{NAME} has no "answers"; {REPAIR}')
    uncommitted = found.get("uncommitted") is True
    return Record(template, commit, version if isinstance(version, str) else None, answers, uncommitted)


def text_of(record: Record) -> str:
    """Return the record as it is written."""
    fields = {name: value for name, value in vars(record).items() if name != "uncommitted" or value}
    return json.dumps(fields, indent=4, ensure_ascii=False) + "\n"


def write_text(root: Path, text: str) -> None:
    """Write the record, so that there is at each moment the former one or the new one."""
    partial = root / f"{NAME}.partial"
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, root / NAME)
