"""Colours: the contrast of every pair in every theme, and of what is really drawn in three of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest
from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.geometry import Region
from textual.theme import BUILTIN_THEMES, Theme

from routerlab.models.stock import State, Stock
from routerlab.resources import GUIDELINES
from routerlab.tui.home import screen as shown
from routerlab.tui.home.look import Entry
from routerlab.tui.models import screen as stocked
from routerlab.tui.models.jobs import Job, Phase
from routerlab.tui.models.mode import ModelsMode
from routerlab.tui.shared.contrast import GROUNDS, LINE, PAIRS, TEXT, contrast, legible, mended
from tests.tui.annotate.harness import annotating
from tests.tui.compare.test_screen import computed, pictured
from tests.tui.harness import AnyMode, Watch, settle, sitting
from tests.tui.home.test_screen import home
from tests.tui.results.test_screen import looking
from tests.tui.tour.test_tour import touring
from tests.tui.trial.harness import trialing
from tests.tui.tune.child import JOB, LEARNED, RESULT

pytestmark = pytest.mark.whole  # draws every screen in every theme

DRAWN = ("textual-dark", "textual-light", "solarized-light")
ONE = DRAWN[-1:]
"""The one with the least room: whoever draws what is no pair here, is seen in any."""
RESOLVED = [theme for theme in BUILTIN_THEMES.values() if not theme.ansi]


def variables(theme: Theme) -> dict[str, str]:
    return mended({**theme.to_color_system().generate(), **theme.variables}, theme.dark, theme.ansi)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.0),
        ("#123", "#123", 1.0),
    ],
)
def test_the_ratio_is_that_of_the_standard(one: str, other: str, ratio: float) -> None:
    assert contrast(Color.parse(one), Color.parse(other)) == pytest.approx(ratio, abs=0.005)


def test_a_colour_moves_no_farther_than_needed() -> None:
    grounds = Color.parse("#121212"), Color.parse("#0d304c")
    blue = Color.parse("#0178d4")
    found = legible(blue, grounds, TEXT)
    assert TEXT <= contrast(found, grounds[1]) < TEXT + 0.2
    assert legible(found, grounds, TEXT) == found
    assert legible(Color.parse("#808080"), (Color.parse("#fff"), Color.parse("#000")), 10.0).hex in (
        "#000000",
        "#FFFFFF",
    )


@pytest.mark.parametrize("theme", RESOLVED, ids=lambda theme: theme.name)
def test_every_pair_has_its_contrast(theme: Theme) -> None:
    found = {name: Color.parse(colour) for name, colour in variables(theme).items() if colour[0] == "#"}
    low = [
        (name, ground, round(contrast(found[name], found[ground]), 2))
        for names, grounds, ratio in PAIRS
        for name in names
        for ground in grounds
        if contrast(found[name], found[ground]) < ratio
    ]
    assert not low


@pytest.mark.parametrize("name", ["ansi-dark", "ansi-light"])
def test_the_terminals_own_colours_stand_on_its_own_ground(name: str) -> None:
    """What contrast they have is the terminal's affair: none is mixed, and what is dim elsewhere is plain."""
    found = variables(BUILTIN_THEMES[name])
    assert {found[ground] for ground in (*GROUNDS, "background", "dim")} == {"ansi_default"}
    drawn = {name: found[name] for names, _, _ in PAIRS for name in names}
    assert not [name for name, colour in drawn.items() if not colour.startswith("ansi_")]


def low(app: App[None]) -> set[tuple[str, float]]:
    """What is drawn with too little contrast; edges, and what lies behind a dialog, are not asked for any."""
    edge = Color.parse(app.theme_variables["edge"])
    box = shown_in(app)
    strips = app.screen._compositor.render_strips()[box.y : box.bottom]
    segments = [one for strip in strips for one in strip.crop(box.x, box.right) if one.text.strip()]
    assert len(segments) > 10
    found = {(one.text, *colours(one)) for one in segments}
    return {
        (text, round(contrast(fore, back), 2))
        for text, fore, back in found
        if contrast(fore, back) < (TEXT if words(text) else LINE) and edge not in (fore, back)
    }


def shown_in(app: App[None]) -> Region:
    """Where the page is, or a dialog, or the palette, which has commands."""
    if not app.screen.is_modal:
        return app.screen.region
    parts = app.screen.query(".dialog, #--input, CommandList.--visible")
    return Region.from_union([part.region for part in parts])


def words(text: str) -> bool:
    """Whether there is anything but lines, blocks, the dots of plots, and blanks."""
    return not all(c in " \u00b7" or "\u2500" <= c < "\u25a0" or "\u2800" <= c < "\u2900" for c in text)


def colours(segment: Segment) -> tuple[Color, Color]:
    style = segment.style
    assert style, segment
    assert style.color, segment
    assert style.bgcolor, segment
    assert not style.dim, segment
    pair = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
    return pair[::-1] if style.reverse else pair


async def in_themes(s: Watch[AnyMode], keys: str, themes: Sequence[str] = DRAWN) -> None:
    """Look at what is drawn in each theme, and after each of the keys, which leave no dialog open."""
    for theme in themes:
        s.app.theme = theme
        for key in ["", *keys.split()]:
            await s.pilot.press(*[key] if key else [])
            await settle(s.pilot, lambda: bool(shown_in(s.app)), 0.0)
            assert not low(s.app), (theme, key, s.picture())


async def test_the_lab_and_tuning_as_they_are_drawn(tmp_path: Path) -> None:
    async with sitting(tmp_path, 3) as s:
        await s.replayed()
        await in_themes(s, "escape v C tab M F f1 escape a escape")
        tuning = s.mode.tuning
        tuning.job, tuning.phase = JOB, "done"
        tuning._hear(json.dumps(RESULT | {"learned": LEARNED}).encode())
        await s.pilot.press("f7")
        await s.shows("learned from 12 annotations", "method")
        await in_themes(s, "", ONE)


async def test_the_results_and_comparing_as_they_are_drawn() -> None:
    async with looking(pictured("contrast")) as s:
        await s.shows("accuracy against P95")
        await in_themes(s, "tab d v escape")
        await s.pilot.press("D")
        await s.until(lambda: computed(s.app), "figures")
        await in_themes(s, "2 3 4 5", ONE)


async def test_home_and_models_as_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Entry("corpus", "routing60", "60 cases", Path("corpus/routing60.toml"), "The sixty cases."),
        Entry("router", "q", "accuracy .83", Path("routers/q.toml"), "its model is not here", ready=False),
    ]
    monkeypatch.setattr(shown, "entries", lambda: (found, []))
    rows = [
        Stock(state, "135M", "Q4_1", 98_000_000, "Apache-2.0", state, True, None, 0, "The smallest.")
        for state in get_args(State)
    ]
    monkeypatch.setattr(stocked, "stock", lambda: rows)
    async with home() as s:
        await in_themes(s, "down ctrl+p escape")
        await s.pilot.press("f8")
        await s.shows("damaged")
        models = s.app.modes["models"]
        assert isinstance(models, ModelsMode)
        models.jobs.all += [Job(f"verify {phase}", "m", phase) for phase in get_args(Phase)]
        await in_themes(s, "j", ONE)


async def test_annotating_as_it_is_drawn(tmp_path: Path) -> None:
    async with annotating(tmp_path, guidelines=GUIDELINES.read_text()) as s:
        await in_themes(s, "1 1")


async def test_a_trial_as_it_is_drawn(tmp_path: Path) -> None:
    async with trialing(tmp_path) as s:
        await s.shows("over: ")
        await in_themes(s, "", ONE)


async def test_the_tour_as_it_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    async with touring(tmp_path, missing=("nowhere:probe",)) as s:
        await in_themes(s, "enter ctrl+n", ONE)
