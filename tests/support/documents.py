"""The shell blocks of a document, to be run as they are written."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.conftest import clean_environment
from tests.support.servers import listens, wait_until

SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def shell_blocks(document: Path) -> list[str]:
    """Return the text of every block of a Markdown document that is marked ``sh``."""
    return SHELL_BLOCK.findall(document.read_text(encoding="utf-8"))


def sections(document: Path) -> dict[str, list[str]]:
    """Return the shell blocks under each heading of a Markdown document."""
    found: dict[str, list[str]] = {}
    is_heading = False
    for token in MarkdownIt().parse(document.read_text(encoding="utf-8")):
        if is_heading:
            found[token.content] = []
        elif token.type == "fence" and token.info == "sh":
            list(found.values())[-1].append(token.content)
        is_heading = token.type == "heading_open"
    return found


class Running:
    """A block that goes on until it is stopped, such as a server; its output is in ``log``."""

    def __init__(self, block: str, folder: Path, log: Path, **environment: str) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                ["sh", "-euc", block],
                cwd=folder,
                env=clean_environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, text: str, seconds: float) -> None:
        """Return when the output holds ``text``; fail, showing it, when the block ends or the time is over before."""
        self._wait(lambda: text in self.log.read_text(), seconds)

    def wait_for_port(self, port: int, seconds: float) -> None:
        """Return when a port of 127.0.0.1 takes connections; fail likewise."""
        self._wait(lambda: listens(port), seconds)

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"The block has not come that far:\n{self.log.read_text()}")
            time.sleep(0.1)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *error: object) -> None:
        """Stop what the block has started, as Ctrl-C in its terminal does, and wait until all of it has ended."""
        if self._lives():
            os.killpg(self.process.pid, signal.SIGINT)
        wait_until(lambda: not self._lives(), 60, "the end of what the block had started")

    def _lives(self) -> bool:
        """Say whether any process of the block is left."""
        self.process.poll()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 0)
            return True
        return False
