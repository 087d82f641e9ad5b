"""The archive of a database: read to its end, as the SQL that it is or becomes, and loaded into a database."""

import gzip
import re
import secrets
import subprocess
import zlib
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from django.apps import apps

from ops.backups.databases import OWNED
from ops.backups.files import PARTIAL, BackupError
from ops.backups.programs import Program
from ops.signals import block_signals

# Whether a table's rows follow, one a line, up to a line "\." (pg_dump writes so; "COPY" in PostgreSQL's manual).
COPY = re.compile(rb"COPY (\S.*?) \((.*)\) FROM stdin;\n")
END_OF_ROWS = b"\\.\n"
# Bytes of a line that are in memory at once: a row has as many as its values, of which each may have a gigabyte.
PIECE = 1024 * 1024
# The status of psql when PostgreSQL has refused a statement.
REFUSED = 3
LAST_LINE = b"-- PostgreSQL database dump complete\n"
# Since 2025, psql is kept from its own commands up to a line "\unrestrict" with the same key, which comes still later.
RESTRICT = b"\\restrict "
# The comment above each object.
HEADER = re.compile(rb"-- (?:Data for )?Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: .*\n")
# Types of objects that may belong to an administrator, so that a restore has to leave them as they are.
ADMINISTRATED = {"EXTENSION", "PUBLICATION", "EVENT TRIGGER", "FOREIGN DATA WRAPPER", "SERVER"}
GRANT = re.compile(rb"(?:GRANT|ALTER DEFAULT PRIVILEGES) .* TO (\S+|\".*\")(?: WITH GRANT OPTION)?;\n")
SERVER = re.compile(rb"-- Dumped from database version (\d+)")
MIGRATIONS = "django_migrations"


@dataclass
class Contents:
    """What an archive has in it."""

    # The major version of the PostgreSQL that it comes from.
    server: int = 0
    # How many rows each table has, by the name that SQL gives it.
    rows: dict[str, int] = field(default_factory=dict)
    # App and name of each migration that was applied.
    migrations: set[tuple[str, str]] = field(default_factory=set)
    # Type and name of the objects that an administrator may have to create, such as ("EXTENSION", "citext").
    objects: set[tuple[str, str]] = field(default_factory=set)
    # The roles, as SQL quotes them, that have privileges.
    grantees: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        """How many rows all tables have."""
        return sum(self.rows.values())

    def model_tables(self) -> list[str]:
        """Return the tables of Django's models that are in the archive, in whichever schema, as Django names them."""
        found = {name.partition(".")[2] for name in self.rows}
        tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)} | {MIGRATIONS}
        return sorted(table for table in tables if {table, f'"{table}"'} & found)

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
        arguments = ("--file", "-", "--no-owner")
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
                columns = match[2].decode().split(", ") if name.endswith(f".{MIGRATIONS}") else []
                contents.rows[name] = _read_rows(source, columns, contents.migrations)
            elif (match := HEADER.fullmatch(line)) and match[2].decode() in ADMINISTRATED:
                contents.objects.add((match[2].decode(), match[1].decode()))
            elif match := GRANT.fullmatch(line):
                contents.grantees.add(match[1].decode())
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
# an older server does not know the setting, which a newer pg_dump writes at the beginning. psql is restricted before.
# All privileges are granted by the role itself.
LEFT_OUT = re.compile(
    rb"COMMENT ON EXTENSION |SET transaction_timeout |(RE)?SET SESSION AUTHORIZATION |\\(un)?restrict \w+\n"
)
# Drop the objects of the role, but keep the objects of extensions: for a database that cannot be replaced. The
# statements are made before the first is run, because dropping an object with CASCADE drops others of the list. Objects
# below 16384 are PostgreSQL's own. A schema that holds an extension stays, because the extension would go with it. The
# temporary tables of other sessions, which a crash leaves behind, cannot be dropped and are in no backup.
EMPTY = b"""
DO $empty$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP %%s IF EXISTS %%s CASCADE', replace(replace(type, ' object', ''), '-', ' '), identity)
        FROM (
            %s
        ) AS things (class, id, owner), pg_identify_object(class, id, 0)
        WHERE id >= 16384 AND pg_has_role(owner, 'USAGE') AND coalesce(schema, '') !~ '^pg_temp' AND NOT EXISTS (
            -- Part of an extension, or of another object, such as the type and the sequences of a table.
            SELECT FROM pg_depend WHERE classid = class AND objid = id AND objsubid = 0 AND deptype IN ('e', 'i')
        )
        UNION ALL SELECT format('SELECT lo_unlink(%%s)', oid)
        FROM pg_largeobject_metadata WHERE pg_has_role(lomowner, 'USAGE')
    ) LOOP EXECUTE statement; END LOOP;
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP SCHEMA IF EXISTS %%I CASCADE', nspname) FROM pg_namespace AS n
        WHERE oid >= 16384 AND nspname !~ '^pg_' AND nspname <> 'public' AND pg_has_role(nspowner, 'USAGE')
            AND NOT EXISTS (SELECT FROM pg_extension WHERE extnamespace = n.oid)
            AND NOT EXISTS (
                SELECT FROM pg_depend WHERE classid = n.tableoid AND objid = n.oid AND deptype = 'e'
            )
    ) LOOP EXECUTE statement; END LOOP;
END $empty$;
""" % OWNED.encode()
# Objects that are created would get the present default privileges. An archive sets its own at its end.
RESET_DEFAULT_PRIVILEGES = b"""
DO $reset$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY(
        SELECT format(
            'ALTER DEFAULT PRIVILEGES FOR ROLE %I%s %s ON %s %s %s', pg_get_userbyid(defaclrole),
            CASE WHEN nspname IS NULL THEN '' ELSE format(' IN SCHEMA %I', nspname) END,
            action, kind, preposition, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
        )
        FROM pg_default_acl AS d
        LEFT JOIN pg_namespace AS n ON n.oid = defaclnamespace
        JOIN (VALUES ('r', 'TABLES'), ('S', 'SEQUENCES'), ('f', 'FUNCTIONS'), ('T', 'TYPES'), ('n', 'SCHEMAS'))
            AS kinds (type, kind) ON type = defaclobjtype,
        LATERAL (
            SELECT 1, 'REVOKE ALL', 'FROM', grantee FROM aclexplode(defaclacl)
            UNION SELECT 2, 'GRANT ' || privilege_type, 'TO', grantee
            FROM aclexplode(acldefault(
                CASE defaclobjtype WHEN 'S' THEN 's'::"char" ELSE defaclobjtype END, defaclrole
            )) WHERE defaclnamespace = 0
        ) AS steps (step, action, preposition, grantee)
        WHERE defaclrole = current_user::regrole ORDER BY d.oid, step
    ) LOOP EXECUTE statement; END LOOP;
END $reset$;
"""
CREATE_SCHEMA = b"CREATE SCHEMA "
PRIVILEGE = re.compile(rb"GRANT |REVOKE |ALTER DEFAULT PRIVILEGES ")
# A privilege that the role may not grant, or of a role that this server lacks, is a warning. It does not stop the
# restore.
ATTEMPT = b"""
DO $restore$ BEGIN %s EXCEPTION WHEN insufficient_privilege OR undefined_object
OR undefined_table OR undefined_function OR invalid_schema_name THEN
RAISE WARNING 'not restored: %%', $restored$%s$restored$; END $restore$;
"""


def pg_load(
    database: str,
    archive: Path,
    contents: Contents,
    progress: Callable[[int], None],
    is_emptied: bool,
    left_out: Set[tuple[str, str]] = frozenset(),
    committed: Callable[[bool | None], object] = lambda _: None,
) -> list[str]:
    """Restore an archive into a database, in one transaction that is committed once every table has its rows.

    Args: ``is_emptied``, whether the objects of the role are dropped first; ``left_out``, the types and names of the
    objects that are not restored; ``committed``, called while signals are delayed with True after the commit, and with
    None when it is not known whether there was one, because the connection was lost.
    Returns what PostgreSQL warned of, such as privileges that could not be granted.
    Raises BackupError. An error, or the end of this process, leaves the database unchanged.
    """
    # psql takes the end of its input for the end of its work: with --single-transaction, it would commit a part of it.
    arguments = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1", "--file", "-"]
    is_committed = False
    # An archive does not have the key that ends the restricted mode. In it, psql refuses its own commands, such as \!.
    key = secrets.token_hex(16)
    with (
        open_archive(archive, progress) as source,
        Program("psql", *arguments, database=database, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program,
    ):
        psql = cast(BinaryIO, program.process.stdin)
        # In read-only mode the database refuses writes by default. A restore must write. The results of the archive's
        # own statements are discarded: an unread pipe would fill.
        begin = f"\\o /dev/null\n\\restrict {key}\nBEGIN READ WRITE; SET LOCAL client_min_messages TO warning;\n"
        psql.write(begin.encode())
        if is_emptied:
            psql.write(EMPTY)
            if contents.grantees:
                psql.write(RESET_DEFAULT_PRIVILEGES)
        psql.writelines(_statements(source, left_out))
        psql.writelines(counted(contents))
        psql.write(f"\\unrestrict {key}\n\\o\nSELECT 'counted';\n".encode())
        psql.flush()
        if cast(BinaryIO, program.process.stdout).readline() == b"counted\n":
            with block_signals():
                psql.write(b"COMMIT;\n")
                psql.close()
                status = program.process.wait()
                # In any case but these, psql has not learned what became of the commit.
                if status != REFUSED:
                    committed(True if status == 0 else None)
                is_committed = status == 0
        warnings = program.warnings()
    if not is_committed:
        raise BackupError("psql ended before the restore was complete. Use another backup.")
    return warnings


def _statements(source: Iterator[bytes], left_out: Set[tuple[str, str]]) -> Iterator[bytes]:
    """Yield the lines of an archive that are to be restored. Args: ``left_out``, types and names of other objects."""
    is_row, is_left_out, kind = False, False, b""
    # As comments and privileges name it.
    names = {f"{kind} {name}" for kind, name in left_out}
    for line in source:
        if is_row:
            is_row = line != END_OF_ROWS
            yield line
            continue
        if match := HEADER.fullmatch(line):
            kind = match[2]
            name = match[1].decode()
            is_left_out = (kind.decode(), name) in left_out or name in names
        # pg_dump puts large objects into transactions of their own. Their COMMIT would end the restore's transaction.
        if is_left_out or LEFT_OUT.match(line) or (kind == b"BLOBS" and line in (b"BEGIN;\n", b"COMMIT;\n")):
            continue
        if kind in (b"ACL", b"DEFAULT ACL") and PRIVILEGE.match(line):
            yield ATTEMPT % (line, line.strip())
        elif kind == b"SCHEMA":
            yield line.replace(CREATE_SCHEMA, CREATE_SCHEMA + b"IF NOT EXISTS ")
        else:
            yield line
        is_row = COPY.fullmatch(line) is not None


def counted(contents: Contents) -> Iterator[bytes]:
    """Yield statements that fail unless each table has its rows, and Django finds the tables of its models."""
    for name, rows in contents.rows.items():
        told = name.replace("'", "''").replace("%", "%%")
        # The name is as pg_dump has quoted it.
        yield (
            f"DO $count$ DECLARE found bigint; BEGIN SELECT count(*) INTO found FROM ONLY {name}; "  # noqa: S608
            f"IF found <> {rows} THEN "
            f"RAISE EXCEPTION '{told} has % rows instead of {rows}', found; END IF; END $count$;\n"
        ).encode()
    # The archive has emptied search_path. The site's sessions use the database's default.
    yield b"SET LOCAL search_path TO DEFAULT;\n"
    for table in contents.model_tables():
        yield (
            f"DO $find$ BEGIN IF to_regclass('\"{table}\"') IS NULL THEN RAISE EXCEPTION 'Django does not find the "
            f"table {table} of the backup in the schemas of search_path (%). Set it for this database', "
            "current_setting('search_path'); END IF; END $find$;\n"
        ).encode()
