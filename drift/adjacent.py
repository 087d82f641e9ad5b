"""Resolve conflicts between lines that one side added and lines beside them that the other side changed.

git reports a conflict when both sides touch neighboring lines. A list of settings that a project extends, such as
``INSTALLED_APPS``, would then conflict whenever the template changes the entry beside the project's own.
"""

import re
import tempfile
from pathlib import Path

from drift import git

# Longer than any marker in a file, so that no line of a file is taken for one.
MARKER = 97
HUNK = re.compile(
    rb"^<{%d}[^\n]*\n(.*?)^\|{%d}[^\n]*\n(.*?)^={%d}\r?\n(.*?)^>{%d}[^\n]*\n?" % (MARKER, MARKER, MARKER, MARKER),
    re.MULTILINE | re.DOTALL,
)


def resolve(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """Return the merged content of a file, or None while any conflict is left.

    A conflict is resolved when one side kept the lines of ``base`` and added lines before or after them, and the other
    side changed those lines without removing all of them.
    """
    unresolved = False

    def join(hunk: re.Match[bytes]) -> bytes:
        nonlocal unresolved
        ours, base, theirs = (lines.splitlines(keepends=True) for lines in hunk.groups())
        for one, other in ((ours, theirs), (theirs, ours)):
            added = len(one) - len(base)
            if base and other and added > 0:
                if one[added:] == base:
                    return b"".join(one[:added] + other)
                if one[:-added] == base:
                    return b"".join(other + one[-added:])
        unresolved = True
        return b""

    merged = HUNK.sub(join, merge_file(base, ours, theirs))
    return None if unresolved else merged


def merge_file(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    """Return git's merge of a file, with the lines of ``base`` in each conflict."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("ours", "base", "theirs")]
        for path, content in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(content)
        options = ("--stdout", "--zdiff3", f"--marker-size={MARKER}")
        # Its status is the number of conflicts.
        return git.run("merge-file", *options, *paths, folder=Path(folder), allowed=range(128)).stdout
