"""What Slipway adds to cookiecutter's Jinja environment, named in ``_extensions`` of cookiecutter.json."""

import contextlib
import copy
import json
import logging
import os
import re
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from cookiecutter.generate import apply_overwrites_to_context
from jinja2 import Environment
from jinja2.ext import Extension

from local_slugs import usable_slug

if sys.platform == "win32":
    sys.exit("Slipway does not run on Windows itself. Run cookiecutter in WSL, the Windows Subsystem for Linux.")


def quoted(text: str) -> str:
    """Return ``text`` escaped to stand between double quotes in TOML and YAML."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def markdown(text: str) -> str:
    """Return ``text`` escaped where Markdown would take it for markup, so that it is shown as it is."""
    inside = r"[\\`*<\[\]|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)"
    # What begins a heading, a quotation, a list or a rule where it begins a line.
    leading = r"^[#>+=-]|(?<=^\d)[.)]|(?<=^\d\d)[.)]"
    return re.sub(f"{leading}|{inside}", r"\\\g<0>", text)


class EscapingFilters(Extension):
    """The filters that put free text into a file as text, ``quoted`` and ``markdown``, and make a slug of it."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters |= {"quoted": quoted, "markdown": markdown, "usable_slug": usable_slug}


class UnmarkedText(Extension):
    """Render text without delimiters as it is. Jinja takes a third of the time of a generation to parse such text."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if environment.keep_trailing_newline:
            environment.compile = partial(compile_template, environment, environment.compile)


def compile_template(
    environment: Environment,
    parse: Callable[..., Any],
    source: Any,
    name: str | None = None,
    filename: str | None = None,
    **options: Any,
) -> Any:
    """Return what ``Environment.compile`` of Jinja, which is ``parse``, returns for the same arguments."""
    special = (
        environment.variable_start_string,
        environment.block_start_string,
        environment.comment_start_string,
        environment.line_statement_prefix,
        environment.line_comment_prefix,
        "\r",  # Jinja replaces the line ends of other systems
    )
    if options or not isinstance(source, str) or any(mark in source for mark in special if mark):
        return parse(source, name, filename, **options)
    module = f"name = {name!r}\nblocks = {{}}\ndebug_info = ''\ndef root(context):\n    yield {source!r}\n"
    return compile(module, filename or "<template>", "exec")


class WorkingFolder(Extension):
    """Functions that tell the hooks how cookiecutter runs.

    Replay files keep the names in ``_extensions``, so this class has the name that it had in version 0.2.0.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals |= {
            "working_folder": os.getcwd,
            "keeps_existing_files": keeps_existing_files,
            "ignored_answers": ignored_answers,
        }
        generating = caller("generate_files", sys._getframe())
        # Later, when the folder is another, the variable "env" is there.
        if generating is not None and "env" not in generating:
            use_own_settings(generating["context"]["cookiecutter"], Path(generating["repo_dir"]))


def use_own_settings(context: dict[str, Any], template: Path) -> None:
    """Replace variables that begin with one underscore by the template's own. A replay file may have former ones."""
    for name, value in json.loads((template / "cookiecutter.json").read_text(encoding="utf-8")).items():
        if name.startswith("_") and not name.startswith("__"):
            context[name] = value


def keeps_existing_files() -> bool:
    """Return whether cookiecutter's option --skip-if-file-exists is on."""
    generating = caller("generate_files", sys._getframe())
    return generating is not None and bool(generating["skip_if_file_exists"])


def ignored_answers() -> str:
    """Return, as JSON, the answers that cookiecutter has ignored, by their source.

    ``command`` has those to questions that the template does not ask; ``configuration``, the user's defaults that are
    not offered, after which cookiecutter ignores all others; ``elsewhere``, defaults for other templates.
    """
    running = caller("cookiecutter", sys._getframe())
    ignored: dict[str, dict[str, Any]] = {"command": {}, "configuration": {}, "elsewhere": {}}
    if running is not None and not running["replay"]:
        questions = json.loads(Path("cookiecutter.json").read_text(encoding="utf-8"))
        for name, answer in (running["extra_context"] or {}).items():
            if name not in questions:
                ignored["command"][name] = answer
        for name, answer in running["config_dict"]["default_context"].items():
            if name not in questions:
                ignored["elsewhere"][name] = answer
                continue
            try:
                apply_overwrites_to_context({name: copy.copy(questions[name])}, {name: answer})
            except ValueError:
                ignored["configuration"][name] = answer
    return json.dumps(ignored, default=str)  # YAML has dates


class PlainRefusal(Extension):
    """When a hook has refused, leave nothing but what it has said: no traceback, and no folder around the project's."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        logging.getLogger("cookiecutter.hooks").addFilter(tidy_refusal)


def tidy_refusal(record: logging.LogRecord) -> bool:
    """Let a record of cookiecutter's pass without its traceback.

    By then the project's folder is gone, but not the folder ``a`` of one that was to be called ``a/b``.
    """
    record.exc_info = None
    generating = caller("generate_files", sys._getframe())
    if generating is not None and generating["delete_project_on_failure"]:
        output = Path(generating["context"]["cookiecutter"]["_output_dir"])
        for folder in Path(generating["project_dir"]).parents:
            if folder == output or not folder.is_relative_to(output) or any(folder.iterdir()):
                break
            folder.rmdir()
    return True


def caller(name: str, frame: FrameType | None) -> dict[str, Any] | None:
    """Return the local variables of the function ``name`` that ``frame`` was called from, or None."""
    while frame is not None and frame.f_code.co_name != name:
        frame = frame.f_back
    return None if frame is None else frame.f_locals


class RemoveInterrupted(Extension):
    """Remove the half-written project when a signal or an error ends cookiecutter, which by itself leaves it behind."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        # Keep a handler that another program has set.
        if sys.excepthook is sys.__excepthook__:
            sys.excepthook = fail
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may set a signal handler
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, abandon)
        for signum in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) is signal.SIG_DFL:
                signal.signal(signum, abandon)


def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Report an error that ends cookiecutter, after removing the project that ``generate_files`` has created.

    A write error and an answer that is not a valid template get a sentence; for any other the traceback is needed.
    """
    frames = {frame.f_code.co_name: frame.f_locals for frame, _ in traceback.walk_tb(trace)}
    remove_project(frames.get("generate_files"))
    if "render_variable" in frames and "prompt_for_config" in frames:
        asking = frames["prompt_for_config"]
        print(
            f"{asking['key']} {asking['raw']!r} cannot be evaluated: {error}. cookiecutter evaluates the text "
            'between a doubled "<" and ">" in an answer; use single ones, or « and ».',
            file=sys.stderr,
        )
    elif isinstance(error, OSError):
        print(f"The project cannot be generated: {error}.", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def remove_project(generating: dict[str, Any] | None) -> None:
    """Remove the project that the function ``generate_files`` with these local variables has created.

    A folder that was there before is left alone: cookiecutter's ``delete_project_on_failure`` is false for it.
    """
    if generating is not None and generating.get("delete_project_on_failure"):
        shutil.rmtree(generating["project_dir"])


def abandon(signum: int, frame: FrameType | None) -> None:
    """End as the signal asks, after removing the project that cookiecutter has created. Stop a running hook first."""
    signal.signal(signum, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the removal
    running_hook = caller("run_script", frame)
    if running_hook is not None and "proc" in running_hook:
        running_hook["proc"].kill()
        # Not proc.wait(), for which the interrupted wait holds the lock.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(running_hook["proc"].pid, 0)
    remove_project(caller("generate_files", frame))
    if signum != signal.SIGINT:
        sys.exit(128 + signum)
    signal.signal(signum, signal.default_int_handler)
    raise KeyboardInterrupt
