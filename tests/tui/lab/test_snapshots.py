"""The screen as pictures, at four sizes. Update with `pytest tests/tui --snapshot-update`; then look."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from routerlab.engine.lab.runner import Progress
from routerlab.tui.app import RouterLabApp
from routerlab.tui.lab.chips import SearchLine
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.lab.screen import LabScreen
from tests.tui.harness import app_in, settle
from tests.tui.lab.test_familiarity import tell
from tests.tui.scripted import CASES, NOW, Bench, bench, specs

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "160x48": (160, 48), "200x60": (200, 60)}
Compare = Callable[..., bool]


def app_on(made: Bench, arms: int) -> RouterLabApp:
    return app_in(LabMode(made.lab, specs(arms), now=lambda: NOW), made.lab.settings)


def drawing(screen: Screen[Any]) -> bool:
    return isinstance(screen, LabScreen) and screen._dirty


def scrolled(table: HistoryTable) -> bool:
    """Whether the scroll bar, if it is shown, shows where the table is."""
    bar, whole = table.vertical_scrollbar, table.virtual_size.height
    if not table.show_vertical_scrollbar:
        return whole <= table.size.height
    at_end = table.scroll_y == table.max_scroll_y
    return at_end and (bar.window_virtual_size, bar.position) == (whole, table.scroll_y)


def judged(screen: LabScreen) -> bool:
    return not screen.judging and not screen.sitting.stale


def ready(made: Bench, arms: int) -> bool:
    return len(made.lab.arms) == arms and all(a.state.phase == "ready" for a in made.lab.arms.values())


@pytest.mark.parametrize(
    ("arms", "size", "keys"),
    [
        *((arms, size, "") for arms in (2, 6) for size in SIZES),
        (6, "80x24", "v"),
        *((6, size, key) for size in ("120x40", "200x60") for key in "CM"),
    ],
)
def test_after_a_replay(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arms: int, size: str, keys: str
) -> None:
    made = bench(tmp_path)
    made.script.gpu = {"qwen2.5-coder-0.5b"}

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: ready(made, arms))
        made.lab.replay(made.lab.cases())
        await made.lab.finished()
        done = Progress("idle", CASES * arms, CASES * arms, 12.3)
        monkeypatch.setattr(type(made.lab), "progress", property(lambda lab: done))
        screen = pilot.app.screen
        assert isinstance(screen, LabScreen)
        screen.redraw()
        table = screen.query_one(HistoryTable)
        await settle(pilot, lambda: table.row_count == CASES and judged(screen), 0.0)
        if keys:
            await pilot.press("escape", *keys)
        await settle(pilot, lambda: scrolled(table))

    assert snap_compare(app_on(made, arms), terminal_size=SIZES[size], run_before=run)


@pytest.mark.parametrize("size", ["80x24", "120x40", "200x60"])
@pytest.mark.parametrize("state", ["loading", "crashed"])
def test_before_any_answer(snap_compare: Compare, tmp_path: Path, state: str, size: str) -> None:
    made = bench(tmp_path)
    if state == "loading":
        made.script.loads.clear()
    else:
        made.script.fail = {"smollm2-135m": "not enough memory: the model needs 4.1 GiB, 2.0 GiB are free"}

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: len(made.lab.arms) == 2 and not starting(made))

    assert snap_compare(app_on(made, 2), terminal_size=SIZES[size], run_before=run)


def starting(made: Bench) -> bool:
    return any(arm.state.phase == "starting" for arm in made.lab.arms.values())


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_unfamiliar(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    """The arms tell how familiar prompts are, and abstain; the history lists the unfamiliar ones."""
    made = bench(tmp_path)
    tell(made, [case.prompt for case in made.lab.corpus.case[2::4]] if made.lab.corpus else ())

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: ready(made, 2))
        made.lab.replay(made.lab.cases())
        await made.lab.finished()
        done = Progress("idle", CASES * 2, CASES * 2, 12.3)
        monkeypatch.setattr(type(made.lab), "progress", property(lambda lab: done))
        screen = pilot.app.screen
        assert isinstance(screen, LabScreen)
        screen.redraw()
        await settle(pilot, lambda: screen.query_one(HistoryTable).row_count == CASES, 0.0)
        await pilot.press("escape", "U")
        await settle(pilot, lambda: screen.query_one(HistoryTable).row_count == 3 and judged(screen))

    assert snap_compare(app_on(made, 2), terminal_size=size, run_before=run)


@pytest.mark.parametrize("size", ["80x24", "160x48"])
@pytest.mark.parametrize("keys", ["chips", "search", "found"])
def test_filters(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: str, keys: str
) -> None:
    """The chips with some on, a search that is being typed, and what was found, ordered and selected."""
    pressed = {
        "chips": ["F", "d", "w", "f", "f"],
        "search": ["slash", *"the"],
        "found": ["slash", *"the", "enter", "O", "down", "down", "enter", "m", "m", "k"],
    }
    made = bench(tmp_path)

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: ready(made, 3))
        made.lab.replay(made.lab.cases())
        await made.lab.finished()
        done = Progress("idle", CASES * 3, CASES * 3, 12.3)
        monkeypatch.setattr(type(made.lab), "progress", property(lambda lab: done))
        screen = pilot.app.screen
        assert isinstance(screen, LabScreen)
        screen.redraw()
        await settle(pilot, lambda: screen.query_one(HistoryTable).row_count == CASES and judged(screen), 0.0)
        await pilot.press("escape")
        for key in pressed[keys]:
            await pilot.press(key)
            await settle(pilot, lambda: not screen.wanted, 0.0)
        screen.query_one(SearchLine).cursor_blink = False
        await settle(pilot, lambda: not screen.wanted and judged(screen))

    assert snap_compare(app_on(made, 3), terminal_size=SIZES[size], run_before=run)
