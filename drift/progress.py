"""What is being done, told to people who wait."""

import sys


def is_shown() -> bool:
    """Say whether somebody sees it."""
    return sys.stderr.isatty()


def say(text: str) -> None:
    """Replace what was told last by ``text``; without a text, take it away."""
    if is_shown():
        sys.stderr.write(f"\r\033[K{text}…" if text else "\r\033[K")
        sys.stderr.flush()
