"""The lab screen driven by keys, over scripted arms and the real Lab."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.content import Content
from textual.widgets import Input

from routerlab.core.prediction import Trial
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import ArmState
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from routerlab.tui.lab.focus import Focus
from routerlab.tui.lab.panels import ArmPanel
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.shared.dialogs import Choose, Read
from tests.tui.harness import Sitting, sitting
from tests.tui.scripted import NOW, Bench


def closed(made: Bench) -> None:
    made.script.loads.clear()


def held(made: Bench) -> None:
    made.script.answers.clear()


async def test_typing_while_models_load_then_panels_fill(tmp_path: Path) -> None:
    async with sitting(tmp_path, prepare=closed) as s:
        await s.shows("loading 3 s", "42%")
        await s.type("write a haiku")
        assert s.screen.query_one(PromptLine).text == "write a haiku"
        await s.pilot.press("enter")
        await s.shows("1 prompt waits")
        s.script.loads.set()
        await s.until(lambda: s.table.row_count == 1, "a row")
        await s.until(lambda: all("ready" in p and ("●" in p) for p in s.panels()), "ready arms")
        assert [prompt for _, prompt in s.script.asked] == ["write a haiku"] * 2
        await s.shows("live #1", "typed", " say", "write a haiku")


async def test_an_answer_shows_where_the_time_went(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=3, size=(160, 48), view="card") as s:
        await s.type("hi")
        await s.pilot.press("enter")
        await s.until(lambda: s.table.row_count == 1 and len(s.lab.session.trials) == 3, "three answers")
        await s.shows("prefill", "cache", "label mass", "claims confidence .95", '{"label"')
        score = s.panels()[0]
        assert all(label in score for label in s.lab.taxonomy.labels)
        assert "CPU build" in score


async def test_prompts_sent_come_back_with_up_and_down(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        prompt = s.screen.query_one(PromptLine)
        for text in ("one", "two"):
            await s.type(text)
            await s.pilot.press("enter")
        await s.type("draft")
        seen = []
        for key in ("up", "up", "up", "down", "down"):
            await s.pilot.press(key)
            seen.append(prompt.text)
        assert seen == ["two", "one", "one", "two", "draft"]


async def test_selecting_a_row_fills_the_panels_and_escape_goes_live(tmp_path: Path) -> None:
    async with sitting(tmp_path, view="card") as s:
        await s.replayed()
        await s.shows("live #12")
        await s.pilot.press("escape", "k", "up")
        await s.shows("looking at #10")
        first = s.lab.session.trials[9 * 2]
        assert first.case == "R60-010"
        await s.until(lambda: str(first.label) in s.panels()[0], "the old answer")
        await s.pilot.press("escape")
        await s.shows("live #12")
        await s.pilot.press("escape")
        assert s.screen.query_one(PromptLine).has_focus


async def test_the_history_follows_unless_the_person_moved(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1, prepare=held) as s:
        for text in "abc":
            s.lab.ask(text)
        s.script.answers.set()
        await s.until(lambda: s.table.row_count == 3 and s.table.cursor_row == 2, "three rows, followed")
        await s.pilot.press("escape", "k")
        await s.shows("looking at #2")
        s.lab.ask("d")
        await s.until(lambda: s.table.row_count == 4, "a fourth row")
        assert s.table.cursor_row == 1
        await s.pilot.press("G")
        await s.until(lambda: s.table.cursor_row == 3, "following again")


async def test_annotations_by_keys(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.replayed()
        await s.pilot.press("escape", "k")
        await s.shows("looking at #11")
        trial = s.lab.session.trials[10 * 2].id

        def state() -> tuple[str | None, bool, bool, str | None]:
            now = s.lab.session.current(trial)
            return now.label, now.skipped, now.flagged, now.note

        await s.pilot.press("2")
        await s.until(lambda: state() == ("code/complex", False, False, None), "a label")
        await s.shows("you code/complex")
        await s.pilot.press("f")
        await s.until(lambda: state() == ("code/complex", False, True, None), "a flag")
        await s.pilot.press("n")
        await s.until(lambda: bool(s.app.screen.query(Input)), "the note dialog")
        await s.type("why so")
        await s.pilot.press("enter")
        await s.until(lambda: state() == ("code/complex", False, True, "why so"), "a note")
        await s.pilot.press("u", "u")
        await s.until(lambda: state() == ("code/complex", False, False, None), "two undone")
        await s.pilot.press("s")
        await s.until(lambda: state() == (None, True, False, None), "skipped")
        await s.shows("skipped")
        assert len({a.trial for a in s.lab.session.annotations}) == 1


async def test_replay_from_the_screen(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1, prepare=held) as s:
        await s.pilot.press("f10")
        await s.until(lambda: isinstance(s.app.screen, Choose), "the replay dialog")
        await s.shows("All cases", "12 cases", "Family hybrid", "Disagreements", "Unfamiliar")
        await s.pilot.press("enter")
        await s.until(lambda: s.lab.progress.phase == "running", "a run")
        await s.shows("replay running", "0/12")
        await s.pilot.press("p")
        await s.until(lambda: s.lab.progress.phase == "paused", "a pause")
        s.script.answers.set()
        await s.until(lambda: s.lab.progress.done == 1, "the one in progress")
        await s.shows("replay paused", "1/12")
        await s.pilot.press("full_stop")
        await s.until(lambda: s.lab.progress.done == 2, "one step")
        assert s.lab.progress.phase == "paused"
        s.script.answers.clear()
        await s.pilot.press("space")
        await s.until(lambda: s.lab.progress.phase == "running", "the run going on")
        await s.pilot.press("c")
        await s.until(lambda: s.lab.progress.phase == "idle", "the end")
        await s.shows("replay stopped")


async def test_replay_of_errors_only(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        wrong = len(s.lab.cases("errors"))
        assert 0 < wrong < 12
        await s.pilot.press("escape", "r", "down", "down", "enter")
        await s.until(lambda: len(s.lab.session.trials) == 12 + wrong, "the errors again")


async def test_no_arms_says_what_to_do(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=0) as s:
        await s.shows("No arms yet", "routerlab models pull")
        await s.type("hi")
        await s.pilot.press("enter")
        await s.shows("there is no arm to ask")


async def test_crashed_and_failed_arms_say_why(tmp_path: Path) -> None:
    def broken(made: Bench) -> None:
        made.script.crash = {"smollm2-135m"}
        made.script.fail = {"qwen2.5-coder-0.5b": "not enough memory: needs 4.1 GiB"}

    async with sitting(tmp_path, prepare=broken) as s:
        await s.shows("failed", "not enough memory")
        await s.type("hi")
        await s.pilot.press("enter")
        await s.shows("crashed", "the worker was killed (signal 9)")


async def test_resizing_and_themes_keep_the_selection(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.replayed()
        await s.pilot.press("escape", "k", "k", "k")
        await s.shows("looking at #9")
        await s.pilot.resize_terminal(80, 24)
        await s.until(lambda: s.table.shape is not None and s.table.shape.gap == 1, "a narrow table")
        await s.until(lambda: s.table.row_count == 12 and s.table.cursor_row == 8, "the same row")
        s.app.theme = "ansi-dark"
        await s.pilot.pause()
        await s.until(lambda: not s.screen._dirty and s.table.row_count == 12, "the rows in other colours")
        await s.until(lambda: s.table.cursor_row == 8, "the same row again")
        await s.shows("looking at #9")


@pytest.mark.parametrize("arms", [2, 4])
async def test_resizing_switches_layouts(tmp_path: Path, arms: int) -> None:
    async with sitting(tmp_path, arms=arms, size=(120, 40), view="card") as s:
        await s.until(lambda: all(p.density in ("full", "dense") for p in s.screen.query(ArmPanel)), "wide")
        await s.pilot.resize_terminal(80, 24)
        await s.until(lambda: all(p.density in ("split", "line") for p in s.screen.query(ArmPanel)), "narrow")
        visible = [p for p in s.screen.query(ArmPanel) if p.region.height == p.outer_size.height]
        assert len(visible) == arms
        assert s.table.size.height >= 5
        await s.pilot.resize_terminal(200, 60)
        await s.until(lambda: all(p.density == "full" for p in s.screen.query(ArmPanel)), "wide again")
        s.lab.ask("hi")
        await s.shows("accuracy")
        await s.pilot.resize_terminal(40, 12)
        await s.until(lambda: s.screen.query_one("#standings").size.height <= arms + 1, "a head of one line")


async def test_the_panels_show_their_cursor_with_the_focus_only(tmp_path: Path) -> None:
    async with sitting(tmp_path, view="card") as s:

        def chosen() -> list[bool]:
            return [panel.has_class("-chosen") for panel in s.screen.query(ArmPanel)]

        await s.pilot.press("tab", "tab")
        assert chosen() == [True, False]
        await s.pilot.press("right")
        assert chosen() == [False, True]
        await s.pilot.press("tab")
        assert chosen() == [False, False]


async def test_the_settings_change_keys_and_theme(tmp_path: Path) -> None:
    settings = Settings(theme="nord", keys={"annotate_skip": "x", "no_such": "y"}, annotator="ada")
    async with sitting(tmp_path, arms=1, settings=settings) as s:
        assert s.app.theme == "nord"
        await s.shows("no action no_such")
        await s.replayed()
        await s.pilot.press("escape", "s", "x")
        await s.until(lambda: [a.action for a in s.lab.session.annotations] == ["skip"], "one skip")


HOSTILE = "a\x1b[2J[red]b[/red]\u202egold\x07\n\tc"


async def test_hostile_text_is_harmless(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1, view="card") as s:
        s.lab.ask(HOSTILE)
        s.lab.ask("x" * 1_000_000)
        arm = next(iter(s.lab.arms.values()))
        await s.until(lambda: s.table.row_count == 2, "two rows")
        await s.pilot.press("escape", "k", "enter")
        await s.until(lambda: isinstance(s.app.screen, Read), "the question")
        await s.shows("\\x1b[2J[red]b[/red]\\u202egold")
        assert "\x1b" not in s.picture()
        assert "\u202e" not in s.picture()
        await s.pilot.press("escape")
        arm.state = ArmState("failed", NOW, message=HOSTILE)
        arm.on_change(arm)
        await s.until(lambda: "\\x1b[2J[red]" in s.panels()[0], "the message")


async def test_pasted_control_characters_are_signs(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        s.screen.query_one(PromptLine).insert("a\x1b[2Jb\u202ec")
        await s.shows("a�[2Jb�c")
        await s.pilot.press("enter")
        await s.until(lambda: bool(s.script.asked), "the question")
        assert s.script.asked[0][1] == "a\x1b[2Jb\u202ec"


async def test_a_label_may_have_brackets(tmp_path: Path) -> None:
    odd = tmp_path / "odd.toml"
    odd.write_text(TAXONOMY.read_text().replace('"code/simple"', '"[/x]"'))
    async with sitting(tmp_path, arms=1) as s:
        s.screen.taxonomy = load_taxonomy(odd)
        titles = [Content.from_markup(c.title).plain for c in s.app.get_system_commands(s.screen)]
    assert "Label [/x]" in titles


async def test_records_that_wait_stay_on_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sitting(tmp_path, arms=1) as s:
        monkeypatch.setattr(type(s.lab), "unsaved", property(lambda lab: 3))
        s.lab.ask("hi")
        await s.shows("not saved: 3 records")
        monkeypatch.setattr(type(s.lab), "unsaved", property(lambda lab: 0))
        s.screen.redraw()
        await s.until(lambda: "not saved" not in s.picture(), "the notice gone")


async def test_no_color(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with sitting(tmp_path, arms=1) as s:
        assert s.app.no_color
        await s.replayed()
        await s.shows("✓", "live #12")


async def quit_by(s: Sitting, *keys: str) -> None:
    await s.pilot.press(*keys)
    await s.until(lambda: all(arm.state.phase == "stopped" for arm in s.lab.arms.values()), "stopped arms")


@pytest.mark.parametrize(
    "keys", [("ctrl+q",), ("escape", "q"), ("ctrl+c", "ctrl+c"), ("escape", "ctrl+c", "ctrl+c")]
)
async def test_ways_to_leave(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with sitting(tmp_path, prepare=closed) as s:
        await quit_by(s, *keys)
        await asyncio.wait_for(s.lab.close(), 1)


async def test_the_first_row_that_has_no_room_is_in_sight(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1, size=(80, 24)) as s:
        await s.pilot.press("escape", "v")
        s.lab.ask("question 1")
        await s.until(lambda: s.table.row_count == 1, "a row")
        await s.until(lambda: not s.screen.judging and not s.screen._dirty, "the standings")
        room = s.table.size.height - 1
        for n in range(2, room + 2):
            s.lab.ask(f"question {n}")
            await s.until(lambda: s.table.row_count == n and not s.screen._dirty, "the next")  # noqa: B023
        await s.until(lambda: s.table.size.height == room + 1 and s.table.scroll_y == 1, "the last in sight")


async def test_a_long_session_comes_back(tmp_path: Path) -> None:
    def long(made: Bench) -> None:
        for i in range(900):
            prediction = made.script.answer("smollm2-135m", "score", str(i))
            made.lab.session.add(
                Trial(
                    **prediction.model_dump(),
                    id=f"t{i:06}",
                    at=datetime(2026, 11, 24, tzinfo=UTC),
                    arm="smollm2-135m",
                    prompt=f"question {i}",
                    contended=False,
                )
            )

    async with sitting(tmp_path, arms=1, prepare=long) as s:
        await s.until(lambda: s.table.row_count == 900, "all rows")
        await s.shows("live #900", "question 899")
        await s.until(lambda: s.table.scroll_y == s.table.max_scroll_y > 0, "the end, in sight")


async def test_views_by_keys_and_the_whole_prompt(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=2, size=(160, 48)) as s:
        await s.replayed()
        await s.pilot.press("escape", "k")
        await s.until(lambda: not s.screen.judging and len(s.screen.standings) == 2, "the standings")
        await s.shows("verdict", "undecided (", "looking at #11")
        end = s.lab.cases()[10].prompt.split()[-1]
        await s.shows(end)
        await s.pilot.press("v")
        await s.until(lambda: not s.screen.query_one(Focus).display, "the question closed")
        await s.pilot.press("M")
        await s.shows("▼11", end)
        await s.pilot.press("k")
        await s.shows("10▼" if "10▼" in s.picture() else "▼10")
        await s.pilot.press("C")
        await s.shows("CPU build")
        await s.pilot.resize_terminal(80, 24)
        await s.pilot.press("v")
        await s.shows(s.lab.cases()[9].prompt.split()[0])
        assert s.screen.view == "table"
        await s.pilot.press("o", "o")
        await s.shows("accuracy ▾")
