"""The results screen: what it shows of a result, how it is moved about, and how quick it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from rich.text import Text
from textual.widgets import DataTable
from textual_plotext import PlotextPlot

from routerlab.settings import Settings
from routerlab.study.figures.analysis import analyse
from routerlab.study.report.subject import Subject, ranked
from routerlab.tui.results.mode import ResultsMode
from routerlab.tui.results.screen import ResultsScreen
from routerlab.tui.shared.dialogs import Read
from tests.study.figures.harness import answers, log, row
from tests.study.report.harness import HOSTILE, SHOWN, subject
from tests.tui.harness import Watch, app_in, settle

WIDE, NARROW = (150, 45), (80, 24)


class Looking(Watch[ResultsMode]):
    """A running results app."""

    @property
    def page(self) -> ResultsScreen:
        page = self.mode.page
        assert isinstance(page, ResultsScreen)
        return page

    @property
    def table(self) -> DataTable[Text]:
        return self.page.query_one("#arms", DataTable)

    def shown(self) -> tuple[bool, bool]:
        """Whether the plot is shown, and the arm."""
        return self.page.query_one("#plot").display, self.page.query_one("#arm").display


@asynccontextmanager
async def looking(
    one: Subject, size: tuple[int, int] = WIDE, settings: Settings | None = None
) -> AsyncIterator[Looking]:
    settings = settings or Settings()
    mode = ResultsMode(ranked(one), settings)
    app = app_in(mode, settings)
    async with app.run_test(size=size) as pilot:
        s = Looking(app, mode, pilot)
        await s.until(lambda: isinstance(app.screen, ResultsScreen) and s.table.row_count > 0, "the arms")
        yield s


async def test_figures_stay_whole_beside_the_bar_of_many_arms() -> None:
    one = subject()
    arms = tuple(
        one.analysis.arms[0].model_copy(update={"arm": f"an arm with a long name {i}"}) for i in range(13)
    )
    many = replace(one, analysis=one.analysis.model_copy(update={"arms": arms}))
    async with looking(many, NARROW) as s:
        await settle(s.pilot, lambda: s.table.show_vertical_scrollbar)
        assert "100 ms  100 ms " in s.picture()


async def test_it_shows_the_arms_the_plot_and_the_chosen_arm() -> None:
    async with looking(subject()) as s:
        await s.shows("a result", "3 arms, 100 cases, 600 trials")
        await s.shows("1 viable", "2 not viable", "an SLM wins", "accuracy against P95")
        await s.shows("✓ pass", "1.0 .96-1.0", "100 ms", "✗ fail", "5.0 s")
        assert s.shown() == (True, True)
        await s.shows("accuracy>=0.85  pass    1.000 0.963 to 1.000", "a code/simple")
        await s.pilot.press("j")
        await s.shows("5002 5002 to 5002", "Where cases go wrong", "hybrid/agentic → hybrid/generative")
        await s.pilot.press("k")
        await s.shows("accuracy>=0.85  pass    1.000 0.963 to 1.000")
        assert "go wrong" not in s.picture()


async def test_a_narrow_terminal_turns_from_the_plot_to_the_arm() -> None:
    async with looking(subject(), NARROW) as s:
        await s.shows("accuracy against P95", "Plot, arm")
        assert s.shown() == (True, False)
        await s.pilot.press("down", "tab")
        await s.until(lambda: s.shown() == (False, True))
        await s.shows("5002 5002 to 5002", "Confusion")
        await s.pilot.press("d", "d")
        await s.shows("Where cases go wrong")
        await s.pilot.press("enter")
        await s.until(lambda: s.shown() == (True, False))
        assert max(map(len, s.picture().splitlines())) <= 80


async def test_with_room_for_both_there_is_nothing_to_turn_to() -> None:
    async with looking(subject()) as s:
        await s.pilot.press("tab", "enter")
        await s.pilot.pause()
        assert s.shown() == (True, True)
        assert "Plot, arm" not in s.picture()
        await s.pilot.resize_terminal(*NARROW)
        await s.until(lambda: s.shown() == (True, False))
        await s.shows("Plot, arm")


async def test_the_whole_verdict_can_be_read() -> None:
    one = subject()
    notes = ("deviation: the machine slept", "an odd thing")
    one = replace(one, analysis=one.analysis.model_copy(update={"warnings": notes}), owed=7)
    async with looking(one) as s:
        await s.shows("2 notes (v)", "7 answers missing")
        await s.pilot.press("v")
        await s.until(lambda: isinstance(s.app.screen, Read))
        await s.shows("Pareto over accuracy, p95", "Decision: an SLM wins", "in the set")
        await s.shows("What was not as planned", "the machine slept", "Notes on the figures", "an odd thing")


async def test_hostile_names_are_shown_as_they_are() -> None:
    async with looking(subject(f"{HOSTILE}1", f"{HOSTILE}2", "[red]x[/red] [/x]")) as s:
        await s.shows("<script>alert(1)", SHOWN, "[red]x[/red] [/x]")
        await s.pilot.press("v")
        await s.until(lambda: isinstance(s.app.screen, Read))
        await s.shows(f"{SHOWN}]]>{{{{ 7*7 }}}}|`*_1")
        assert "\x1b" not in s.picture()
        assert "\u202e" not in s.picture()


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize(
    "rows",
    [
        answers("a", [True, False], latency_ms=None),
        answers("a", [True], latency_ms=0.0),
        [row(f"c{i}", None, "control", status="unrouted") for i in range(3)],
        [row(f"c{i}", f"label-{i % 50}", gold=f"label-{(i + i % 7) % 50}") for i in range(100)],
        [r for n in range(20) for r in answers(f"arm-{n}", [i % 7 < n % 7 for i in range(12)])],
    ],
    ids=["untimed", "no-time-at-all", "control", "fifty-labels", "twenty-arms"],
)
async def test_results_that_lack_something_are_shown(size: tuple[int, int], rows: list[object]) -> None:
    one = replace(subject(), analysis=analyse(log(rows, None)), prompts={})  # type: ignore[arg-type]
    async with looking(one, size) as s:
        await s.pilot.press("j", "j", "tab", "d")
        await s.pilot.pause()
        assert "a result" in s.picture()


async def test_help_and_settings_know_its_keys() -> None:
    settings = Settings(keys={"results_verdict": "x"})
    async with looking(subject(), settings=settings) as s:
        await s.pilot.press("x")
        await s.until(lambda: isinstance(s.app.screen, Read))
        await s.pilot.press("escape", "f1")
        await s.shows("Every arm of a result", "Verdict", "? there are too few cases to decide")


async def test_a_theme_of_the_terminals_own_colours_works() -> None:
    async with looking(subject(), settings=Settings(theme="textual-ansi")) as s:
        await s.shows("accuracy against P95", "✓ pass")


async def test_many_arms_are_drawn_and_plotted() -> None:
    """How quickly: `python -m benchmarks drawing`."""
    rows = [
        r for n in range(13) for r in answers(f"qwen2.5-coder-{n}:score", [i % 13 >= n for i in range(60)])
    ]
    one = replace(subject(), analysis=analyse(log(rows)))
    async with looking(one) as s:
        s.page.draw()
        s.page._plot()
        assert s.page.query_one(PlotextPlot).render()
        await s.shows("qwen2.5-coder-12:score")
