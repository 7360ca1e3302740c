"""The tour: its five steps, done and skipped, in the real lab on scripted arms."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.binding import Binding

from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.session.file import read_session
from routerlab.core.taxonomy import load_taxonomy
from routerlab.paths import tour_file
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.settings import Settings
from routerlab.tui.actions.registry import IDS, LAB_ACTIONS, TOUR_ACTIONS
from routerlab.tui.home.look import offers_tour
from routerlab.tui.home.mode import HomeMode
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.models.screen import ModelsScreen
from routerlab.tui.shared.wrap import wrapped
from routerlab.tui.tour import screen as shown
from routerlab.tui.tour.mode import TourMode
from routerlab.tui.tour.party import STAND_IN, Party, party
from routerlab.tui.tour.screen import TourScreen
from routerlab.tui.tour.steps import STEPS
from tests.tui.harness import Watch, app_in, implemented
from tests.tui.scripted import NOW, bench, specs

pytestmark = pytest.mark.whole  # the tour, three times over

SOME = {"R60-053", *(f"R60-00{n}" for n in range(1, 8))}
"""The cases of these tests."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, and a user's folder of its own: that a tour was begun is remembered there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    (tmp_path / "sessions").mkdir()
    return tmp_path


@asynccontextmanager
async def touring(
    folder: Path, size: tuple[int, int] = (120, 40), missing: tuple[str, ...] = ()
) -> AsyncIterator[Watch[TourMode]]:
    sixty = load_corpus(ROUTING60, load_taxonomy(TAXONOMY))
    some = [case for case in sixty.case if case.id in SOME]
    made = bench(folder / "sessions", Corpus(**sixty.model_dump() | {"case": some}))
    mode = TourMode(made.lab, Party(tuple(specs(2)), missing), now=lambda: NOW)
    app = app_in(mode, made.lab.settings)
    async with app.run_test(size=size, notifications=True) as pilot:
        s = Watch(app, mode, pilot)
        await s.until(lambda: len(made.lab.arms) == 2, "the arms")
        yield s


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
async def test_five_steps_are_seen_when_they_are_done(folder: Path, size: tuple[int, int]) -> None:
    async with touring(folder, size) as s:
        await s.shows("Tour 1/5", "write a regex for ISO dates", "ctrl+n skips", "Press Enter")
        await s.pilot.press("enter")
        await s.shows("Tour 1/5 ✓", "ctrl+n goes on", "A row an arm")
        await s.pilot.press("ctrl+n")
        await s.shows("Tour 2/5 Who is right?", "R60-053")
        await s.pilot.press("escape")
        await s.until(lambda: s.mode.page.query_one(HistoryTable).has_focus, "the history")
        await s.pilot.press("3")
        await s.shows("Tour 2/5 ✓", "is saved already")
        assert tour_file().exists()
        session = read_session(folder / "sessions" / "session.toml").session
        assert [(a.label, a.annotator) for a in session.annotations] == [("CoT/simple", "ada")]
        assert session.trials[-1].gold == "code/simple"
        await s.pilot.press("right")
        await s.shows("Tour 3/5 Which arm")
        await s.pilot.press("r")
        await s.shows("All cases")
        await s.pilot.press("enter")
        await s.shows("Tour 3/5 ✓", "accuracy surely above")
        await s.pilot.press("right")
        await s.shows("Tour 4/5 Your own prompt")
        await s.pilot.press("escape")
        await s.until(lambda: s.mode.page.query_one(PromptLine).has_focus, "the prompt line")
        await s.type("name my boat")
        await s.pilot.press("enter")
        await s.shows("Tour 4/5 ✓", "unfamiliar, or a low bar?")
        await s.pilot.press("ctrl+n")
        await s.shows("Tour 5/5", "smollm2-135m ", "With 1 label of yours, saved in", "routerlab report FILE")
        await s.pilot.press("ctrl+n")
        await s.until(lambda: "Tour" not in s.picture(), "the lab alone")
        assert s.mode.page.lent == 0
        said = s.mode.last_words
        assert f"`routerlab annotate {folder}" in said
    assert len(read_session(folder / "sessions" / "session.toml").session.trials) == 2 * (1 + 1 + 7 + 1)


async def test_every_step_can_be_skipped_and_the_tour_ended_without_leaving(folder: Path) -> None:
    async with touring(folder, (80, 24)) as s:
        for step in range(1, 6):
            await s.shows(f"Tour {step}/5")
            await s.pilot.press("ctrl+n")
        assert s.mode.page.query_one(PromptLine).text == "", "the prompt of the first step is gone"
        await s.until(lambda: "Tour" not in s.picture(), "the lab alone")
        await s.pilot.press("escape", "q")
        await s.until(lambda: s.app.return_code is not None, "the end")
    async with touring(folder / "again") as s:
        await s.shows("Tour 1/5")
        await s.pilot.press("escape", "q")
        await s.until(lambda: "Tour" not in s.picture(), "the lab alone")
        assert s.app.return_code is None
        assert s.mode.last_words == "", "nothing was asked"
        await s.pilot.press("f1")
        await s.shows("Tour", "End the tour")


async def test_in_a_low_terminal_two_lines_are_left_to_the_tour(folder: Path) -> None:
    async with touring(folder, (60, 15)) as s:
        await s.shows("Tour 1/5", "Press Enter")
        assert s.mode.page.lent == 2
        await s.pilot.press("enter")
        await s.shows("✓ A prompt", "says")


async def test_a_model_that_is_missing_is_pulled_in_models_and_joins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []
    monkeypatch.setattr(ModelsScreen, "want", lambda self, name, pull: asked.append((Path(name).stem, pull)))
    here: list[str] = []
    monkeypatch.setattr(shown, "if_here", lambda name, settings: specs(3)[2] if here else None)
    async with touring(folder, missing=("smollm2-135m:probe",)) as s:
        await s.shows("smollm2-135m:probe not here: ctrl+l pulls")
        await s.pilot.press("ctrl+l")
        await s.until(lambda: isinstance(s.app.screen, ModelsScreen) and bool(asked), "the models")
        assert asked == [("smollm2-135m", True)]
        here.append("now")
        await s.pilot.press("f3")
        await s.until(lambda: len(s.mode.lab.arms) == 3, "the model that came")
        await s.until(lambda: "not here" not in s.picture(), "no word of it")


def test_who_is_not_here_has_a_stand_in(folder: Path) -> None:
    (folder / "models").mkdir()
    alone = party(Settings())
    assert [spec.name for spec in alone.specs] == [STAND_IN.removeprefix("baseline:")]
    assert alone.missing == ("minilm:probe", "smollm2-135m:probe")


def test_words_have_room_and_keys_are_free() -> None:
    for step in STEPS:
        for text in (step.todo, step.then):
            assert len([*wrapped(text, 76)]) <= 4, step.title
    taken = {key for action in LAB_ACTIONS for key in action.keys.split(",") if action.place == "lab"}
    taken |= {key for b in PromptLine.BINDINGS if isinstance(b, Binding) for key in b.key.split(",")}
    keys = {key for action in TOUR_ACTIONS for key in action.keys.split(",")}
    assert keys & taken == {"q"}, "which leaves the tour first"
    assert all(implemented(action, TourScreen) and action.id in IDS for action in TOUR_ACTIONS)


@pytest.mark.parametrize(("key", "then"), [("escape", "F3 opens the Lab"), ("T", "Tour 1/5")])
async def test_home_offers_it_until_it_was_begun_or_declined(folder: Path, key: str, then: str) -> None:
    made = bench(folder / "sessions")
    mode = HomeMode(load_taxonomy(TAXONOMY), Settings())
    app = app_in(mode, Settings(), lambda session, corpus: (made.lab, []))
    async with app.run_test(size=(110, 45), notifications=True) as pilot:
        s = Watch(app, mode, pilot)
        await s.shows("takes the tour", "F3 opens the Lab")
        await pilot.press(key)
        await s.until(lambda: then in s.picture() and "takes the tour" not in s.picture(), then)
        assert not offers_tour()
