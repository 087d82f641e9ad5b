"""Filling a database with what an archive has in it, in one transaction, which counts the rows before it ends."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from ops.backups.archive import COPY, END_OF_ROWS, Contents, opened
from ops.backups.programs import Program

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
        -- Those of identity columns go with their tables.
        ORDER BY kind = 'SEQUENCE'
    LOOP EXECUTE statement; END LOOP;
END $empty$;
"""


def load(database: str, archive: Path, contents: Contents, seen: Callable[[int], None], is_emptied: bool) -> None:
    """Fill a database with what ``archive`` has in it; what was in it goes, if it is to be emptied before.

    Raises BackupError, and leaves the database as it was, when that fails or a table has other than the rows that
    ``contents`` says.
    """
    arguments = ["--no-psqlrc", "--quiet", "--single-transaction", "--set", "ON_ERROR_STOP=1", "--file", "-"]
    with (
        opened(archive, seen) as source,
        Program("psql", *arguments, database=database, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as program,
    ):
        psql = cast(BinaryIO, program.process.stdin)
        # The database may refuse writes that nobody meant; these are meant.
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
