"""The archive of a database: read to its end, as the SQL that it is or becomes, and loaded into a database."""

import gzip
import re
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from ops.backups.files import PARTIAL, BackupError
from ops.backups.programs import Program

# Whether a table's rows follow, one a line, up to a line "\." (pg_dump writes so; "COPY" in PostgreSQL's manual).
COPY = re.compile(rb"COPY (\S.*?) \((.*)\) FROM stdin;\n")
END_OF_ROWS = b"\\.\n"
# Bytes of a line that are in memory at once: a row has as many as its values, of which each may have a gigabyte.
PIECE = 1024 * 1024
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
def open_archive(path: Path, progress: Callable[[int], None]) -> Iterator[Iterator[bytes]]:
    """Open an archive as the lines of SQL that restore it; ``progress`` takes the bytes read so far.

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
            yield _with_progress(cast(BinaryIO, program.process.stdout), lambda: progress(file.tell()))
    else:
        with path.open("rb") as file:
            source = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if ending == ".gz" else file
            try:
                yield _with_progress(source, lambda: progress(file.tell()))
            except (EOFError, gzip.BadGzipFile, zlib.error):
                raise BackupError(
                    f"{path.name} is damaged: its compressed data is incomplete. Use another backup."
                ) from None


def read(path: Path, progress: Callable[[int], None] = lambda _: None) -> Contents:
    """Read an archive to its end, and return what is in it; raise BackupError when it is not whole."""
    contents = Contents()
    with open_archive(path, progress) as source:
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
        raise BackupError(f"{path.name} is incomplete: its end is missing. Use another backup.")
    return contents


def _read_rows(source: Iterator[bytes], columns: list[str], migrations: set[tuple[str, str]]) -> int:
    """Read the rows of a table, and return how many there are; those of Django's migrations go to ``migrations``."""
    count = 0
    for line in source:
        if line == END_OF_ROWS:
            return count
        # Of a long row, only the last piece ends with it.
        count += line.endswith(b"\n")
        if columns:
            row = dict(zip(columns, line.decode().rstrip("\n").split("\t"), strict=True))
            migrations.add((row["app"], row["name"]))
    return count


def _with_progress(source: BinaryIO, progress: Callable[[], None]) -> Iterator[bytes]:
    """Yield the lines of a file, a line longer than PIECE in pieces; call ``progress`` every thousand of them.

    Only what is a line of its own is END_OF_ROWS: a piece, also the last of a line, is longer.
    """
    kept = b""
    for number, read in enumerate(iter(partial(source.readline, PIECE), b"")):
        if number % 1000 == 0:
            progress()
        piece = kept + read
        kept = b"" if piece.endswith(b"\n") else piece[-len(END_OF_ROWS) :]
        if len(piece) > len(kept):
            yield piece[: len(piece) - len(kept)]
    if kept:
        yield kept


# What the role of an application may not do, and need not: a comment on an extension belongs to who installed that; and
# an older server does not know the setting, which a newer pg_dump writes at the beginning.
LEFT_OUT = re.compile(rb"COMMENT ON EXTENSION |SET transaction_timeout ")
# Everything that the role owns but the schema public: for a database that cannot be replaced by another.
EMPTY = b"""
DO $empty$
DECLARE statement text;
BEGIN
    FOR statement IN
        SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_namespace
        WHERE pg_get_userbyid(nspowner) = current_user AND nspname <> 'public'
    LOOP EXECUTE statement; END LOOP;
    FOR statement IN
        SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name) FROM (
            SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
                WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind,
                format('public.%I', relname) AS name, oid, 'pg_class'::regclass AS class
            FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
                AND relnamespace = 'public'::regnamespace AND pg_get_userbyid(relowner) = current_user
            UNION ALL
            SELECT 'ROUTINE', oid::regprocedure::text, oid, 'pg_proc'::regclass
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND pg_get_userbyid(proowner) = current_user
            UNION ALL
            SELECT 'TYPE', format('public.%I', typname), oid, 'pg_type'::regclass
            FROM pg_type WHERE typtype IN ('e', 'd', 'r') AND typnamespace = 'public'::regnamespace
                AND pg_get_userbyid(typowner) = current_user
        ) AS things
        WHERE NOT EXISTS (
            SELECT FROM pg_depend AS d WHERE d.objid = things.oid AND d.classid = things.class AND d.deptype = 'e'
        )
        -- Sequences last: dropping a table drops the sequences of its identity columns.
        ORDER BY kind = 'SEQUENCE'
    LOOP EXECUTE statement; END LOOP;
END $empty$;
"""


def pg_load(
    database: str, archive: Path, contents: Contents, progress: Callable[[int], None], is_emptied: bool
) -> None:
    """Fill a database with what ``archive`` has in it; what was in it goes, if it is to be emptied before.

    Raises BackupError, and leaves the database as it was, when that fails or a table has other than the rows that
    ``contents`` says.
    """
    arguments = ["--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--file", "-"]
    with (
        open_archive(archive, progress) as source,
        Program("psql", *arguments, database=database, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as program,
    ):
        psql = cast(BinaryIO, program.process.stdin)
        # In read-only mode the database refuses writes by default. A restore must write.
        psql.write(b"SET TRANSACTION READ WRITE; SET LOCAL client_min_messages TO warning;\n")
        if is_emptied:
            psql.write(EMPTY)
        is_row = False
        for line in source:
            if is_row or not LEFT_OUT.match(line):
                psql.write(line)
            is_row = line != END_OF_ROWS if is_row else COPY.fullmatch(line) is not None
        psql.writelines(counted(contents))


def counted(contents: Contents) -> Iterator[bytes]:
    """Yield statements that fail unless each table has its rows."""
    for name, rows in contents.rows.items():
        told = name.replace("'", "''").replace("%", "%%")
        # The name is as pg_dump has quoted it.
        yield (
            f"DO $count$ DECLARE found bigint; BEGIN SELECT count(*) INTO found FROM {name}; "  # noqa: S608
            f"IF found <> {rows} THEN "
            f"RAISE EXCEPTION '{told} has % rows instead of {rows}', found; END IF; END $count$;\n"
        ).encode()
