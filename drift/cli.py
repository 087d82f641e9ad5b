"""The command ``drift``: its arguments, and what it says."""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from drift import git, link, prepare, project, record, report, streams, update
from drift.addresses import without_credentials
from drift.commands import command
from drift.comparison import Comparison, compare
from drift.diff import show_diff
from drift.errors import DriftError
from drift.record import Record
from drift.texts import counted, shown
from drift.update import Update

DRIFTED, LEFT_OPEN, REFUSED = 1, 1, 2


def parser() -> argparse.ArgumentParser:
    """Return what the command takes."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--template", metavar="ADDRESS", help="where the template is, if not where the project records")
    to = argparse.ArgumentParser(add_help=False)
    to.add_argument("--to", metavar="REF", help="the template's tag, branch or commit; by default its newest")
    drift = argparse.ArgumentParser(prog="drift", description="Compare a project with the template that it came from.")
    commands = drift.add_subparsers(dest="command", required=True)

    status = commands.add_parser(
        "status", parents=[common, to], help="say what differs", description=show_status.__doc__
    )
    status.add_argument("--json", action="store_true", help="as JSON, with every file")
    status.add_argument("--html", metavar="FILE", type=Path, help="write a page with all changes side by side as well")
    status.add_argument("--exit-code", action="store_true", help="end with status 1 when anything differs")
    status.set_defaults(run=show_status)

    diff = commands.add_parser(
        "diff", parents=[common, to], help="show the lines that differ", description=diff_command.__doc__
    )
    diff.add_argument("paths", nargs="*", metavar="PATH", help="files or folders; by default all that differs")
    diff.set_defaults(run=diff_command)

    updating = commands.add_parser(
        "update", parents=[common, to], help="carry the template's changes over", description=update_command.__doc__
    )
    how = updating.add_mutually_exclusive_group()
    how.add_argument("--continue", dest="go_on", action="store_true", help="record the update when no conflict is left")
    how.add_argument("--abort", action="store_true", help="put everything back as it was")
    updating.add_argument(
        "--decline",
        metavar="PATH",
        action="append",
        default=[],
        help="with --continue: record the update without the template's changes to this file or folder; repeatable",
    )
    updating.add_argument("answers", nargs="*", metavar="KEY=VALUE", help="answers to new or changed questions")
    updating.set_defaults(run=update_command)

    answers = commands.add_parser(
        "answers", parents=[common], help="change answers that were given", description=answers_command.__doc__
    )
    answers.add_argument("answers", nargs="+", metavar="KEY=VALUE", help="such as use_celery=true")
    answers.set_defaults(run=answers_command)

    linking = commands.add_parser(
        "link", parents=[common], help="adopt a project that has no record", description=link_command.__doc__
    )
    linking.add_argument("answers", nargs="*", metavar="KEY=VALUE", help="answers that are known")
    linking.set_defaults(run=link_command)
    return drift


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status: 0, 1 when something differs or is left open, 2 when it was refused."""
    try:
        options = parser().parse_args(arguments)
        git.require_git()
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        streams.discard_output()
        return 0
    except OSError as error:
        return refuse(describe(error))
    except DriftError as error:
        return refuse(str(error))
    return status


def refuse(text: str) -> int:
    """Print why the command failed, below what it has printed already; return the exit status."""
    with contextlib.suppress(DriftError, BrokenPipeError):  # the first error counts
        sys.stdout.flush()
    print(f"Error: {shown_lines(text)}", file=sys.stderr)
    return REFUSED


def describe(error: OSError) -> str:
    """Return an error of the operating system as a sentence."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def shown_lines(text: str) -> str:
    """Return a text of several lines that a terminal can show."""
    return "\n".join(map(shown, text.splitlines()))


def show_status(options: argparse.Namespace) -> int:
    """Say what the template has changed since this project was generated or updated, what the project has changed,
    what is missing and what is extra."""
    root = record.find_root(record.working_folder())
    with compare(root, options.template, options.to) as comparison:
        if options.html:
            from drift import page  # it imports Jinja, which takes as long as a comparison

            page.write(options.html, comparison)
        print(json.dumps(report.as_json(comparison), indent=4) if options.json else report.status(comparison))
        if options.exit_code:
            require_newest(comparison)
        return DRIFTED if options.exit_code and comparison.has_drifted else 0


def diff_command(options: argparse.Namespace) -> int:
    """Show the lines that differ: what the template would bring, what the project changed, and both."""
    root = record.find_root(record.working_folder())
    with compare(root, options.template, options.to) as comparison:
        warn(comparison)
        show_diff(comparison, [relative(path, root) for path in options.paths])
        require_newest(comparison)
    return 0


def warn(comparison: Comparison) -> None:
    """Print what else has to be known of the two versions."""
    for note in comparison.notes:
        print(f"Warning: {shown(note)}", file=sys.stderr)


def require_newest(comparison: Comparison) -> None:
    """Raise DriftError when the newest version was wanted, and the template cannot be reached."""
    if comparison.template.unreachable and comparison.ref is None:
        raise DriftError(comparison.template.unreachable)


def relative(path: str, root: Path) -> str:
    """Return a path given on the command line as one from the project's root."""
    return os.path.relpath(Path(path).absolute(), root)


def update_command(options: argparse.Namespace) -> int:
    """Carry the template's changes over. Where both have changed the same lines, both stay, between conflict markers;
    the new commit is recorded when none is left."""
    root = record.find_root(record.working_folder())
    if options.answers and (options.go_on or options.abort):
        raise DriftError(
            f"An update in progress keeps its answers. Change them afterwards: {command('answers KEY=VALUE')}"
        )
    if options.decline and not options.go_on:
        raise DriftError(f"--decline needs --continue: {command('update --continue --decline PATH')}")
    if options.go_on:
        with alone(root) as folder:
            return tell(Update(root, folder).finish([relative(path, root) for path in options.decline]))
    if options.abort:
        with alone(root) as folder:
            return abort(Update(root, folder))
    return carry_over(root, options.template, options.to, options.answers)


def answers_command(options: argparse.Namespace) -> int:
    """Give other answers than when the project was generated, and carry over what follows from them; the version of
    the template stays."""
    root = record.find_root(record.working_folder())
    return carry_over(root, options.template, record.read(root).commit, options.answers)


def carry_over(root: Path, address: str | None, ref: str | None, answers: list[str]) -> int:
    """Update the project to a version of the template, with other answers where there are some."""
    with alone(root) as folder:
        update.require_none(root, folder)
        project.require_clean(root)
        with compare(root, address, ref, answers) as comparison:
            require_newest(comparison)
            if comparison.is_older:
                raise DriftError(comparison.older)
            for note in comparison.nested_notes:
                raise DriftError(note)
            warn(comparison)
            new = Record(
                comparison.template.address if address else without_credentials(comparison.record.template),
                comparison.newest.commit,
                comparison.newest.name,
                comparison.answers,
            )
            if new == comparison.record:
                print(f"The project is up to date with {comparison.newest}.")
                return 0
            tell_answers(comparison)
            upgrade_notes = comparison.upgrade_notes
            under_way, merged = prepare.prepare(comparison, new)
        # Before anything is printed, which may fail.
        conflicts = under_way.finish([])
        changed = counted(len(under_way.paths), "file")
        to = "other answers" if comparison.recorded == comparison.newest else comparison.newest
        print(f"Updated from {comparison.recorded} to {to}: {changed} changed.")
        for line in merged.notes:
            print(f"  {shown(line)}")
        for note in upgrade_notes:
            print(f"\n{note.title}:\n{note.text}")
        return tell(conflicts)


def tell_answers(comparison: Comparison) -> None:
    """Say which answers the new questions got."""
    for name in comparison.questions.new:
        print(shown(f"{name} = {comparison.answers.get(name)}"))


def tell(conflicts: list[str]) -> int:
    """Say that the new commit is recorded, or which conflicts are left; return the exit status."""
    if not conflicts:
        print("Recorded in .cookiecutter.json. Look at it with git diff, run the tests, and commit.")
        return 0
    print(f"\n{counted(len(conflicts), 'conflict')} left:", file=sys.stderr)
    for conflict in conflicts:
        print(f"  {shown(conflict)}", file=sys.stderr)
    print(
        f"Edit these files, then run: {command('update --continue')}. To undo the update: {command('update --abort')}",
        file=sys.stderr,
    )
    return LEFT_OPEN


def abort(under_way: Update) -> int:
    """Put everything back, and say where edits made since are kept."""
    kept = under_way.abort()
    print("The update was undone.")
    for path, blob in kept.items():
        print(f"Your edits of {shown(path)} are kept: git cat-file blob {blob[:12]}")
    return 0


@contextlib.contextmanager
def alone(root: Path) -> Iterator[Path]:
    """Be the only one that updates the project; when that is interrupted, or fails, say how to go on."""
    with update.alone(root) as folder:
        project.require_whole(root)
        try:
            yield folder
        except BrokenPipeError:
            raise
        except OSError as error:
            if folder.exists():
                raise DriftError(f"{describe(error)}. {update.GO_ON}") from None
            raise
        except KeyboardInterrupt:
            if folder.exists():
                raise DriftError(f"Interrupted. {update.GO_ON}") from None
            raise


def link_command(options: argparse.Namespace) -> int:
    """Find the template's commit, and the answers, that fit a project which has no record, and record them."""
    link.adopt(record.working_folder(), options.template, options.answers)
    return 0
