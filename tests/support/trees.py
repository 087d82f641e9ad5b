"""The file lists of generated projects, as tests/trees records them; ``make trees`` records them anew.

``all-off.txt`` and ``all-on.txt`` are whole lists. Every other file has the name of one answer, and lists how that
answer alone changes the list of everything off: ``+ path`` and ``- path``.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

from cookiecutter.main import cookiecutter

from tests.conftest import ROOT, Project
from tests.support.combinations import ALL_OFF, ALL_ON, CHOICES, FEATURES, Answers

FOLDER = ROOT / "tests" / "trees"
# Each answer that adds files to a project with everything off.
ALONE: dict[str, Answers] = {
    f"{question}={choice}": ALL_OFF | {question: choice}
    for question, (off, _) in FEATURES.items()
    for choice in CHOICES[question]
    if choice != off
}
RECORDED: dict[str, Answers] = {"all-off": ALL_OFF, "all-on": ALL_ON} | ALONE


def read(name: str) -> list[str]:
    """Return the lines of a recorded list."""
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def changes(before: list[str], after: list[str]) -> list[str]:
    """Return the paths that ``after`` has in addition (``+ path``), and those that it lacks (``- path``)."""
    return sorted([f"+ {path}" for path in {*after} - {*before}] + [f"- {path}" for path in {*before} - {*after}])


def listing(name: str, files: Callable[[Answers], list[str]]) -> list[str]:
    """Return what the list ``name`` must say; ``files`` returns the paths of a project with the given answers."""
    if name in ALONE:
        return changes(files(ALL_OFF), files(RECORDED[name]))
    return files(RECORDED[name])


def main() -> None:
    """Generate every recorded project and write its list."""
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, list[str]] = {}

        def files(answers: Answers) -> list[str]:
            key = repr(answers)
            if key not in found:
                output = Path(folder) / str(len(found))
                made = cookiecutter(str(ROOT), no_input=True, extra_context=answers, output_dir=str(output))
                found[key] = Project(Path(made)).files()
            return found[key]

        FOLDER.mkdir(exist_ok=True)
        for path in FOLDER.glob("*.txt"):
            if path.stem not in RECORDED:
                path.unlink()
        for name in RECORDED:
            (FOLDER / f"{name}.txt").write_text("".join(f"{line}\n" for line in listing(name, files)))


if __name__ == "__main__":
    main()
