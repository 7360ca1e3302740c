"""The compare screen, from Results and from a lab that runs; and its pictures."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from routerlab.settings import Settings
from routerlab.study.report.subject import Subject, ranked
from routerlab.tui.compare.screen import CompareScreen
from routerlab.tui.compare.text import VIEWS
from routerlab.tui.results.mode import ResultsMode
from routerlab.tui.results.screen import ResultsScreen
from tests.study.figures.harness import answers
from tests.study.report.harness import subject
from tests.tui.compare.test_sides import result, two
from tests.tui.harness import Watch, app_in, settle, sitting


def computed(app: Any) -> bool:
    return isinstance(app.screen, CompareScreen) and app.screen._found is not None


async def test_it_opens_from_results_and_turns_through_its_views() -> None:
    mode = ResultsMode(ranked(subject()), Settings())
    app = app_in(mode, Settings())
    async with app.run_test(size=(120, 40)) as pilot:
        s = Watch(app, mode, pilot)
        await s.shows("accuracy against P95")
        await s.pilot.press("D")
        await s.until(lambda: computed(app), "figures")
        await s.shows("a good", "b slow", "100 cases in common", "exact McNemar on the 10 discordant")
        for key, shown in (
            ("2", "gold in rows"),
            ("3", "above the diagonal"),
            ("4", "a: 200 answers, sure .90, right 1.0"),
            ("5", "b: 200 answers, P50 5.0 s"),
        ):
            await s.pilot.press(key)
            await s.shows(shown)
        await s.pilot.press("2")
        await s.until(
            lambda: any("a good" in x and "b slow" in x for x in s.picture().split("\n")), "abreast"
        )
        await s.pilot.press("1", "x")
        await s.shows("a slow", "b good", "+ 10 only b right")
        await s.pilot.press("b", "j", "j", "enter")
        await s.shows("b wrong")
        await s.pilot.press("escape")
        await s.shows("accuracy against P95")


async def test_another_file_is_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "case,gold,label,arm\n" + "".join(f"c{i},code/simple,code/simple,old\n" for i in range(0, 30, 6))
    (tmp_path / "old.csv").write_text(rows)
    mode = ResultsMode(ranked(two()), Settings())
    app = app_in(mode, Settings())
    async with app.run_test(size=(160, 40), notifications=True) as pilot:
        s = Watch(app, mode, pilot)
        await s.shows("accuracy against P95")
        await s.pilot.press("D")
        await s.until(lambda: computed(app), "figures")
        await s.shows("in common", "gold in rows", "above the diagonal")
        for name, shown in (
            ("nope.csv", "nope.csv"),
            ("~nobody-here/a.csv", "~nobody-here/a.csv"),
            ("old.csv", "a before old"),
        ):
            await s.pilot.press("o")
            await s.shows("Compare with which session")
            await s.pilot.press("enter")
            await s.until(lambda: bool(app.screen.query(Input)), "a line to write")
            await s.type(name)
            await s.pilot.press("enter")
            await s.shows(shown)
        await s.shows("b after", "5 cases in common", "better", "worse")


async def test_a_lab_is_compared_while_it_runs(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        await s.pilot.press("escape", "D")
        await s.shows("nothing to compare so far")
        s.lab.replay(s.lab.cases()[:4])
        await s.lab.finished()
        await s.pilot.press("D")
        await s.until(lambda: computed(s.app), "figures")
        await s.shows("a smollm2-135m", "4 cases")
        s.lab.replay(s.lab.cases())
        await s.lab.finished()
        await s.shows("12 cases in common")


async def test_the_plots_follow_a_sitting(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        s.lab.replay(s.lab.cases()[:4])
        await s.lab.finished()
        await s.pilot.press("escape", "D", "4")
        await s.shows("a: 4 answers, sure ", "calibration error", "confidence")
        s.lab.replay(s.lab.cases())
        await s.lab.finished()
        await s.shows("a: 12 answers, sure ")
        await s.pilot.press("5")
        await s.shows("a: 12 answers, P50 ", "share of the answers that took at most so long")
        await s.until(lambda: "confidence" not in s.picture(), "its own axis")


def pictured(view: str) -> Subject:
    """Five arms, some better, some worse, over 60 cases."""
    names = (
        "minilm:probe",
        "smollm2-135m:probe",
        "qwen2.5-coder-0.5b:probe",
        "qwen2.5-coder-0.5b:json",
        "kw",
    )
    rows = []
    for n, name in enumerate(names):
        right = [(i * (7 + n)) % 11 >= n + 1 for i in range(60)]
        for i, one in enumerate(answers(name, right)):
            sure = min(0.99, 0.35 + (i * 13 + n * 5) % 60 / 90 + 0.1 * right[i])
            rows.append(replace(one, latency_ms=20.0 * 3**n + (i * 37) % 53 * (n + 1), confidence=sure))
    return result(rows, f"pictures of {view}")


SIZES = {"80x24": (80, 24), "160x48": (160, 48)}


@pytest.mark.parametrize(
    ("view", "size"),
    [
        ("cases", "80x24"),
        ("cases", "160x48"),
        ("confusion", "80x24"),
        ("agreement", "80x24"),
        ("reliability", "160x48"),
        ("latency", "80x24"),
    ],
)
def test_pictures(snap_compare: Callable[..., bool], view: str, size: str) -> None:
    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot, lambda: isinstance(pilot.app.screen, ResultsScreen), 0.0)
        await pilot.press("D")
        await settle(pilot, lambda: computed(pilot.app), 0.0)
        await pilot.press(str(VIEWS.index(view) + 1))
        await settle(pilot)

    app = app_in(ResultsMode(ranked(pictured(view)), Settings()), Settings())
    assert snap_compare(app, terminal_size=SIZES[size], run_before=run)
