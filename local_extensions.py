"""What Slipway adds to cookiecutter's Jinja environment, named in ``_extensions`` of cookiecutter.json."""

import contextlib
import logging
import os
import re
import shutil
import signal
import sys
import threading
from types import FrameType

from jinja2 import Environment
from jinja2.ext import Extension


def quoted(text: str) -> str:
    """Return ``text`` escaped to stand between double quotes in TOML and YAML."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def markdown(text: str) -> str:
    """Return ``text`` escaped where Markdown would take it for markup, so that it is shown as it is."""
    return re.sub(r"[\\`*<\[\]|~]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)", r"\\\g<0>", text)


class EscapingFilters(Extension):
    """The filters that put free text into a file as text: ``quoted`` and ``markdown``."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.filters |= {"quoted": quoted, "markdown": markdown}


class WorkingFolder(Extension):
    """The function ``working_folder``: where cookiecutter is while it renders."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        environment.globals["working_folder"] = os.getcwd


class PlainRefusal(Extension):
    """Leave cookiecutter's traceback out when a hook has refused: what the hook has said is all there is to know."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        logging.getLogger("cookiecutter.hooks").addFilter(without_traceback)


def without_traceback(record: logging.LogRecord) -> bool:
    """Let every record pass, but without its traceback."""
    record.exc_info = None
    return True


class RemoveInterrupted(Extension):
    """Remove the half-written project when Ctrl-C or SIGTERM ends cookiecutter, which by itself leaves it behind."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if threading.current_thread() is not threading.main_thread():
            return  # only the main thread may set a signal handler
        # A handler that somebody else has set stays.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, abandon)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, abandon)


def abandon(signum: int, frame: FrameType | None) -> None:
    """End as the signal asks, after removing the project that cookiecutter's ``generate_files`` has created.

    A running hook is stopped first. A folder that was there before is left alone: cookiecutter's
    ``delete_project_on_failure`` is false for it.
    """
    signal.signal(signum, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the removal
    while frame is not None:
        if frame.f_code.co_name == "run_script" and "proc" in frame.f_locals:
            hook = frame.f_locals["proc"]
            hook.kill()
            # Not hook.wait(), for which the interrupted wait holds the lock.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(hook.pid, 0)
        if frame.f_code.co_name == "generate_files" and frame.f_locals.get("delete_project_on_failure"):
            shutil.rmtree(frame.f_locals["project_dir"])
        frame = frame.f_back
    if signum == signal.SIGTERM:
        sys.exit(128 + signum)
    signal.signal(signum, signal.default_int_handler)
    raise KeyboardInterrupt
