"""Remove the features that were not selected, and record where the project came from.

``_features`` in cookiecutter.json says which paths belong to which answer; this file names no option. Reads the answers
as JSON, so that no answer is ever executed, and runs no program but git, to read the template's commit. A failure ends
with one sentence and status 1, and cookiecutter removes the folder that it had created.
"""

import functools
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

CONTEXT = json.loads("<< (cookiecutter | jsonify | tojson)[1:-1] >>")
# cookiecutter renders a hook from within the template's folder; _repo_dir may be relative to a folder long left.
TEMPLATE = Path(json.loads("<< (working_folder() | tojson | tojson)[1:-1] >>"))
ANSWERS = {name: answer for name, answer in CONTEXT.items() if not name.startswith("_")}
sys.path[0] = str(TEMPLATE)  # in place of the folder of temporary files, where cookiecutter puts a hook
from drift.addresses import without_credentials  # noqa: E402
from local_features import PROJECT, unselected_files  # noqa: E402

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def prune(root: Path) -> None:
    """Remove the files of unselected features below ``root``, and folders that are empty then.

    This run has written these files: ``pre_gen_project`` refuses to begin where one was there before.
    """
    for name in unselected_files(TEMPLATE, CONTEXT, ANSWERS):
        path = root / name
        path.unlink()
        while (path := path.parent) != root and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def normal(requirement: str) -> str:
    """Return the name that a requirement starts with, as PyPI spells it."""
    return re.sub(r"[-_.]+", "-", NAME.match(requirement)[0]).lower()


def wanted_requirements(pyproject: dict) -> set[str]:
    """Return the names of everything that pyproject.toml asks for, in whichever group."""
    project = pyproject["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *pyproject["dependency-groups"].values(),
    ]
    return {normal(requirement) for group in groups for requirement in group}


class Pins:
    """A file that ``uv pip compile`` wrote: for each pin, its hashes and the ``# via`` lines that say what needs it."""

    def __init__(self, path: Path, own: str) -> None:
        """Read ``path``; ``own`` is the project's name, with which what pyproject.toml itself asks for is marked."""
        self.path = path
        self.own = f"{own} ("
        self.header, *blocks = re.split(r"^(?=[a-z0-9])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        self.pins: dict[str, tuple[str, list[str]]] = {}
        for block in blocks:
            pin, _, via = block.partition("    # via")
            self.pins[normal(pin)] = pin, [line.strip(" #") for line in via.splitlines() if line.strip(" #")]

    def prune(self, wanted: set[str]) -> None:
        """Drop what neither pyproject.toml, which asks for ``wanted``, nor a pin that stays needs any more."""
        kept = {name for name, (_, via) in self.pins.items() if name in wanted and self.asks_for(via)}
        while more := {name for name, (_, via) in self.pins.items() if name not in kept and not kept.isdisjoint(via)}:
            kept |= more
        for name in set(self.pins) - kept:
            del self.pins[name]
        for name, (_, via) in self.pins.items():
            via[:] = [by for by in via if by in kept or by.startswith("-") or (name in wanted and self.asks_for([by]))]

    def asks_for(self, via: list[str]) -> bool:
        """Say whether pyproject.toml is among what needs a pin."""
        return any(by.startswith(self.own) for by in via)

    def write(self, root: Path) -> None:
        """Write the file as uv would have; a constraint is mentioned while that file below ``root`` has the pin."""
        lines = [self.header]
        for name, (pin, via) in self.pins.items():
            via = [by for by in via if not by.startswith("-c ") or name in pins_of(root / by.removeprefix("-c "))]
            lines.append(pin)
            lines.append(f"    # via {via[0]}\n" if len(via) == 1 else "    # via\n")
            lines += [f"    #   {by}\n" for by in via if len(via) > 1]
        self.path.write_text("".join(lines), encoding="utf-8")


@functools.cache
def pins_of(path: Path) -> set[str]:
    """Return the names that the file of pins ``path`` has, which is complete by now."""
    return {line.partition("==")[0] for line in path.read_text(encoding="utf-8").splitlines() if line[0:1].isalnum()}


def prune_requirements(root: Path) -> None:
    """Prune every file in requirements/ to what pyproject.toml asks for."""
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    files = [Pins(path, pyproject["project"]["name"]) for path in (root / "requirements").glob("*.txt")]
    for file in files:
        file.prune(wanted_requirements(pyproject))
    # Files without constraints come first, for the others look into them.
    for file in sorted(files, key=lambda file: "-c " in str(file.pins)):
        file.write(root)


def git(*arguments: str) -> str:
    """Return what a git command prints in the template's folder; exit with git's reason if it has one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(
            ["git", "--no-optional-locks", "-C", TEMPLATE, *arguments],
            check=False,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            env=environment,
        )
    except FileNotFoundError:
        sys.exit("git is needed to record the commit of a template that is a git checkout; install git.")
    except OSError as error:
        sys.exit(f"git, which records the commit of the template, cannot be run: {error}. Correct its installation.")
    # With --quiet, rev-parse ends with status 1 and says nothing where there is no such commit.
    if answer.returncode > 1 or (answer.returncode == 1 and answer.stderr):
        sys.exit(f"git cannot tell the template's commit: {answer.stderr.strip()}")
    return answer.stdout.rstrip("\n")


def commit_of(name: str) -> str | None:
    """Return the commit that a name has in the template's repository, or None: a repository may have none yet."""
    return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}") or None


def warn_of_ignored_checkout(commit: str) -> None:
    """Warn if cookiecutter's option --checkout, which it ignores for a folder, names another commit."""
    name = CONTEXT["_checkout"]
    if name and commit_of(name) != commit:
        print(
            f"Warning: --checkout {name} has no effect on a template that is a folder. The project is generated from "
            f"its commit {commit[:8]}. To generate from {name}, use the template git+file://{readable(TEMPLATE)}",
            file=sys.stderr,
        )


def uncommitted_files() -> list[str]:
    """Return the files of the template that make a project and have uncommitted changes."""
    sources = ["cookiecutter.json", "hooks", "local_*.py", PROJECT]
    return [line[3:] for line in git("status", "--porcelain", "--untracked-files=all", "--", *sources).splitlines()]


def readable(path: Path) -> str:
    """Return a path as text, whatever the encoding of the locale; exit if it is not UTF-8."""
    try:
        return os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        sys.exit(
            f"The template's path {os.fsencode(path)!r} is not UTF-8, so it cannot be recorded. Rename the folder."
        )


def record(root: Path) -> None:
    """Write .cookiecutter.json: where the template came from, its commit and version, and the answers."""
    is_local = CONTEXT["_template"] == CONTEXT["_repo_dir"]
    origin = {
        # A URL may hold a password, which is not to be committed.
        "template": readable(TEMPLATE) if is_local else without_credentials(CONTEXT["_template"]),
        # The folder may be part of another repository, whose commits say nothing of the template.
        "commit": commit_of("HEAD") if (TEMPLATE / ".git").exists() else None,
        "version": CONTEXT["_version"],
        "answers": ANSWERS,
    }
    if origin["commit"] and is_local:
        warn_of_ignored_checkout(origin["commit"])
    if origin["commit"] and (files := uncommitted_files()):
        origin["uncommitted"] = True
        print(
            f"Warning: the template has uncommitted changes: {', '.join(files[:3])}{', …' * (len(files) > 3)}. drift "
            f"compares the project with the commit {origin['commit'][:8]}, so it will show them as the project's own.",
            file=sys.stderr,
        )
    (root / ".cookiecutter.json").write_text(json.dumps(origin, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Prune the project in the current folder, then record its origin."""
    root = Path.cwd()
    try:
        prune(root)
        prune_requirements(root)
        record(root)
    except OSError as error:
        sys.exit(f"The project cannot be written: {error}.")


main()
