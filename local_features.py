"""The features that the answers leave out: their paths in ``_features`` of cookiecutter.json, for the hooks."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# The folder of the template, below the root of its repository.
PROJECT = "<<cookiecutter.project_slug>>"


def unselected(questions: dict[str, Any], answers: dict[str, Any]) -> Iterator[str]:
    """Yield the paths of features that ``answers`` leave out; ``or`` joins several answers that bring a feature."""
    for question, features in questions["_features"].items():
        for choices, paths in features.items():
            if str(answers[question]) not in choices.split(" or "):
                yield from paths


def unselected_files(template: Path, questions: dict[str, Any], answers: dict[str, Any]) -> list[str]:
    """Return the names of the files, from the project's root, that the template writes for features left out.

    Exits with a message for a path of ``_features`` that the template does not have.
    """
    root = template / PROJECT
    files: set[str] = set()
    for name in unselected(questions, answers):
        path = root / name
        if not path.exists():
            sys.exit(f"_features in cookiecutter.json: the template has no {name}. Correct the path.")
        inside = path.rglob("*") if path.is_dir() else [path]
        files |= {str(file.relative_to(root)) for file in inside if not file.is_dir()}
    return sorted(files)
