"""Filters, search, order and selection of the history, by keys and mouse over the real Lab."""

from pathlib import Path

import pytest
from textual.widgets import Input

from routerlab.annotate.formats.rows import read_rows
from routerlab.core.corpus import load_corpus
from routerlab.core.errors import Faults
from routerlab.tui.lab.chips import ChipRow, SearchLine
from routerlab.tui.shared.dialogs import Choose
from tests.tui.harness import Sitting, sitting

pytestmark = pytest.mark.whole  # long sittings


def listed(s: Sitting) -> list[int]:
    return [question.number for question in s.screen.listing]


async def lists(s: Sitting, numbers: list[int]) -> None:
    await s.until(
        lambda: listed(s) == numbers and not s.screen.wanted and not s.screen._dirty, f"{numbers} listed"
    )


async def search(s: Sitting) -> None:
    await s.pilot.press("slash")
    await s.until(lambda: s.screen.query_one(SearchLine).has_focus, "the line to search in")


def wrong(s: Sitting) -> list[int]:
    questions = s.screen.sitting.questions
    return [q.number for q in questions if any(t.correct is False for t in q.trials.values())]


async def test_chips_filter_together_and_one_key_clears(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.replayed()
        everything = list(range(1, 13))
        await s.pilot.press("escape", "F")
        await s.shows(" wrong  disagree  unfamiliar ", "12 questions")
        await s.pilot.press("w")
        some = wrong(s)
        assert 0 < len(some) < 12
        await lists(s, some)
        await s.shows("[wrong] disagree ", f"{len(some)} of 12", f"looking at #{some[-1]}")
        await s.pilot.press("right", "space")
        questions = s.screen.sitting.questions
        both = [n for n in some if len({t.label for t in questions[n - 1].trials.values()}) > 1]
        await lists(s, both)
        await s.pilot.press("a", "down", "enter")
        arm = "qwen2.5-coder-0.5b"
        fewer = [n for n in both if questions[n - 1].trials[arm].correct is False]
        await lists(s, fewer)
        await s.shows(f"[arm {arm}]")
        await s.pilot.press("a", "d", "l", "enter")
        label = s.lab.taxonomy.labels[0]
        await lists(s, [n for n in some if questions[n - 1].first.gold == label])
        await s.pilot.press("escape", "x")
        await lists(s, everything)
        await s.until(lambda: not s.screen.query_one(ChipRow).display, "no chips")


async def test_chips_by_mouse(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.replayed()
        await s.pilot.press("escape", "F")
        await s.until(lambda: s.screen.query_one(ChipRow).region.height > 0, "the chips")
        await s.pilot.click(ChipRow, offset=(4, 0))
        await lists(s, wrong(s))
        await s.pilot.click(ChipRow, offset=(4, 0))
        await lists(s, list(range(1, 13)))


async def test_search_as_you_type(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        await s.pilot.press("escape", "k", "k")
        await search(s)
        await s.type("r60-00")
        await lists(s, list(range(1, 10)))
        await s.shows("9 of 12", "looking at #9")
        await s.type("4")
        await lists(s, [4])
        await s.pilot.press("enter")
        assert s.table.has_focus
        await s.shows("text “r60-004”", "1 of 12", "looking at #4")
        await search(s)
        await s.pilot.press("backspace", "5")
        await lists(s, [5])
        await s.pilot.press("escape")
        await lists(s, [4])
        await search(s)
        await s.type("nowhere")
        await lists(s, [])
        await s.shows("no question fits")
        await s.pilot.press("enter", "j", "m", "x")
        await lists(s, list(range(1, 13)))
        assert s.screen.looking is s.screen.sitting.questions[3]
        await s.pilot.press("escape")
        await s.shows("live #12")


async def test_chips_and_search_go_with_the_focus_where_nothing_is_on(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        await s.pilot.press("escape", "F")
        await s.shows(" wrong  disagree ")
        await s.pilot.press("escape")
        await s.until(lambda: " wrong  disagree " not in s.picture(), "no chips")
        await search(s)
        await s.shows("words of the prompt")
        await s.pilot.click(s.table, offset=(12, 2))
        await s.until(lambda: "words of the prompt" not in s.picture(), "no search")
        await s.shows("looking at #")


async def test_what_comes_while_a_filter_is_on_is_listed_if_it_fits(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        for prompt in ("sort a list", "why", "sort a set"):
            s.lab.ask(prompt)
        await s.until(lambda: s.table.row_count == 3, "three rows")
        await s.pilot.press("escape")
        await search(s)
        await s.type("sort")
        await s.pilot.press("enter")
        await lists(s, [1, 3])
        s.lab.ask("what")
        s.lab.ask("SORT it")
        await lists(s, [1, 3, 5])
        await s.shows("looking at #3", "3 of 5")


async def test_order_by_a_key_and_by_the_head(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        for prompt in ("b", "a", "B again", "c"):
            s.lab.ask(prompt)
        await s.until(lambda: s.table.row_count == 4, "the rows")
        await s.pilot.press("escape", "O", "down", "down", "enter")
        await lists(s, [2, 1, 3, 4])
        await s.shows("prompt▴", "looking at #4")
        await s.pilot.press("O")
        await s.shows("prompt  ▴")
        await s.pilot.press("down", "down", "enter")
        await lists(s, [4, 3, 1, 2])
        s.lab.ask("bb")
        await lists(s, [4, 5, 3, 1, 2])
        assert s.table.shape is not None
        start = 5 + 7 + 2 * s.table.shape.gap
        await s.pilot.click(s.table, offset=(start + 3, 0))
        await lists(s, [2, 1, 3, 5, 4])
        await s.pilot.press("k")
        await s.shows("looking at #5")
        await s.pilot.click(s.table, offset=(2, 0))
        await lists(s, [1, 2, 3, 4, 5])
        await s.pilot.press("escape")
        await s.shows("live #5")


async def test_selecting_by_keys_and_mouse(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        await s.pilot.press("escape")
        assert [q.number for q in s.screen.selected()] == [12]
        await s.pilot.press("home", "m", "m")
        await s.until(lambda: s.screen.marked == {1, 2}, "two selected")
        await s.shows("◆   1", "◆   2", "looking at #3", "12 questions · 2 selected")
        await s.pilot.press("j", "j", "V")
        await s.until(lambda: s.screen.marked == {1, 2, 3, 4, 5}, "a range")
        await s.until(lambda: s.table.cursor_row == 4, "the fifth")
        await s.pilot.click(s.table, offset=(12, 1 + 6 - s.table.scroll_offset.y), control=True)
        await s.until(lambda: s.screen.marked == {1, 2, 3, 4, 5, 7}, "a click")
        await search(s)
        await s.type("r60-01")
        await s.pilot.press("enter")
        await lists(s, [10, 11, 12])
        await s.pilot.press("asterisk")
        await s.shows("3 of 12 · 9 selected")
        assert [q.number for q in s.screen.selected()] == [1, 2, 3, 4, 5, 7, 10, 11, 12]
        await s.pilot.press("minus")
        await s.until(lambda: not s.screen.marked, "none")


async def test_the_selected_are_asked_again(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        s.lab.ask("hi")
        await s.until(lambda: s.table.row_count == 13, "all rows")
        s.script.asked.clear()
        await s.pilot.press("escape", "home", "m", "j", "m", "G", "m", "e")
        await s.until(lambda: len(s.lab.session.trials) == 16, "three more")
        cases = s.lab.cases()
        assert sorted(p for _, p in s.script.asked) == sorted([cases[0].prompt, cases[2].prompt, "hi"])


@pytest.mark.parametrize("name", ["mine.toml", "mine.csv", "mine.jsonl"])
async def test_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        await s.pilot.press("escape", "home", "2", "m", "m", "E")
        await s.until(lambda: bool(s.app.screen.query(Input)), "the dialog")
        await s.shows("Export 2 cases to a new file")
        s.app.screen.query_one(Input).value = name
        await s.pilot.press("enter")
        await s.shows(f"saved {name}: 2 cases")
        first = s.lab.cases()[0]
        if name.endswith(".toml"):
            case = load_corpus(Path(name), s.lab.taxonomy).case[0]
            assert (case.id, case.prompt, case.label) == (first.case, first.prompt, "code/complex")
        else:
            rows = [row for _, row in read_rows(Path(name), Faults(name)).rows]
            assert [row["id"] for row in rows] == ["R60-001", "R60-002"]
            assert rows[0]["label"] == "code/complex"


async def test_a_name_that_will_not_do_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with sitting(tmp_path, arms=1) as s:
        await s.pilot.press("escape", "E")
        await s.shows("nothing to export")
        await s.replayed()
        await s.pilot.press("E")
        await s.until(lambda: bool(s.app.screen.query(Input)), "the dialog")
        s.app.screen.query_one(Input).value = "cases.xml"
        await s.pilot.press("enter")
        await s.shows("a file's name ends in .toml, .csv or .jsonl")


async def test_help_in_the_chips(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.pilot.press("escape", "F", "question_mark")
        await s.shows("You are in the chips")
        await s.pilot.press("escape", "a")
        await s.until(lambda: isinstance(s.app.screen, Choose), "which arm")
