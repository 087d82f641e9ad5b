"""Databases of the server beside the one in service: made, filled, put in its place, and dropped."""

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from ops.backups.files import STAMP, BackupError
from ops.backups.programs import CONNECT_TIMEOUT, parameters
from ops.postgres import connected_to
from ops.signals import block_signals

# The database that every server has, in which to be while others are made and renamed.
MAINTENANCE = "postgres"
# PostgreSQL cuts names that are longer (NAMEDATALEN).
LONGEST_NAME = 63
LOCALES = {"c": SQL("libc"), "i": SQL("icu"), "b": SQL("builtin")}
# What else the database in service was made with and set to, for the new one to be the same.
MAKING = """
    SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba), datlocprovider, datcollate, datctype,
        jsonb_extract_path_text(to_jsonb(d), 'datlocale'), jsonb_extract_path_text(to_jsonb(d), 'daticulocale')
    FROM pg_database AS d WHERE datname = %s
"""
SETTINGS = """
    SELECT rolname, unnest(setconfig) FROM pg_db_role_setting JOIN pg_database AS d ON d.oid = setdatabase
    LEFT JOIN pg_roles AS r ON r.oid = setrole WHERE datname = %s
"""
# The statements that give another database the privileges, the connection limit and the comment of the one in service.
PROPERTIES = """
    SELECT statement FROM pg_database AS d, LATERAL (
        SELECT 1, format('REVOKE ALL ON DATABASE %%I FROM PUBLIC, %%I', %(new)s::text, pg_get_userbyid(datdba))
        WHERE datacl IS NOT NULL
        UNION ALL SELECT 2, format(
            'GRANT %%s ON DATABASE %%I TO %%s%%s', privilege_type, %(new)s::text,
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
            CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
        ) FROM aclexplode(datacl)
        UNION ALL SELECT 3, format('ALTER DATABASE %%I CONNECTION LIMIT %%s', %(new)s::text, datconnlimit)
        UNION ALL SELECT 4, format(
            'COMMENT ON DATABASE %%I IS %%L', %(new)s::text, shobj_description(d.oid, 'pg_database')
        )
    ) AS steps (step, statement) WHERE datname = %(old)s ORDER BY step
"""
# Type and name of the objects in the database in service that an administrator has created, and this role cannot.
ADMINISTRATED = """
    SELECT 'EXTENSION', extname FROM pg_extension JOIN pg_available_extension_versions AS v
    ON v.name = extname AND v.version = extversion WHERE superuser AND NOT trusted
    UNION ALL SELECT 'PUBLICATION', pubname FROM pg_publication
    WHERE puballtables AND NOT pg_has_role(pubowner, 'USAGE')
    UNION ALL SELECT 'EVENT TRIGGER', evtname FROM pg_event_trigger AS e WHERE NOT pg_has_role(evtowner, 'USAGE')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = e.tableoid AND objid = e.oid AND deptype = 'e')
    UNION ALL SELECT 'FOREIGN DATA WRAPPER', fdwname FROM pg_foreign_data_wrapper AS w
    WHERE NOT pg_has_role(fdwowner, 'USAGE')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = w.tableoid AND objid = w.oid AND deptype = 'e')
    UNION ALL SELECT 'SERVER', srvname FROM pg_foreign_server WHERE NOT pg_has_role(srvowner, 'USAGE')
"""
# The catalog, the ID and the owner of each object that a restore in place drops with a DROP statement.
OWNED = """
    SELECT tableoid, oid, relowner FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    UNION ALL SELECT tableoid, oid, typowner FROM pg_type
    UNION ALL SELECT tableoid, oid, proowner FROM pg_proc
    UNION ALL SELECT tableoid, oid, oprowner FROM pg_operator
    UNION ALL SELECT tableoid, oid, opcowner FROM pg_opclass
    UNION ALL SELECT tableoid, oid, opfowner FROM pg_opfamily
    UNION ALL SELECT tableoid, oid, collowner FROM pg_collation
    UNION ALL SELECT tableoid, oid, conowner FROM pg_conversion
    UNION ALL SELECT tableoid, oid, cfgowner FROM pg_ts_config
    UNION ALL SELECT tableoid, oid, dictowner FROM pg_ts_dict
    UNION ALL SELECT tableoid, oid, stxowner FROM pg_statistic_ext
    UNION ALL SELECT tableoid, oid, pubowner FROM pg_publication
    UNION ALL SELECT tableoid, oid, evtowner FROM pg_event_trigger
    UNION ALL SELECT tableoid, oid, srvowner FROM pg_foreign_server
    UNION ALL SELECT tableoid, oid, fdwowner FROM pg_foreign_data_wrapper
"""
# Type, name and owner of the objects of other roles. A new database would give them to this role. In place, this role
# cannot drop them, and a schema stays.
FOREIGN = """
    SELECT type, identity, rolname FROM (
        {owned}
        UNION ALL SELECT tableoid, oid, nspowner FROM pg_namespace
        UNION ALL SELECT 'pg_largeobject'::regclass, oid, lomowner FROM pg_largeobject_metadata
    ) AS things (class, id, owner) JOIN pg_roles AS r ON r.oid = owner, pg_identify_object(class, id, 0)
    WHERE (id >= 16384 OR type = 'large object') AND NOT pg_has_role(owner, 'USAGE')
        AND coalesce(schema, '') !~ '^pg_' AND identity !~ '^pg_(temp|toast)'
        AND class::regclass::text NOT IN ('pg_event_trigger', 'pg_foreign_server', 'pg_foreign_data_wrapper')
        AND NOT EXISTS (SELECT FROM pg_publication WHERE tableoid = class AND oid = id AND puballtables)
        AND NOT EXISTS (
            SELECT FROM pg_depend WHERE classid = class AND objid = id AND objsubid = 0 AND deptype IN ('e', 'i')
        )
"""
# PostgreSQL's own objects and the objects of extensions have their privileges anyway.
GRANTEES = """
    SELECT DISTINCT quote_ident(rolname) FROM (
        SELECT tableoid, oid, relacl FROM pg_class UNION ALL SELECT tableoid, oid, nspacl FROM pg_namespace
        UNION ALL SELECT tableoid, oid, proacl FROM pg_proc UNION ALL SELECT tableoid, oid, typacl FROM pg_type
        UNION ALL SELECT tableoid, oid, defaclacl FROM pg_default_acl
        UNION ALL SELECT tableoid, oid, lomacl FROM pg_largeobject_metadata
    ) AS things (class, id, acl), aclexplode(acl) JOIN pg_roles AS r ON r.oid = grantee
    WHERE id >= 16384 AND NOT pg_has_role(r.oid, 'USAGE')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = class AND objid = id AND deptype = 'e')
"""
READ_ONLY = "default_transaction_read_only"
# The settings that PostgreSQL stores as a list of quoted names (GUC_LIST_QUOTE); pg_dump has the same list.
LISTS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
# A name in such a list.
LISTED = re.compile(r'"((?:[^"]|"")*)"|([^,\s]+)')


@dataclass(frozen=True)
class Retained:
    """A database that a restore has replaced, and its size in bytes."""

    name: str
    size: int


def in_service() -> str:
    """Return the name of the database in service."""
    return str(connection.settings_dict["NAME"])


def beside(purpose: str) -> str:
    """Return the name of a database that belongs to the one in service."""
    return f"{in_service()[: LONGEST_NAME - len(purpose) - 1]}_{purpose}"


def server_version() -> int:
    """Return the major version of the server."""
    connection.ensure_connection()
    return int(connection.pg_version) // 10000  # type: ignore[attr-defined]


def obstacle() -> str | None:
    """Return why this role cannot put a new database in the place of the one in service, or None."""
    if reason := obstacle_to_create():
        return reason
    if kept := administrated():
        names = ", ".join(f"{kind.lower()} {name}" for kind, name in sorted(kept))
        return f"its role may not create what an administrator has created in it ({names})"
    with session() as connected:
        if refused := _uncopied_settings(connected):
            return f"its role may not set {', '.join(sorted({variable for _, variable in refused}))}"
    return None


def obstacle_to_create() -> str | None:
    """Return why this role cannot create a database beside the one in service, or None."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolcreatedb, rolsuper OR pg_has_role(datdba, 'USAGE') FROM pg_roles, pg_database "
            "WHERE rolname = current_user AND datname = current_database()"
        )
        may_create, is_owner = cursor.fetchone()
    if not may_create:
        return "its role may not create databases"
    if not is_owner:
        return "its role does not own the database"
    try:
        with session():
            return None
    except psycopg.OperationalError as error:
        return f"the database {MAINTENANCE} cannot be reached ({str(error).strip()})"


def require_no_prepared_transaction() -> None:
    """Raise BackupError when a prepared transaction keeps the database in service from being replaced."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_literal(gid), owner FROM pg_prepared_xacts WHERE database = current_database()")
        found = cursor.fetchall()
    if found:
        owners = ", ".join(sorted({owner for _, owner in found}))
        statements = " ".join(f"ROLLBACK PREPARED {gid};" for gid, _ in found)
        raise BackupError(
            f"The database {in_service()} has prepared transactions of {owners}, which keep it from being replaced. "
            f"End them with COMMIT PREPARED, or with: {statements}"
        )


def administrated() -> set[tuple[str, str]]:
    """Return type and name of the objects in the database in service that only an administrator can create."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone() == (True,):
            return set()
        cursor.execute(ADMINISTRATED)
        return set(cursor.fetchall())


def foreign() -> list[tuple[str, str, str]]:
    """Return type, name and owner of the objects in the database in service whose owner this role cannot act as."""
    with connection.cursor() as cursor:
        cursor.execute(SQL(FOREIGN).format(owned=SQL(OWNED)))
        return sorted(cursor.fetchall())


def foreign_schemas() -> set[tuple[str, str]]:
    """Return type and name, as an archive has them, of the schemas in the database in service of other roles."""
    return {
        ("SCHEMA", name.removeprefix('"').removesuffix('"').replace('""', '"'))
        for kind, name, _ in foreign()
        if kind == "schema"
    }


def irreplaceable() -> str | None:
    """Return the objects that keep the contents of the database in service from being replaced in place, or None."""
    kept = [f"{kind} {name} of {owner}" for kind, name, owner in foreign() if kind != "schema"]
    more = [f"{len(kept) - 5} more"] if len(kept) > 5 else []
    return ", ".join(kept[:5] + more) or None


def grantees() -> set[str]:
    """Return the roles, as SQL quotes them, that have been granted privileges on objects of the database in service."""
    with connection.cursor() as cursor:
        cursor.execute(GRANTEES)
        return {name for [name] in cursor.fetchall()}


def _uncopied_settings(connected: psycopg.Connection[Any]) -> set[tuple[str | None, str]]:
    """Return role and name of the settings of the database in service that this role cannot give to another."""
    refused = set()
    for role, variable, value in settings_of(connected):
        try:
            # The same value once more, which is undone.
            with connected.transaction(force_rollback=True):
                set_value(in_service(), variable, value, connected, role)
        except psycopg.errors.InsufficientPrivilege:
            refused.add((role, variable))
    return refused


def settings_of(connected: psycopg.Connection[Any]) -> list[tuple[str | None, str, str]]:
    """Return role, name and value of the settings of the database in service; the role of most is None."""
    rows = connected.execute(SETTINGS, [in_service()]).fetchall()
    found = [(role, *setting.split("=", 1)) for role, setting in rows]
    return [(role, variable, value) for role, variable, value in found if variable != READ_ONLY]


@contextlib.contextmanager
def session() -> Iterator[psycopg.Connection[Any]]:
    """Connect to another database of the server, whose statements take effect one by one."""
    with psycopg.connect(make_conninfo(**parameters() | {"dbname": MAINTENANCE}), autocommit=True) as connected:
        yield connected


def wait_for_server() -> None:
    """Return when the server takes connections, as it does again after a crash, or after CONNECT_TIMEOUT seconds."""
    end = time.monotonic() + CONNECT_TIMEOUT
    while time.monotonic() < end:
        try:
            with session():
                return
        except psycopg.OperationalError:
            time.sleep(0.1)


@contextlib.contextmanager
def translate_errors() -> Iterator[None]:
    """Turn an error of the server, such as the loss of a connection, into a sentence."""
    try:
        yield
    except (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise BackupError(f"PostgreSQL failed: {reason}. See its log.") from error


@contextlib.contextmanager
def temporary(purpose: str) -> Iterator[str]:
    """Make an empty database as the one in service, which is dropped at the end unless it was renamed meanwhile.

    One that was killed has left its own, which is dropped first. Raises BackupError when one is at it already, on
    whichever machine.
    """
    name = beside(purpose)
    with session() as connected:
        if not connected.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone() == (True,):
            raise BackupError(f"Another restore or drill uses the database {name}. Wait until it ends.")
        drop(name, connected)
        try:
            _create(name, connected)
            yield name
        finally:
            # By a session of its own: when this ends early, the one above may have a statement that is being cancelled,
            # which would cancel this one as well, or may have failed.
            with block_signals():
                wait_for_server()
                with session() as other:
                    drop(name, other)


def _create(name: str, connected: psycopg.Connection[Any]) -> None:
    [made] = connected.execute(MAKING, [in_service()]).fetchall()
    encoding, owner, provider, collate, ctype, *locales = made
    statement = SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {}")
    parts = [statement.format(Identifier(name), Identifier(owner), Literal(encoding))]
    locale_of = SQL("LOCALE_PROVIDER {} LC_COLLATE {} LC_CTYPE {}")
    parts.append(locale_of.format(LOCALES[provider], Literal(collate), Literal(ctype)))
    if locale := next(filter(None, locales), None):
        parts.append(SQL("{}_LOCALE {}").format(LOCALES[provider], Literal(locale)))
    connected.execute(SQL(" ").join(parts))
    # A restore does not come here when one cannot be copied; a drill does without it.
    uncopied = _uncopied_settings(connected)
    for role, variable, value in settings_of(connected):
        if (role, variable) not in uncopied:
            set_value(name, variable, value, connected, role)


def set_value(
    name: str, variable: str, value: str, connected: psycopg.Connection[Any], role: str | None = None
) -> None:
    """Set the default of a variable for the sessions of a database, or of one role in it.

    Args: ``value``, as the table pg_db_role_setting has it.
    """
    values = [value]
    if variable in LISTS:
        values = [quoted.replace('""', '"') or plain for quoted, plain in LISTED.findall(value)] or [""]
    of_role = SQL("ROLE {} IN ").format(Identifier(role)) if role else SQL("")
    statement = SQL("ALTER {}DATABASE {} SET {} TO {}")
    literals = SQL(", ").join(map(Literal, values))
    connected.execute(statement.format(of_role, Identifier(name), Identifier(variable), literals))


def copy_properties(name: str) -> None:
    """Give a database the privileges, the connection limit and the comment of the one in service."""
    with session() as connected:
        for [statement] in connected.execute(PROPERTIES, {"new": name, "old": in_service()}).fetchall():
            connected.execute(statement)


def drop(name: str, connected: psycopg.Connection[Any]) -> None:
    """Drop a database, if it is there, with whoever is in it."""
    connected.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))


def exists(name: str) -> bool:
    """Return whether there is a database of this name."""
    with session() as connected:
        return connected.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def swap(new: str, aside: str) -> None:
    """Put a database in the place of the one in service, which is kept by the name ``aside``.

    Both happen in one transaction, so at no moment is there neither. Sessions are ended for it, and those that come
    wait until it is done. Raises BackupError, with everything as it was, when somebody's session cannot be ended.
    """
    name = in_service()
    rename = SQL("ALTER DATABASE {} RENAME TO {}")
    connection.close()
    with session() as ending, session() as renaming, _ending_sessions(name, ending):
        try:
            with renaming.transaction():
                # It waits for up to five seconds for the sessions to end (CountOtherDBBackends in PostgreSQL).
                renaming.execute(rename.format(Identifier(name), Identifier(aside)))
                renaming.execute(rename.format(Identifier(new), Identifier(name)))
        except psycopg.errors.ObjectInUse:
            raise BackupError(
                f"The database {name} has sessions that this role may not end. Close the sessions of other roles, "
                "which the view pg_stat_activity lists."
            ) from None


@contextlib.contextmanager
def _ending_sessions(name: str, connected: psycopg.Connection[Any]) -> Iterator[None]:
    """End the sessions of a database, over and over, for as long as the block takes."""
    is_over = Event()

    def end() -> None:
        while not is_over.wait(0.02):
            connected.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = current_user",
                [name],
            )

    def end_until_lost() -> None:
        # When the server ends, the session of the block fails too, and says so.
        with contextlib.suppress(psycopg.OperationalError):
            end()

    thread = Thread(target=end_until_lost, name="ending-sessions")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def before(time: datetime) -> str:
    """Return the name by which the database is kept that was in service until then."""
    return beside(f"before_{time.strftime(STAMP)}")


def name_to_keep() -> str:
    """Return a name for the database in service by which it can be kept: that of the present second."""
    while (name := before(timezone.now())) in [one.name for one in retained()]:
        time.sleep(0.1)
    return name


def retained() -> list[Retained]:
    """Return the databases that restores have replaced, the newest last."""
    # The stamp of any moment, and digits alone: another database may have a name that begins likewise.
    stamp = "[0-9]{8}_[0-9]{6}$"
    pattern = "^" + re.sub(stamp, stamp, before(timezone.now()))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datname, pg_database_size(oid) FROM pg_database WHERE datname ~ %s ORDER BY datname", [pattern]
        )
        return [Retained(name, size) for name, size in cursor.fetchall()]


def migrate(name: str) -> None:
    """Bring a database to the migrations of this code."""
    with connected_to(name):
        call_command("migrate", interactive=False, verbosity=0)
