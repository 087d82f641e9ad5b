"""What the documents of a release say of its migrations, requirements and variables."""

from tools.release.markdown import (
    Change,
    not_accepted,
    render_changes,
    render_default,
    render_migrations,
    render_questions,
    render_subjects,
    render_way_back,
)
from tools.release.migrations import Measured
from tools.release.project import Version

FORMER = Version(1, 2, 3)
HARMLESS = Measured("shop.0002_note", is_atomic=True, irreversible=[], locks={"shop_item": "AccessExclusiveLock"})
REWRITING = Measured(
    "shop.0003_price",
    is_atomic=True,
    irreversible=[],
    locks={"shop_item": "AccessExclusiveLock"},
    rewritten=["shop_item"],
    incompatible=["it drops a column, and the former code asks for it"],
)
LASTING = Measured("shop.0004_data", is_atomic=False, irreversible=["Raw Python operation"])
NEW_TABLE = Measured("shop.0005_order", is_atomic=True, irreversible=[])


def test_each_migration_says_what_it_does() -> None:
    assert render_migrations([HARMLESS, REWRITING, LASTING, NEW_TABLE], FORMER, set()) == (
        "- `shop.0002_note`\n"
        "    - locks `shop_item`: ACCESS EXCLUSIVE; blocks readers and writers until it ends\n"
        "    - can run while 1.2.3 serves\n"
        "    - can be undone\n"
        "- `shop.0003_price`\n"
        "    - locks `shop_item`: ACCESS EXCLUSIVE; blocks readers and writers until it ends\n"
        "    - `shop_item`: the whole table is rewritten, which takes the longer the larger it is\n"
        "    - **cannot run while 1.2.3 serves**: it drops a column, and the former code asks for it\n"
        "    - can be undone\n"
        "- `shop.0004_data`\n"
        "    - runs outside of a transaction, so that its locks cannot be measured: people have to read it\n"
        "    - can run while 1.2.3 serves\n"
        "    - **cannot be undone**: Raw Python operation\n"
        "- `shop.0005_order`\n"
        "    - locks no table that is in use\n"
        "    - can run while 1.2.3 serves\n"
        "    - can be undone"
    )


def test_what_people_accept_is_told_and_not_refused() -> None:
    accepted = {"shop.0003_price"}
    assert not_accepted([HARMLESS, REWRITING], set()) == ["shop.0003_price"]
    assert not_accepted([HARMLESS, REWRITING], accepted) == []
    assert "    - is accepted, although it drops a column, and" in render_migrations([REWRITING], FORMER, accepted)


def test_the_way_back_depends_on_what_the_migrations_do() -> None:
    assert "the code alone goes back to 1.2.3" in render_way_back([], FORMER, [])
    assert render_way_back([HARMLESS], FORMER, ["shop 0001_initial"]) == (
        "1.2.3 can serve with the database as it will be: the code alone goes back, and the database stays. "
        "To undo the migrations as well, before the code goes back:\n\n- `migrate shop 0001_initial`"
    )
    undone = render_way_back([HARMLESS, REWRITING], FORMER, ["shop 0001_initial"])
    assert undone.startswith("1.2.3 cannot serve with the database as it will be, because of `shop.0003_price`.")
    assert undone.endswith("- `migrate shop 0001_initial`")
    lasting = render_way_back([HARMLESS, LASTING], FORMER, ["shop 0001_initial"])
    assert lasting.endswith("and the database stays. What `shop.0004_data` has done cannot be undone.")
    both = render_way_back([REWRITING, LASTING], FORMER, ["shop 0001_initial"])
    assert "because of `shop.0003_price`, and `shop.0004_data` cannot be undone. The backup" in both
    assert "- `migrate" not in both


def test_the_checklist_asks_about_what_people_have_to_judge() -> None:
    added, changed = Change("MAIL_KEY", None, ""), Change("MAIL_LIMIT", "1", "2")
    meanings = {"MAIL_KEY": "Key (required)", "MAIL_LIMIT": "Seconds"}
    assert render_questions([REWRITING, LASTING, NEW_TABLE], [added, changed], meanings).splitlines() == [
        "- [ ] Former code and `shop.0003_price`: the site is stopped for it, or somebody knows that it is harmless",
        "- [ ] Size of `shop_item` in production judged: `shop.0003_price` locks it (ACCESS EXCLUSIVE)",
        "- [ ] Locks of `shop.0004_data` judged by somebody who has read it, for they were not measured",
        "- [ ] No way back from `shop.0004_data`: those who would have to go back know it",
        "- [ ] Value of `MAIL_KEY` decided for production: Key (required)",
    ]
    assert render_questions([NEW_TABLE], [changed], meanings) == "Nothing besides."


def test_changes_are_a_table() -> None:
    found = [Change("MAIL_KEY", None, ""), Change("MAIL_LIMIT", "1", "2"), Change("OLD", "x", None)]
    assert render_changes(found, "variable", render_default) == (
        "| variable | | before | now |\n| --- | --- | --- | --- |\n"
        "| `MAIL_KEY` | added |  | _(empty)_ |\n| `MAIL_LIMIT` | changed | `1` | `2` |\n| `OLD` | removed | `x` |  |"
    )
    assert render_changes([], "variable") == "No variable has changed."


def test_commits_are_a_list() -> None:
    assert render_subjects(["Add a_b", "Say <why>"]) == "- Add a\\_b\n- Say \\<why>"
    assert render_subjects([]) == "Nothing was committed."
