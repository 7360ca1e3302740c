"""The modes of the app: gone to by keys, kept when left, and what one shows of another."""

import asyncio
from itertools import count
from pathlib import Path

import pytest
from textual.binding import Binding

from routerlab.core.session.file import SessionFile
from routerlab.engine.arms.arm import Arm, Spec
from routerlab.engine.lab.lab import Lab
from routerlab.settings import READ_ONLY, Settings
from routerlab.study.report.subject import ranked
from routerlab.tui.actions.registry import IDS, MODE_ACTIONS
from routerlab.tui.annotate.screen import AnnotateScreen
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.results.mode import ResultsMode
from routerlab.tui.shared.shell import Open, Shell, Show
from tests.study.report.harness import subject
from tests.tui.harness import Sitting, Watch, app_in, implemented, sitting
from tests.tui.scripted import bench, specs
from tests.tui.trial.harness import halting, trialing

pytestmark = pytest.mark.whole  # long sittings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace whose sessions lie in ./sessions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sessions").mkdir()
    return tmp_path / "sessions"


def test_every_mode_has_a_key_of_its_own_that_no_screen_has() -> None:
    keys = [action.keys for action in MODE_ACTIONS]
    assert len(set(keys)) == 7
    assert all(implemented(action, Shell) and action.id in IDS for action in MODE_ACTIONS)
    for page in (LabScreen, AnnotateScreen):
        taken = {key for b in page.BINDINGS if isinstance(b, Binding) for key in b.key.split(",")}
        assert not taken & set(keys)


async def test_a_mode_stays_as_it_is_when_another_is_gone_to(folder: Path) -> None:
    async with sitting(folder) as s:
        await s.type("half a prompt")
        await s.pilot.press("f8")
        await s.shows("F3 Lab", "Models", "to pull")
        await s.pilot.press("f7")
        await s.shows("Tune", "fits a router to labelled cases", "smollm2-135m")
        await s.pilot.press("f2")
        await s.shows("Corpora", "routing60", "60 cases")
        await s.pilot.press("f3")
        await s.until(lambda: s.app.screen is s.screen, "the lab")
        assert s.screen.query_one(PromptLine).text == "half a prompt"
        assert [arm.state.phase for arm in s.lab.arms.values()] == ["ready", "ready"]
        await s.pilot.press("f6")
        await s.shows("no trial is carried out")
        assert s.app.current_mode == "lab"
        titles = {command.title for command in s.app.get_system_commands(s.screen)}
        assert {f"Go to {action.label}" for action in MODE_ACTIONS} <= titles


async def asked(s: Sitting, prompt: str) -> None:
    await s.type(prompt)
    await s.pilot.press("enter")
    await s.until(lambda: len(s.lab.session.trials) == 2, "both answers")
    await s.pilot.press("escape")


async def test_from_the_history_to_annotate_and_back_once_it_is_labelled(folder: Path) -> None:
    async with sitting(folder) as s:
        await asked(s, "sort a list")
        await s.pilot.press("N")
        await s.until(lambda: isinstance(s.app.screen, AnnotateScreen), "the annotate screen")
        await s.shows("sort a list", "session.ada.toml")
        await s.pilot.press("L")
        await s.shows("label it first")
        assert s.app.current_mode == "annotate"
        page = s.app.screen
        assert isinstance(page, AnnotateScreen)
        await s.pilot.press("1", "1")
        await s.until(lambda: page.desk.count("submitted") == 1, "the label")
        await s.pilot.press("b", "L")
        await s.until(lambda: s.app.screen is s.screen, "the lab")
        await s.until(lambda: s.screen.query_one(HistoryTable).has_focus, "the question")
        await s.pilot.press("e")
        await s.until(lambda: len(s.lab.session.trials) == 4, "the same asked again")
        await s.pilot.press("ctrl+q")
        await s.until(lambda: s.app.return_code is not None, "the end")
        said = [mode.last_words for mode in s.app.modes.values()]
    assert said == [
        f"saved in {folder / 'session.toml'}",
        "1 submitted, 0 skipped, 0 left; saved in sessions/session.ada.toml",
    ]


async def test_from_a_wrong_case_of_a_result_to_the_lab(folder: Path) -> None:
    made = bench(folder)

    def open_lab(session: Path | None, corpus: Path | None) -> tuple[Lab, list[Spec]]:
        return made.lab, list(specs(1))

    mode = ResultsMode(ranked(subject()), Settings())
    app = app_in(mode, Settings(), open_lab)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        s = Watch(app, mode, pilot)
        await s.shows("good", "wrong")
        await pilot.press("j", "j", "L")
        await s.shows("Wrong by wrong", "Prompt 0")
        await pilot.press("enter")
        await s.until(lambda: isinstance(app.screen, LabScreen), "the lab")
        await s.until(lambda: app.screen.query_one(PromptLine).text.startswith("Prompt "), "the prompt")
        await s.shows("no arm was asked this yet")


async def test_another_sitting_is_opened_only_after_a_question(folder: Path) -> None:
    other = bench(folder / "other")
    async with sitting(folder) as s:
        s.app._open_lab = lambda session, corpus: (other.lab, list(specs(1)))
        corpus = Path("cases.toml")
        corpus.write_text("schema_version = 1\n")
        for answer, stays in (("enter", True), ("down", False)):
            s.app.post_message(Open("lab", corpus))
            await s.shows("A sitting is open in the Lab")
            await s.pilot.press(answer, *([] if stays else ["enter"]))
            if stays:
                await s.until(lambda: s.app.screen is s.screen, "the lab as it was")
        await s.until(lambda: s.app.modes.get("lab") is not s.mode and "lab" in s.app.modes, "the other one")
        assert all(arm.state.phase == "stopped" for arm in s.lab.arms.values())
        new = s.app.modes["lab"]
        assert isinstance(new, LabMode)
        await s.until(lambda: s.app.screen is new.page and len(new.lab.arms) == 1, "its arm")


@pytest.mark.parametrize("wanted", [Open("home", None), Show("another prompt")], ids=["home", "lab"])
async def test_a_sitting_is_ended_whole_though_something_else_is_wanted_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: Open | Show
) -> None:
    made, may_stop = count(), asyncio.Event()
    async with sitting(folder) as s:
        await asked(s, "sort a list")
        s.app._open_lab = lambda session, corpus: (bench(folder / f"{next(made)}").lab, list(specs(1)))
        kind = type(next(iter(s.lab.arms.values())))
        stop = kind.stop

        async def slowly(arm: Arm) -> None:
            await may_stop.wait()
            await stop(arm)

        monkeypatch.setattr(kind, "stop", slowly)
        Path("cases.toml").write_text("schema_version = 1\n")
        s.app.post_message(Open("lab", Path("cases.toml")))
        await s.shows("A sitting is open in the Lab")
        await s.pilot.press("down", "enter")
        await s.until(lambda: "lab" not in s.app.modes, "its end begun")
        s.app.post_message(wanted)
        may_stop.set()
        where = wanted.mode if isinstance(wanted, Open) else "lab"
        await s.until(lambda: s.app.modes.get(where) not in (None, s.mode), "what was wanted then")
        await s.until(lambda: s.app.current_mode == where, "that it is gone to")
        assert all(arm.state.phase == "stopped" for arm in s.lab.arms.values())
        assert s.lab.path is not None
        SessionFile.open(s.lab.path).close()  # nobody holds it any more


async def test_no_model_is_loaded_beside_a_trial(tmp_path: Path) -> None:
    async with trialing(tmp_path, sessions=30, prepare=lambda script: halting(script, 8)) as s:
        await s.shows("sessions")
        for key in ("f3", "f7", "f8"):
            await s.pilot.press(key)
            await s.shows("would falsify its times")
            assert s.app.current_mode == "trial"
            s.app.clear_notifications()
            await s.until(lambda: "would falsify" not in s.picture(), "the toast gone")


async def test_where_one_may_only_look_there_is_no_other_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(READ_ONLY, "1")
    mode = ResultsMode(ranked(subject()), Settings())
    app = app_in(mode, Settings())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        s = Watch(app, mode, pilot)
        await s.shows("good")
        assert "F3 Lab" not in s.picture()
        await pilot.press("f8")
        await s.shows("Read-only: nothing is asked")
        assert app.current_mode == "results"
