"""What migrations are seen to do, on a real PostgreSQL."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations import Migration
from pytest_django import DjangoDbBlocker, Settings

from tools.release.migrations import Measured, measure, path_of, scratch_database, split, was_in, way_back
from tools.release.project import ReleaseError

HEAD = """from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


"""
# The migrations of an app: what each begins with, and what it does.
SHOP = {
    "0001_initial": (
        "",
        'migrations.CreateModel("Item", [("id", models.BigAutoField(primary_key=True)), ("note", models.TextField())])',
    ),
    "0002_number": ("", 'migrations.AddField("item", "number", models.IntegerField(default=0))'),
    "0003_index": ("", 'migrations.AddIndex("item", models.Index(fields=["number"], name="by_number"))'),
    "0004_order": (
        "",
        'migrations.CreateModel("Order", [("id", models.BigAutoField(primary_key=True)), '
        '("item", models.ForeignKey("shop.item", models.CASCADE))])',
    ),
    "0005_data": (
        "def write(apps, schema_editor):\n"
        '    assert apps.get_model("contenttypes", "ContentType").objects.filter(app_label="users").exists()\n'
        '    apps.get_model("shop", "Item").objects.create(note="", number=1)\n\n\n',
        "migrations.RunPython(write)",
    ),
    "0006_type": ("", 'migrations.AlterField("item", "number", models.BigIntegerField(default=0))'),
    "0007_concurrent": ("", 'AddIndexConcurrently("item", models.Index(fields=["note"], name="by_note"))'),
    "0008_required": ("", 'migrations.AddField("order", "text", models.TextField(default=""))'),
}


def was_released(migration: Migration) -> bool:
    """Say that of the app the first migration alone was released."""
    return migration.app_label != "shop" or migration.name == "0001_initial"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Path]:
    """Install an app with migrations, of which nothing else knows."""
    folder = tmp_path / "shop" / "migrations"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    before = ("contenttypes", "0002_remove_content_type_name")
    for name, (head, operation) in SHOP.items():
        body = f"    dependencies = [{before}]\n    operations = [{operation}]\n"
        body += f"    atomic = {'Concurrently' not in operation}\n"
        (folder / f"{name}.py").write_text(f"{HEAD}{head}class Migration(migrations.Migration):\n{body}")
        before = ("shop", name)
    monkeypatch.syspath_prepend(tmp_path)
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "shop"]
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.mark.servers
@pytest.mark.usefixtures("shop", "django_db_setup")
def test_each_migration_is_measured(django_db_blocker: DjangoDbBlocker) -> None:
    there, pending = split(was_released)
    assert [migration.name for migration in pending] == list(SHOP)[1:]
    with django_db_blocker.unblock():
        before = connection.settings_dict["NAME"]
        found = {one.label: one for one in measure(there, pending)}
        assert connection.settings_dict["NAME"] == before

    number = found["shop.0002_number"]
    assert number.locks == {"shop_item": "AccessExclusiveLock"}
    assert number.incompatible == ["it makes a column NOT NULL, and the former code writes rows without a value for it"]
    assert (number.rewritten, number.irreversible) == ([], [])

    assert found["shop.0003_index"].locks == {"shop_item": "ShareLock"}
    assert found["shop.0003_index"].incompatible == []
    # The new table refers to one that is in use.
    assert found["shop.0004_order"].locks == {"shop_item": "ShareRowExclusiveLock"}

    data = found["shop.0005_data"]
    assert data.locks == {"shop_item": "RowExclusiveLock"}
    assert data.irreversible == ["Raw Python operation"]

    retyped = found["shop.0006_type"]
    assert retyped.locks == {"shop_item": "AccessExclusiveLock"}
    assert retyped.rewritten == ["shop_item"]
    assert len(retyped.incompatible) == 1

    assert found["shop.0007_concurrent"] == Measured("shop.0007_concurrent", is_atomic=False, irreversible=[])
    # Nobody knows the table yet.
    assert found["shop.0008_required"] == Measured("shop.0008_required", is_atomic=True, irreversible=[])


@pytest.mark.servers
@pytest.mark.usefixtures("django_db_setup")
def test_a_migration_that_fails_is_named(shop: Path, django_db_blocker: DjangoDbBlocker) -> None:
    migration = shop / "0002_number.py"
    migration.write_text(migration.read_text().replace(SHOP["0002_number"][1], 'migrations.RunSQL("SELECT 1 / 0")'))
    with (
        django_db_blocker.unblock(),
        pytest.raises(ReleaseError, match=r"^The migration shop\.0002_number cannot be applied: division by zero"),
    ):
        measure(*split(was_released))


@pytest.mark.servers
@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ReleaseError])
def test_the_database_is_dropped_whatever_happens(django_db_blocker: DjangoDbBlocker, end: type[BaseException]) -> None:
    names = []

    def use_it() -> None:
        with scratch_database():
            names.append(connection.settings_dict["NAME"])
            assert exists(names[0])
            raise end

    with django_db_blocker.unblock():
        before = connection.settings_dict["NAME"]
        with pytest.raises(end):
            use_it()
        assert connection.settings_dict["NAME"] == before
        assert not exists(names[0])


def exists(name: str) -> bool:
    """Say whether there is a database of that name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name])
        return bool(cursor.fetchone() == (1,))


@pytest.mark.usefixtures("shop")
def test_the_way_back_leads_to_the_last_migration_of_each_app() -> None:
    assert way_back(*split(was_released)) == ["shop 0001_initial"]
    assert way_back(*split(lambda migration: migration.app_label != "shop")) == ["shop zero"]


def test_what_depends_on_a_pending_migration_is_pending_too() -> None:
    there, pending = split(lambda migration: migration.app_label != "users")
    # Other apps may depend on users, as the admin does.
    assert {"users", "admin"} <= {migration.app_label for migration in pending}
    assert {"auth", "contenttypes", "sessions"} <= {migration.app_label for migration in there}


def test_a_migration_was_released_if_its_file_was() -> None:
    assert split(was_in({"apps/users/migrations/0001_initial.py"}))[1] == []
    pending = split(was_in(set()))[1]
    [users] = [migration for migration in pending if migration.app_label == "users"]
    assert path_of(users) == Path("apps/users/migrations/0001_initial.py").resolve()


def test_one_that_replaces_released_ones_counts_as_released(monkeypatch: pytest.MonkeyPatch) -> None:
    [users] = [migration for migration in split(was_in(set()))[1] if migration.app_label == "users"]
    monkeypatch.setattr(users, "replaces", [("users", "0001_first"), ("users", "0002_second")])
    folder = "apps/users/migrations"
    assert was_in({f"{folder}/0001_first.py", f"{folder}/0002_second.py"})(users)
    assert not was_in({f"{folder}/0001_first.py"})(users)
