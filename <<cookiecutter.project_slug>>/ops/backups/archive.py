"""What is in the archive of a database, read to its end as the SQL that it is or becomes."""

import gzip
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from ops.backups.errors import BackupError
from ops.backups.files import PARTIAL
from ops.backups.programs import Program

# Whether a table's rows follow, one a line, up to a line "\." (pg_dump writes so; "COPY" in PostgreSQL's manual).
COPY = re.compile(rb"COPY (\S.*?) \((.*)\) FROM stdin;\n")
END_OF_ROWS = b"\\.\n"
LAST_LINE = b"-- PostgreSQL database dump complete\n"
# Since 2025, psql is kept from its own commands up to a line "\unrestrict" with the same key, which comes still later.
RESTRICT = b"\\restrict "
SERVER = re.compile(rb"-- Dumped from database version (\d+)")
MIGRATIONS = b"public.django_migrations"


@dataclass
class Contents:
    """What an archive has in it."""

    # The major version of the PostgreSQL that it comes from.
    server: int = 0
    # How many rows each table has, by the name that SQL gives it.
    rows: dict[str, int] = field(default_factory=dict)
    # App and name of each migration that was applied.
    migrations: set[tuple[str, str]] = field(default_factory=set)

    @property
    def total(self) -> int:
        """How many rows all tables have."""
        return sum(self.rows.values())

    def lines(self) -> Iterator[str]:
        """Yield a line for each table, as people are told of it."""
        for name, rows in sorted(self.rows.items()):
            yield f"  {rows:>9} rows of {name}"


@contextmanager
def opened(path: Path, seen: Callable[[int], None]) -> Iterator[Iterator[bytes]]:
    """Open an archive as the lines of SQL that restore it; ``seen`` is told how many bytes of the file have been read.

    Raises BackupError, at the latest when it is read to its end, when it cannot be read or is not whole.
    """
    ending = Path(path.name.removesuffix(PARTIAL)).suffix
    if ending == ".pgcustom":
        arguments = ("--file", "-", "--no-owner", "--no-privileges")
        with (
            path.open("rb") as file,
            Program("pg_restore", *arguments, database="", stdin=file, stdout=subprocess.PIPE) as program,
        ):
            # The position is that of both processes.
            yield _watched(cast(BinaryIO, program.process.stdout), lambda: seen(file.tell()))
    else:
        with path.open("rb") as file:
            source = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if ending == ".gz" else file
            try:
                yield _watched(source, lambda: seen(file.tell()))
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise BackupError(
                    f"{path.name} is damaged: it cannot be read to its end. Use another backup."
                ) from None


def read(path: Path, seen: Callable[[int], None] = lambda _: None) -> Contents:
    """Read an archive to its end, and return what is in it; raise BackupError when it is not whole."""
    contents = Contents()
    with opened(path, seen) as source:
        is_whole = False
        last = LAST_LINE
        for line in source:
            if match := COPY.fullmatch(line):
                name = match[1].decode()
                columns = match[2].decode().split(", ") if match[1] == MIGRATIONS else []
                contents.rows[name] = _read_rows(source, columns, contents.migrations)
            elif match := SERVER.match(line):
                contents.server = int(match[1])
            elif line.startswith(RESTRICT):
                last = b"\\un" + line.removeprefix(b"\\")
            elif line == last:
                is_whole = True
    if not is_whole:
        raise BackupError(f"{path.name} is not whole: its end is missing. Use another backup.")
    return contents


def _read_rows(source: Iterator[bytes], columns: list[str], migrations: set[tuple[str, str]]) -> int:
    """Read the rows of a table, and return how many there are; those of Django's migrations go to ``migrations``."""
    count = 0
    for line in source:
        if line == END_OF_ROWS:
            return count
        count += 1
        if columns:
            row = dict(zip(columns, line.decode().rstrip("\n").split("\t"), strict=True))
            migrations.add((row["app"], row["name"]))
    return count


def _watched(source: BinaryIO, seen: Callable[[], None]) -> Iterator[bytes]:
    """Yield the lines of a file; ``seen`` is called every so many."""
    for number, line in enumerate(source):
        if number % 1000 == 0:
            seen()
        yield line
