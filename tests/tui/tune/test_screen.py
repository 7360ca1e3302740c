"""The tune screen: the keys, what is shown, what annotations are learnt from."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from routerlab.core.corpus import load_corpus
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.shared.dialogs import Read
from routerlab.tui.tune.candidates import LEARN_AFTER, entries, labelled
from routerlab.tui.tune.found import Cells
from routerlab.tui.tune.screen import TuneScreen
from tests.conftest import REPO
from tests.proc import alive
from tests.tui.harness import Sitting, app_in, settle, sitting
from tests.tui.scripted import NOW, Bench, bench, specs
from tests.tui.tune.child import LEARNED, RESULT, SAYS, says

pytestmark = pytest.mark.whole  # long sittings

# --- the screen ---


def says_on_screen(mode: LabMode, folder: Path, *lines: str) -> Path:
    """Let the tuning run these lines instead of routerlab; their arguments are in the file returned."""
    child, heard = folder / "child.py", folder / "heard.json"
    child.write_text(SAYS + f"open({str(heard)!r}, 'w').write(json.dumps(sys.argv[1:]))\n" + "\n".join(lines))
    mode.tuning.command = [sys.executable, str(child)]
    return heard


async def opened(s: Sitting) -> TuneScreen:
    s.table.focus()
    await s.pilot.press("T")
    await s.until(lambda: isinstance(s.app.screen, TuneScreen), "the tune screen")
    screen = s.app.screen
    assert isinstance(screen, TuneScreen)
    await s.until(lambda: screen.query_one(OptionList).option_count > 0, "its models")
    return screen


async def said(s: Sitting, words: str) -> None:
    """Wait for a toast with these words, however it is wrapped."""
    await s.until(lambda: any(words in note.message for note in s.app._notifications), words)


def footer(s: Sitting) -> set[str]:
    return {b.binding.description for b in s.app.screen.active_bindings.values() if b.binding.show}


def tuned(name: str, **more: object) -> ArmSpec:
    return ArmSpec(
        name=f"{name}:probe",
        model=Path(f"/models/{name}.gguf"),
        contract="probe",
        router=Path(f"/r/{name}.toml"),
    )


async def test_a_tuning_from_key_to_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerlab.tui.tune.screen.router_spec", lambda path: tuned(path.stem))
    gate = tmp_path / "gate"
    async with sitting(tmp_path) as s:
        wait = f"import os\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"
        step = "say(stage='reading', done=120, total=396)"
        heard = says_on_screen(s.mode, tmp_path, step, wait, says(RESULT))
        screen = await opened(s)
        await s.shows("smollm2-135m", "no router yet", "Budget", "enter tunes the chosen model")
        assert footer(s) == {"Tune", "Learn", "Help", "Lab"}
        await s.pilot.press("tab", "backspace", "backspace", "x", "3", "0")
        assert screen.query_one(Input).value == "30"
        await s.pilot.press("enter")
        await s.shows("reading  120/396", "0 s", "━")
        assert json.loads(heard.read_text())[-4:] == ["--progress", "json", "--budget", "30"]
        assert footer(s) == {"Cancel", "Help", "Lab"}
        await s.pilot.press("escape")
        await s.until(lambda: isinstance(s.app.screen, LabScreen), "the lab")
        gate.touch()
        await s.shows("tuning smollm2-135m.gguf: done: T shows it")
        await s.pilot.press("T")
        await s.shows("enter or a adds it", "score + exemplars, calibrated", ".83 .79-.86", "389 ms", ".031")
        assert "Add arm" in footer(s)
        await s.pilot.press("enter")
        await s.until(lambda: "smollm2-135m:probe" in s.lab.arms, "the new arm")
        await s.shows("smollm2-135m.toml is the arm smollm2-135m:probe")
        assert "Add arm" not in footer(s)
        await s.shows("smollm2-135m:probe")
        assert [e.name for e in entries(s.lab)] == ["smollm2-135m:probe", "qwen2.5-coder-0.5b"]


async def test_what_is_known_of_a_router_is_shown_before_it_is_tuned_again(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        where = {"router": REPO / "routers" / "smollm2-135m.toml", "model": Path("/models/other.gguf")}
        s.lab.add_arm(tuned("smollm2-135m").model_copy(update=where))
        await opened(s)
        await s.shows("smollm2-135m.toml, as it was measured", "probe, on pool ", "routing60 was not read")
        await s.pilot.press("down")
        await s.shows("no router yet", "What comes out is a file in routers/")


async def test_an_arm_of_that_name_is_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerlab.tui.tune.screen.router_spec", lambda path: tuned(path.stem))
    async with sitting(tmp_path, arms=1) as s:
        s.lab.add_arm(tuned("smollm2-135m"))
        before = s.lab.arms["smollm2-135m:probe"]
        says_on_screen(s.mode, tmp_path, says(RESULT))
        await opened(s)
        await s.pilot.press("t")
        await s.shows("enter or a adds it")
        await s.pilot.press("a")
        await s.shows("was in the lab already")
        assert s.lab.arms["smollm2-135m:probe"] is not before
        assert before.state.phase == "stopped"


async def test_what_goes_wrong_is_on_the_screen(tmp_path: Path) -> None:
    async with sitting(tmp_path, size=(80, 24)) as s:
        says_on_screen(s.mode, tmp_path, "sys.exit('error: [b]no scikit-learn\\x1b[2J')")
        await opened(s)
        await s.pilot.press("tab", "backspace", "backspace", "full_stop", "enter")
        await s.shows("the budget is a number of minutes")
        await s.pilot.press("5", "enter")
        await s.shows("failed: [b]no scikit-learn\\x1b[2J")
        says_on_screen(s.mode, tmp_path, says(RESULT | {"done": str(tmp_path / "nowhere.toml")}))
        await s.pilot.press("t")
        await s.shows("enter or a adds it")
        await s.pilot.press("a")
        await said(s, "nowhere.toml: no such file")


async def test_the_curve_stays_when_the_size_changes(tmp_path: Path) -> None:
    async with sitting(tmp_path, size=(160, 48)) as s:
        says_on_screen(s.mode, tmp_path, says(RESULT))
        await opened(s)
        await s.pilot.press("t")

        def drawn() -> bool:
            picture = s.picture()
            return "160" in picture and sum("\u2801" <= c <= "\u28ff" for c in picture) > 60

        await s.until(drawn, "the curve")
        await s.pilot.resize_terminal(140, 40)
        await s.until(lambda: len(s.picture().splitlines()) == 40 and drawn(), "the curve in another size")
        await s.pilot.resize_terminal(80, 24)
        await s.until(lambda: "method" in s.picture() and not drawn(), "a curve to scroll to")
        await s.pilot.press(*"jjjjjjjjjjjj")
        await s.until(drawn, "the curve below")
        await s.pilot.press(*"kkkkkkkkkkkk")
        await s.until(lambda: "method" in s.picture(), "the table again")


async def test_cancelling_and_help(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        says_on_screen(s.mode, tmp_path, "say(stage='reading', done=1, total=9)", "time.sleep(60)")
        await opened(s)
        await s.pilot.press("t")
        await s.shows("reading  1/9")
        await s.pilot.press("question_mark")
        await s.until(lambda: isinstance(s.app.screen, Read), "help")
        await s.shows("Let its router learn from annotations")
        await s.pilot.press("escape", "c")
        await s.shows("what was read is kept")
        await s.until(lambda: s.mode.tuning.phase == "cancelled", "the end")
        titles = {command.title for command in s.app.get_system_commands(s.app.screen)}
        assert {"Tune", "Learn", "Cancel", "Add arm"} <= titles


async def test_leaving_the_app_ends_the_child(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        says_on_screen(
            s.mode, tmp_path, "import os", "say(stage=str(os.getpid()), done=1, total=9)", "time.sleep(60)"
        )
        await opened(s)
        await s.pilot.press("t")
        await s.until(lambda: s.mode.tuning.step is not None, "the child")
        step = s.mode.tuning.step
        await s.pilot.press("ctrl+q")
        await s.until(lambda: not s.mode.tuning.active, "its end")
        assert step is not None
        assert not alive(int(step.stage))


async def test_no_model(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=0) as s:
        await opened(s)
        await s.shows("no model in the lab")
        await s.pilot.press("l", "t", "enter")
        assert s.mode.tuning.phase == "idle"


# --- learning from annotations ---


async def annotated(s: Sitting, prompts: list[str]) -> None:
    """Type these prompts, and give each the first label."""
    for prompt in prompts:
        s.lab.ask(prompt)
    arms = len(s.lab.arms)
    await s.until(lambda: len(s.lab.session.trials) == arms * len(prompts), "answers")
    for trial in s.lab.session.trials[::arms]:
        await s.lab.annotate(trial.id, label=s.lab.taxonomy.labels[0])


async def test_ten_annotations_are_told_once_and_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sitting(tmp_path, arms=0, size=(80, 24)) as s:
        told: list[str] = []
        monkeypatch.setattr(s.screen, "tell", lambda message, *_: told.append(message))
        s.lab.add_arm(tuned("smollm2-135m"))
        await annotated(s, [f"question {i}" for i in range(LEARN_AFTER + 2)])
        await s.until(lambda: len(s.lab.session.annotations) == LEARN_AFTER + 2, "annotations")
        await s.until(lambda: bool(told), "the notice")
        notice = f"{LEARN_AFTER} new annotations: T, then l learns from them"
        # The screen may look only after the eleventh or twelfth.
        (first,) = told
        assert first in [notice.replace(str(LEARN_AFTER), str(LEARN_AFTER + n)) for n in range(3)]
        assert len(labelled(s.lab)) == LEARN_AFTER + 2
        heard = says_on_screen(s.mode, tmp_path, says(RESULT | {"learned": LEARNED}))
        await opened(s)
        await s.pilot.press("l")
        await s.shows("learned from 12 annotations", "accuracy .80 → .83", "2 labels changed")
        await s.shows("Prove that \\x1b[2J", "✗ code·s", "✓ CoT·c", "✓ code·s", "✗ nonsense")
        assert json.loads(heard.read_text())[1:5] == [
            *("learn", "/r/smollm2-135m.toml", "--session", str(s.lab.path))
        ]
        await s.pilot.press("escape")
        trial = s.lab.session.trials[0].id
        await s.lab.annotate(trial, label=s.lab.taxonomy.labels[1])
        await s.pilot.pause()
        assert told == [first]
        for other in s.lab.session.trials[1:LEARN_AFTER]:
            await s.lab.annotate(other.id, label=s.lab.taxonomy.labels[1])
        await s.until(lambda: told == [first, notice], "a second notice, for ten changed labels")


async def test_what_cannot_be_learned_from_is_said(tmp_path: Path) -> None:
    sixty = load_corpus(ROUTING60, load_taxonomy(TAXONOMY))
    async with sitting(tmp_path, arms=1, corpus=sixty) as s:
        await opened(s)
        await s.pilot.press("l")
        await s.shows("has no router that could learn")
        await s.pilot.press("escape")
        s.lab.add_arm(tuned("smollm2-135m"))
        await opened(s)
        await s.shows("smollm2-135m:probe")  # the list is drawn anew a moment after
        await s.pilot.press("l")
        await s.shows("nothing of this sitting is saved yet")
        await s.pilot.press("escape")
        s.lab.replay(s.lab.cases()[:2])
        await s.lab.finished()
        s.lab.ask(sixty.case[3].prompt.upper())
        await s.until(lambda: len(s.lab.session.trials) == 6, "answers")
        for trial in s.lab.session.trials:
            await s.lab.annotate(trial.id, label=s.lab.taxonomy.labels[0])
        assert labelled(s.lab) == {}
        await opened(s)
        await s.pilot.press("l")
        await said(s, "held-out test, no router learns from it")
        assert s.mode.tuning.phase == "idle"


async def test_corpus_cases_and_undone_labels(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=1) as s:
        await s.replayed()
        first, second = s.lab.session.trials[:2]
        labels = s.lab.taxonomy.labels
        await s.lab.annotate(first.id, label=labels[0])
        await s.lab.annotate(first.id, label=labels[1])
        await s.lab.annotate(second.id, action="skip")
        assert list(labelled(s.lab).values()) == [labels[1]]
        await s.lab.undo()
        await s.lab.undo()
        await s.lab.undo()
        assert labelled(s.lab) == {}


async def test_models_come_once_and_with_their_router(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        s.lab.add_arm(
            ArmSpec(name="smollm2-135m:json", model=Path("/models/smollm2-135m.gguf"), contract="json")
        )
        names = [(e.name, e.router) for e in entries(s.lab)]
        assert names == [("smollm2-135m", None), ("qwen2.5-coder-0.5b", None)]
        s.lab.add_arm(tuned("smollm2-135m"))
        cascade = tuned("qwen2.5-coder-0.5b").model_copy(update={"contract": "cascade", "name": "c"})
        s.lab.add_arm(cascade)
        names = [(e.name, e.router) for e in entries(s.lab)]
        assert names == [("smollm2-135m:probe", Path("/r/smollm2-135m.toml")), ("qwen2.5-coder-0.5b", None)]


# --- pictures ---


@pytest.mark.parametrize("size", [(80, 24), (160, 48)], ids=["80x24", "160x48"])
def test_a_finished_tune(snap_compare: Callable[..., bool], tmp_path: Path, size: tuple[int, int]) -> None:
    made: Bench = bench(tmp_path)
    mode = LabMode(made.lab, specs(3), now=lambda: NOW)
    app = app_in(mode, made.lab.settings)
    says_on_screen(mode, tmp_path, says(RESULT))

    async def run(pilot: Pilot[None]) -> None:
        arms = made.lab.arms
        await settle(pilot, lambda: len(arms) == 3 and all(a.state.phase == "ready" for a in arms.values()))
        await pilot.press("escape", "T")
        await settle(pilot, lambda: isinstance(app.screen, TuneScreen))
        await pilot.press("t")
        await settle(
            pilot,
            lambda: mode.tuning.phase == "done" and app.screen.query_one("#methods", Cells).row_count > 0,
            still_s=1.5,  # the plot comes last, and a busy machine takes its time
        )

    assert snap_compare(app, terminal_size=size, run_before=run)
