"""The key that says that no label fits, and the chosen one is but the nearest."""

from pathlib import Path

import pytest

from routerlab.annotate.desk.item import Opinion, QueueItem
from routerlab.core.session.file import read_session
from routerlab.tui.annotate.choice import Choice
from tests.annotate.desk.harness import desk
from tests.tui.annotate.harness import CODE, CODE2, COT, annotating, secret

WORD = "no label fits"


@pytest.mark.parametrize("keys", [("0", "2", "2"), ("2", "0", "2"), ("2", "0", "0", "0", "enter")])
async def test_it_goes_with_the_label_in_whatever_order(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with annotating(tmp_path) as s:
        assert WORD not in s.picture()
        await s.keys(*keys[:-1])
        await s.shows(WORD, "● code/complex")
        await s.keys(keys[-1])
        await s.at(1)
        assert (s.state(0).label, s.state(0).fit) == (CODE2, "none")
        assert s.page.choice == Choice()
        assert WORD not in s.picture()
    said = read_session(tmp_path / "made.ada.toml").session.annotations
    assert [(a.label, a.fit, a.draft) for a in said] == [(CODE2, "none", None)]


async def test_again_takes_it_back_and_undo_the_record(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("1", "0", "1", "b")
        await s.at(0)
        await s.keys("0", "enter")  # it fits after all
        await s.at(1)
        assert (s.state(0).label, s.state(0).fit) == (CODE, None)
        await s.keys("u")
        await s.at(0)
        await s.until(lambda: s.state(0).fit == "none", "the record before")
        await s.shows(WORD)
        await s.keys("u")
        await s.until(lambda: s.state(0).label is None, "nothing")
        await s.keys("0", "u")
        await s.told("the choice is taken back")
        assert s.page.choice == Choice()


async def test_it_needs_a_label_and_is_kept_with_a_draft(tmp_path: Path) -> None:
    async with annotating(tmp_path) as s:
        await s.keys("0", "enter")
        await s.told("choose a label first")
        await s.keys("space")
        await s.told("was not submitted and is dropped")
        await s.keys("0", "3", "space")
        await s.until(lambda: s.state(1).draft, "a draft")
    with desk(tmp_path / "made.ada.toml", secret(6)).file as file:
        state = file.session.current("q-1", "case")
        assert (state.label, state.fit, state.draft) == (COT, "none", True)


async def test_an_adjudicator_sees_who_said_it_and_may_say_it(tmp_path: Path) -> None:
    people = {"ben": Opinion(CODE, (), "greeting", "none"), "cyd": Opinion(COT)}
    async with annotating(tmp_path, [QueueItem("q", "hi", "line 1", people=people)], "adjudicate") as s:
        await s.shows(WORD)
        assert s.picture().count(WORD) == 1
        await s.keys("3", "0")
        await s.shows("● CoT/simple", f"● {WORD}")
        await s.keys("enter")
        await s.shows("Why CoT/simple?")
        await s.keys(*"why", "enter")
        await s.until(lambda: s.state(0).label is not None, "the decision")
    (said,) = read_session(tmp_path / "made.ada.toml").session.annotations
    assert (said.label, said.fit, said.note) == (COT, "none", "why")
    assert said.decides == {"ben": CODE, "cyd": COT}
