"""The project behind a real PgBouncer in transaction mode, as PRODUCTION.md says, and why it says so."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Project
from tests.support.combinations import ALL_ON
from tests.support.production_site import production
from tests.support.servers import pgbouncer, postgresql, redis

OPTION = "?disable_server_side_cursors=true"
CONNECTIONS = 3
# Four threads read a table in pieces, each its next piece when all have read one.
READ = """
import threading
from django.db import connection
from apps.users.models import User

wrong, all_have_read = [], threading.Barrier(4)

def read():
    try:
        for _ in range(5):
            rows = User.objects.values_list("email", flat=True).iterator(chunk_size=50)
            next(rows)
            all_have_read.wait(20)
            assert len(list(rows)) == 199
            all_have_read.wait(20)
    except Exception as error:
        wrong.append(type(error).__name__)
        all_have_read.abort()
    finally:
        connection.close()

threads = [threading.Thread(target=read) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(set(wrong) - {"BrokenBarrierError"}))
"""
# Twenty threads are connected at a time and write; how many connections does PostgreSQL have?
WRITE = """
import threading
from django.db import connection, transaction
from apps.users.models import User

all_are_connected = threading.Barrier(20)

def write(number):
    User.objects.count()
    all_are_connected.wait(20)
    with transaction.atomic():
        User.objects.create(email=f"{number}@example.org")
    connection.close()

threads = [threading.Thread(target=write, args=[number]) for number in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
cursor = connection.cursor()
cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
print(User.objects.filter(email__endswith="@example.org").count(), cursor.fetchone()[0])
"""
FILL = (
    "from apps.users.models import User; User.objects.bulk_create(User(email=f'{n}@example.com') for n in range(200))"
)


# The limits of a process that answers requests.
LIMITS = """
import config.wsgi
from django.db import connection
from django.conf import settings

cursor = connection.cursor()
for name in settings.DATABASE_TIMEOUTS:
    cursor.execute(f"SHOW {name}")
    print(cursor.fetchone()[0], end=" ")
"""


# A migration whose row in the table of migrations no transaction of Django's surrounds, because of its deferred SQL.
MIGRATION = """
from django.db import migrations


def defer(apps, editor):
    editor.deferred_sql.append("ALTER TABLE auth_group ADD added int")


class Migration(migrations.Migration):
    operations = [migrations.RunPython(defer)]
"""
# The database is read-only, and another session has the table until two attempts have failed.
MIGRATE = """
import sys
import psycopg
from django.conf import settings
from django.core.management import CommandError, call_command
from ops.database.management.commands import migrate

sys.path.append(%r)
settings.MIGRATION_MODULES = {"health": "deferred"}
migrate.LOCK_TIMEOUTS = (0.1, 0.3)
holder = psycopg.connect(%r)
holder.execute("ALTER DATABASE postgres SET default_transaction_read_only TO on")
holder.commit()
try:
    holder.execute("SELECT 1 FROM auth_group")
    try:
        call_command("migrate", "health", verbosity=0)
    except CommandError as error:
        print(error)
    holder.rollback()
    call_command("migrate", "health")
finally:
    holder.execute("BEGIN READ WRITE")
    holder.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
    holder.commit()
"""
# How long other clients wait for a lock, on each connection that they share with it.
LOCK_TIMEOUT = """
import threading
from django.db import connection, transaction

together, found = threading.Barrier(%d), set()

def look():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        found.add(cursor.fetchone())
        together.wait(20)
    connection.close()

threads = [threading.Thread(target=look) for _ in range(together.parties)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(found)
"""


class Pool(NamedTuple):
    """The project behind PgBouncer."""

    # Runs a command of manage.py; DATABASE_URL is the first argument.
    manage: Callable[..., str]
    # The URL that leads to PgBouncer.
    url: str
    # The URL that leads to PostgreSQL itself.
    direct: str


@pytest.fixture(scope="module")
def pool(bake: Callable[..., Project], install: Callable[..., Path]) -> Iterator[Pool]:
    """The project behind PgBouncer, migrated through it."""
    project = bake(**ALL_ON)
    python = install(project, "production")
    [options] = re.findall(r"^    name = host=\S+ (connect_query=.*)$", project.read("PRODUCTION.md"), re.MULTILINE)
    with postgresql() as database, redis() as cache, pgbouncer(database, CONNECTIONS, options) as bouncer:

        def manage(url: str, *command: str) -> str:
            environment = production(database, cache) | {"DJANGO_SETTINGS_MODULE": "config.settings.production"}
            environment |= {"DATABASE_URL": url, "CONN_MAX_AGE": "0"}
            return project.run(python, "manage.py", *command, **environment).stdout.strip()

        manage(bouncer.url + OPTION, "migrate")
        yield Pool(manage, bouncer.url, database.url)


@pytest.fixture
def shell(pool: Pool) -> Callable[..., str]:
    """Run code in the project behind PgBouncer; the query of DATABASE_URL is the argument."""

    def run(query: str, code: str, is_direct: bool = False) -> str:
        url = (pool.direct if is_direct else pool.url) + query
        return pool.manage(url, "shell", "--no-imports", "--command", code)

    return run


def test_reading_in_pieces_needs_the_option(shell: Callable[..., str]) -> None:
    shell(OPTION, FILL)
    assert shell(OPTION, READ) == "[]"
    # Without it, a piece is asked for on a connection that knows nothing of the pieces before.
    assert shell("", READ) != "[]"


def test_many_threads_share_few_connections(shell: Callable[..., str]) -> None:
    written, connections = shell(OPTION, WRITE).split()
    assert int(written) == 20
    assert int(connections) <= CONNECTIONS


def test_requests_have_limits_and_commands_have_none(shell: Callable[..., str]) -> None:
    def limits(query: str, code: str = LIMITS, is_direct: bool = False) -> str:
        # Before them, the log may have a line.
        return shell(query, code, is_direct).splitlines()[-1].strip()

    # By way of PgBouncer in transaction mode its connect_query sets them; elsewhere the process does.
    assert limits(OPTION) == "30s 3s 1min"
    assert limits("", is_direct=True) == "30s 3s 1min"
    assert limits(OPTION, LIMITS.replace("import config.wsgi", ""), is_direct=True) == "0 0 0"
    # In session mode a URL has no such option, and PgBouncer must take what sets them.
    assert limits("") == "30s 3s 1min"


def test_migration_keeps_its_limits_to_its_own_transactions(
    pool: Pool, shell: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "deferred").mkdir()
    (tmp_path / "deferred/__init__.py").touch()
    (tmp_path / "deferred/0001_deferred.py").write_text(MIGRATION)
    said = shell(OPTION, MIGRATE % (str(tmp_path), pool.direct))
    assert "health.0001_deferred did not get a lock in 2 attempts: canceling statement due to lock timeout" in said
    assert said.endswith("Applying health.0001_deferred... OK")
    # The limit of connect_query.
    assert shell(OPTION, LOCK_TIMEOUT % CONNECTIONS) == "{('3s',)}"
