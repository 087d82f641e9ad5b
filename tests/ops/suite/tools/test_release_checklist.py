"""How a checklist is read and ticked."""

import pytest

from tools.release.commands import CHECKS, require_complete
from tools.release.documents import checked_commit, filled, items, open_items, with_checked_commit, with_ticks
from tools.release.project import ReleaseError

VALUES = {"version": "1.2.3", "date": "2026-11-21", "former": "1.2.2", "questions": "- [ ] Size of `item` judged"}
FRESH = filled("checklist.md", VALUES)


def test_a_fresh_checklist_is_open_and_has_every_check() -> None:
    assert open_items(FRESH) == [item for item in items(FRESH) if item.section == "Before the release"]
    assert not any(item.is_ticked for item in items(FRESH))
    assert {item.check for item in open_items(FRESH)} == {*CHECKS, None}
    require_complete(FRESH)


def test_what_this_release_alone_asks_for_is_required_of_people() -> None:
    [item] = [item for item in open_items(FRESH) if "Size of" in item.text]
    assert item.check is None


def test_a_check_ticks_its_own_item_and_takes_the_tick_away() -> None:
    ticked = with_ticks(FRESH, {"tests": True, "lint": False})
    assert [item.check for item in items(ticked) if item.is_ticked] == ["tests"]
    assert with_ticks(ticked, {"tests": False}) == FRESH


def test_what_people_have_ticked_stays() -> None:
    by_hand = FRESH.replace("- [ ] Staging", "- [X] Staging")
    assert len(open_items(by_hand)) == len(open_items(FRESH)) - 1
    assert "- [X] Staging" in with_ticks(by_hand, dict.fromkeys(CHECKS, True))


def test_what_comes_after_the_tag_is_not_required() -> None:
    done = FRESH.replace("- [ ]", "- [x]").replace("- [x] Deployed", "- [ ] Deployed")
    assert open_items(done) == []


def test_the_commit_is_kept() -> None:
    assert checked_commit(FRESH) is None
    once = with_checked_commit(FRESH, "1" * 40)
    assert checked_commit(once) == "1" * 40
    assert checked_commit(with_checked_commit(once, "2" * 40)) == "2" * 40


def test_a_check_that_is_left_out_is_missed() -> None:
    with pytest.raises(ReleaseError, match=r"The checklist lacks `lint`, `tests` before the release\. Restore"):
        require_complete(FRESH.replace("- [ ] `lint`", "- `lint`").replace("`tests`: ", "tests: "))


def test_a_template_that_asks_for_more_than_there_is_is_refused() -> None:
    with pytest.raises(ReleaseError, match=r"checklist\.md cannot be filled in. Correct 'questions'"):
        filled("checklist.md", {name: value for name, value in VALUES.items() if name != "questions"})
