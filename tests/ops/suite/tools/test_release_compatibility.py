"""Which statements of a migration the code of the former release cannot live with."""

import pytest

from tools.release.migrations import incompatibilities, is_in_the_way, strongest

KNOWN = {"shop_item"}


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ('ALTER TABLE "shop_item" DROP COLUMN "note" CASCADE', "it drops a column"),
        ('ALTER TABLE "shop_item" RENAME COLUMN "note" TO "text"', "it renames a column"),
        ('ALTER TABLE "shop_item" RENAME TO "shop_thing"', "it renames a table"),
        ('DROP TABLE "shop_item" CASCADE', "it drops a table"),
        ('ALTER TABLE "shop_item" ALTER COLUMN "note" SET NOT NULL', "it makes a column NOT NULL"),
        ('ALTER TABLE "shop_item" ALTER COLUMN "note" TYPE integer USING "note"::integer', "it changes the type"),
        ('ALTER TABLE "shop_item" ADD CONSTRAINT "one" UNIQUE ("note")', "it makes values unique"),
        ('CREATE UNIQUE INDEX "one" ON "shop_item" ("note")', "it makes values unique"),
        ('ALTER TABLE "shop_item" ADD CONSTRAINT "few" CHECK ("note" < 9)', "it forbids values"),
        ('ALTER TABLE "shop_item" ADD CONSTRAINT "a" FOREIGN KEY ("id") REFERENCES "a" ("id")', "it forbids values"),
        ("-- nobody needs it\nalter table shop_item\n    drop column note", "it drops a column"),
    ],
)
def test_a_statement_that_the_former_code_cannot_live_with(statement: str, reason: str) -> None:
    [found] = incompatibilities([statement], KNOWN)
    assert found.startswith(reason)


@pytest.mark.parametrize(
    "statement",
    [
        'ALTER TABLE "shop_item" ADD COLUMN "note" text NULL',
        'ALTER TABLE "shop_item" ADD COLUMN "note" text DEFAULT \'\' NOT NULL',
        'ALTER TABLE "shop_item" ADD COLUMN "number" integer NULL CHECK ("number" >= 0)',
        'CREATE INDEX "by_note" ON "shop_item" ("note")',
        'CREATE TABLE "shop_order" ("id" bigint NOT NULL PRIMARY KEY)',
        'ALTER TABLE "shop_order" ADD CONSTRAINT "one" UNIQUE ("id")',
        'UPDATE "shop_item" SET "note" = \'DROP COLUMN\'',
    ],
)
def test_a_statement_that_it_can_live_with(statement: str) -> None:
    assert incompatibilities([statement], KNOWN) == []


def test_a_column_that_loses_its_default_again_must_have_a_value() -> None:
    statements = [
        'ALTER TABLE "shop_item" ADD COLUMN "note" text DEFAULT \'\' NOT NULL',
        'ALTER TABLE "shop_item" ALTER COLUMN "note" DROP DEFAULT',
    ]
    assert incompatibilities(statements, KNOWN) == [
        "it makes a column NOT NULL, and the former code writes rows without a value for it"
    ]


def test_the_strongest_lock_on_each_table_is_told() -> None:
    held = [("a", "AccessExclusiveLock"), ("a", "AccessShareLock"), ("b", "ShareLock"), ("c", "AccessShareLock")]
    assert strongest([*held, ("d", "RowExclusiveLock")]) == {
        "a": "AccessExclusiveLock",
        "b": "ShareLock",
        "d": "RowExclusiveLock",
    }
    assert is_in_the_way("ShareLock")
    assert not is_in_the_way("RowExclusiveLock")
