"""The tune screen: a real child process that a test writes, the keys, what annotations are learnt from."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input, OptionList

from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.arm import ArmSpec
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.tui.actions import TUNE_ACTIONS
from routerlab.tui.app import RouterLabApp
from routerlab.tui.learning import LEARN_AFTER, entries, labelled
from routerlab.tui.screens.dialogs import Read
from routerlab.tui.screens.lab import LabScreen
from routerlab.tui.screens.tune import TuneScreen
from routerlab.tui.tuning import Job, Tuning, learn_arguments, tune_arguments
from routerlab.tui.widgets.found import Cells
from tests.tui.helpers import LIMIT_S, Sitting, sitting
from tests.tui.scripted import NOW, Bench, bench, specs

JOB = Job("tuning m.gguf", Path("/models/m.gguf"))
SAYS = "import json, sys, time\ndef say(**what): print(json.dumps(what), flush=True)\n"
ROWS = [
    ("json, zero-shot", 60, 0.40, 0.29, 0.53, 0.25, None, None, 912.0, 1404.0),
    ("score, zero-shot", 120, 0.52, 0.43, 0.61, 0.33, 1.31, 0.102, 371.2, 702.5),
    ("score + exemplars", 117, 0.61, 0.52, 0.69, 0.42, 1.10, 0.091, 380.9, 733.1),
    ("score + exemplars, debiased", 117, 0.66, 0.57, 0.74, 0.45, 0.98, 0.067, 380.9, 733.1),
    ("score + exemplars, calibrated", 117, 0.68, 0.59, 0.76, 0.47, 0.90, 0.051, 380.9, 733.1),
    ("probe", 396, 0.83, 0.79, 0.86, 0.71, 0.52, 0.031, 201.4, 388.8),
]
KEYS = ("method", "n", "accuracy", "low", "high", "hard", "log_loss", "ece", "p50", "p95")
CURVE = [(10, 0.41), (20, 0.52), (40, 0.60), (80, 0.69), (160, 0.76), (316, 0.82)]
RESULT = {
    "done": "routers/smollm2-135m.toml",
    "notes": ["saved and fresh answers of the finished probe: 120 of 120 alike", "[red]foreign\x1b[2J"],
    "rows": [dict(zip(KEYS, row, strict=True)) for row in ROWS],
    "curve": [{"n": n, "accuracy": a, "low": a - 0.03, "high": a + 0.03} for n, a in CURVE],
    "learned": None,
}
LEARNED = {
    "added": 12,
    "before": 0.8,
    "after": 0.83,
    "changed": [
        {
            "prompt": "Prove that \x1b[2J[b]it[/b] halts",
            "gold": "CoT/complex",
            "before": "code/simple",
            "after": "CoT/complex",
        },
        {"prompt": "Rename x", "gold": "code/simple", "before": "code/simple", "after": "nonsense"},
    ],
}


def script(*lines: str) -> list[str]:
    """Arguments for a child that runs these lines."""
    return ["-c", SAYS + "\n".join(lines)]


def says(what: object) -> str:
    """A line that prints the result."""
    return f"print(json.dumps({what!r}), flush=True)"


def tuning(patience_s: float = 5.0) -> Tuning:
    made = Tuning(time.monotonic, patience_s)
    made.command = [sys.executable]
    return made


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 2 * LIMIT_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.01)


# --- the child ---


async def test_the_child_tells_how_far_it_is_and_what_came_of_it() -> None:
    t, ended = tuning(), []
    t.on_end = lambda: ended.append(t.phase)
    junk = "print('no json'); print('[1]'); say(stage=1); assert sys.stdin.read() == ''"
    t.start(JOB, script("say(stage='reading', done=3, total=9)", junk, "time.sleep(0.3)", says(RESULT)))
    await until(lambda: t.step is not None)
    assert (t.phase, t.step and (t.step.stage, t.step.done, t.step.total)) == ("running", ("reading", 3, 9))
    with pytest.raises(LabError, match="cancel it first"):
        t.start(JOB, script("pass"))
    await until(lambda: not t.active)
    assert ended == ["done"]
    assert t.outcome is not None
    assert [row.method for row in t.outcome.rows] == [row[0] for row in ROWS]
    assert t.outcome.curve[-1].n == 316
    assert t.outcome.done == Path("routers/smollm2-135m.toml")
    assert t.elapsed > 0.2


async def test_lines_of_some_hundred_kilobytes_are_read_and_endless_ones_passed_over() -> None:
    t = tuning()
    big = RESULT | {"notes": ["x" * 900_000]}
    t.start(
        JOB,
        script(
            "print('y' * (20 << 20))",
            f"print(json.dumps({big!r}))".replace("'" + "x" * 900_000 + "'", "'x' * 900_000"),
        ),
    )
    await until(lambda: not t.active)
    assert t.outcome is not None
    assert len(t.outcome.notes[0]) == 900_000


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sys.exit('warning: one\\nerror: no \\x1b[2Jmodel')", "no \\x1b[2Jmodel"),
        ("sys.exit(3)", "the command ended with exit code 3"),
        ("pass", "the command ended without a result"),
        (says(RESULT) + "; sys.exit('error: the disk is full')", "the disk is full"),
    ],
)
async def test_a_child_that_fails_is_said_in_words(line: str, message: str) -> None:
    t = tuning()
    t.start(JOB, script(line))
    await until(lambda: not t.active)
    assert (t.phase, t.message, t.outcome) == ("failed", message, None)


async def test_a_command_that_is_not_there() -> None:
    t = tuning()
    t.command = ["/nowhere/python"]
    t.start(JOB, [])
    t.cancel()
    await until(lambda: not t.active)
    assert t.phase == "failed"
    assert "cannot be started: No such file" in t.message


async def test_an_interrupted_child_keeps_what_it_read() -> None:
    t = tuning()
    t.start(
        JOB,
        script(
            "try: say(stage='reading', done=1, total=9); time.sleep(60)",
            "except KeyboardInterrupt: sys.exit(130)",
        ),
    )
    await until(lambda: t.step is not None)
    t.cancel()
    assert t.active
    t.cancel()
    await until(lambda: not t.active)
    assert (t.phase, t.message) == (
        "cancelled",
        "cancelled; what was read is kept, and tuning again goes on from there",
    )
    t.start(JOB, script(says(RESULT)))
    await until(lambda: not t.active)
    assert t.phase == "done"


STUBBORN = (
    "import os, signal, subprocess",
    "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])",
    "say(stage=f'{os.getpid()} {child.pid}', done=0, total=0)",
    "time.sleep(60)",
)


def gone(pid: int) -> bool:
    """Whether the process has ended; a zombie that init has yet to bury has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_a_stubborn_child_is_killed_with_its_own() -> None:
    t = tuning(patience_s=0.2)
    t.start(JOB, script(*STUBBORN))
    await until(lambda: t.step is not None)
    assert t.step is not None
    pids = [int(pid) for pid in t.step.stage.split()]
    t.cancel()
    await until(lambda: not t.active)
    assert t.phase == "cancelled"
    assert "was killed; what it had read is kept" in t.message
    await until(lambda: all(map(gone, pids)))


async def test_a_child_that_is_killed_from_outside() -> None:
    t = tuning()
    t.start(JOB, script("import os", "say(stage=str(os.getpid()), done=0, total=0)", "time.sleep(60)"))
    await until(lambda: t.step is not None)
    assert t.step is not None
    os.kill(int(t.step.stage), signal.SIGKILL)
    await until(lambda: not t.active)
    assert (t.phase, t.message) == (
        "failed",
        "the command was ended by SIGKILL; what it had read is kept",
    )


async def test_closing_ends_the_child_even_while_it_starts() -> None:
    t = tuning(patience_s=0.3)
    await t.close()
    t.start(JOB, script("time.sleep(60)"))
    await asyncio.wait_for(t.close(), LIMIT_S)
    assert t.phase == "cancelled"


def test_the_command_lines() -> None:
    assert tune_arguments(Path("/m/a.gguf"), 15.0, TAXONOMY) == [
        *("tune", "/m/a.gguf", "--progress", "json", "--budget", "15")
    ]
    labels = Path("/t/labels.toml")
    assert tune_arguments(Path("/m/a.gguf"), 1.5, labels)[-2:] == ["--taxonomy", "/t/labels.toml"]
    assert learn_arguments(Path("/r/a.toml"), Path("/s/b.toml")) == [
        *("tune", "learn", "/r/a.toml", "--session", "/s/b.toml", "--progress", "json")
    ]


# --- the screen ---


def says_on_screen(app: RouterLabApp, folder: Path, *lines: str) -> Path:
    """Let the app run these lines instead of routerlab; they leave their arguments in the file returned."""
    child, heard = folder / "child.py", folder / "heard.json"
    child.write_text(SAYS + f"open({str(heard)!r}, 'w').write(json.dumps(sys.argv[1:]))\n" + "\n".join(lines))
    app.tuning.command = [sys.executable, str(child)]
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


def test_every_action_is_implemented_and_bound() -> None:
    keys = [key for action in TUNE_ACTIONS for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))
    ids = {b.id for b in TuneScreen.BINDINGS if isinstance(b, Binding)}
    for action in TUNE_ACTIONS:
        assert hasattr(TuneScreen, "action_" + action.method.split("(")[0]), action.id
        assert action.id in ids


async def test_a_tuning_from_key_to_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerlab.tui.screens.tune.router_spec", lambda path: tuned(path.stem))
    gate = tmp_path / "gate"
    async with sitting(tmp_path) as s:
        wait = f"import os\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)"
        step = "say(stage='reading', done=120, total=396)"
        heard = says_on_screen(s.app, tmp_path, step, wait, says(RESULT))
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


async def test_an_arm_of_that_name_is_loaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerlab.tui.screens.tune.router_spec", lambda path: tuned(path.stem))
    async with sitting(tmp_path, arms=1) as s:
        s.lab.add_arm(tuned("smollm2-135m"))
        before = s.lab.arms["smollm2-135m:probe"]
        says_on_screen(s.app, tmp_path, says(RESULT))
        await opened(s)
        await s.pilot.press("t")
        await s.shows("enter or a adds it")
        await s.pilot.press("a")
        await s.shows("was in the lab already")
        assert s.lab.arms["smollm2-135m:probe"] is not before
        assert before.state.phase == "stopped"


async def test_what_goes_wrong_is_on_the_screen(tmp_path: Path) -> None:
    async with sitting(tmp_path, size=(80, 24)) as s:
        says_on_screen(s.app, tmp_path, "sys.exit('error: [b]no scikit-learn\\x1b[2J')")
        await opened(s)
        await s.pilot.press("tab", "backspace", "backspace", "full_stop", "enter")
        await s.shows("the budget is a number of minutes")
        await s.pilot.press("5", "enter")
        await s.shows("failed: [b]no scikit-learn\\x1b[2J")
        says_on_screen(s.app, tmp_path, says(RESULT | {"done": str(tmp_path / "nowhere.toml")}))
        await s.pilot.press("t")
        await s.shows("enter or a adds it")
        await s.pilot.press("a")
        await said(s, "nowhere.toml: no such file")


async def test_the_curve_stays_when_the_size_changes(tmp_path: Path) -> None:
    async with sitting(tmp_path, size=(160, 48)) as s:
        says_on_screen(s.app, tmp_path, says(RESULT))
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
        says_on_screen(s.app, tmp_path, "say(stage='reading', done=1, total=9)", "time.sleep(60)")
        await opened(s)
        await s.pilot.press("t")
        await s.shows("reading  1/9")
        await s.pilot.press("question_mark")
        await s.until(lambda: isinstance(s.app.screen, Read), "help")
        await s.shows("Let its router learn from annotations")
        await s.pilot.press("escape", "c")
        await s.shows("what was read is kept")
        await s.until(lambda: s.app.tuning.phase == "cancelled", "the end")
        titles = {command.title for command in s.app.get_system_commands(s.app.screen)}
        assert {"Tune", "Learn", "Cancel", "Add arm"} <= titles


async def test_leaving_the_app_ends_the_child(tmp_path: Path) -> None:
    async with sitting(tmp_path) as s:
        says_on_screen(
            s.app, tmp_path, "import os", "say(stage=str(os.getpid()), done=1, total=9)", "time.sleep(60)"
        )
        await opened(s)
        await s.pilot.press("t")
        await s.until(lambda: s.app.tuning.step is not None, "the child")
        step = s.app.tuning.step
        await s.pilot.press("ctrl+q")
        await s.until(lambda: not s.app.tuning.active, "its end")
        assert step is not None
        assert gone(int(step.stage))


async def test_no_model(tmp_path: Path) -> None:
    async with sitting(tmp_path, arms=0) as s:
        await opened(s)
        await s.shows("no model in the lab")
        await s.pilot.press("l", "t", "enter")
        assert s.app.tuning.phase == "idle"


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
        await s.pilot.pause()
        notice = f"{LEARN_AFTER} new annotations: T, then l learns from them"
        assert told == [notice]
        assert len(labelled(s.lab)) == LEARN_AFTER + 2
        heard = says_on_screen(s.app, tmp_path, says(RESULT | {"learned": LEARNED}))
        await opened(s)
        await s.pilot.press("l")
        await s.shows("learned from 12 annotations", "accuracy .80 → .83", "2 labels changed")
        await s.shows("Prove that \\x1b[2J", "✗ code/simp", "✓ CoT/compl", "✓ code/simp", "✗ nonsense")
        assert json.loads(heard.read_text())[1:5] == [
            *("learn", "/r/smollm2-135m.toml", "--session", str(s.lab.path))
        ]
        await s.pilot.press("escape")
        trial = s.lab.session.trials[0].id
        await s.lab.annotate(trial, label=s.lab.taxonomy.labels[1])
        await s.pilot.pause()
        assert told == [notice]
        for other in s.lab.session.trials[1:LEARN_AFTER]:
            await s.lab.annotate(other.id, label=s.lab.taxonomy.labels[1])
        await s.until(lambda: told == [notice] * 2, "a second notice, for ten changed labels")


async def test_what_cannot_be_learned_from_is_said(tmp_path: Path) -> None:
    sixty = load_corpus(ROUTING60, load_taxonomy(TAXONOMY))
    async with sitting(tmp_path, arms=1, corpus=sixty) as s:
        await opened(s)
        await s.pilot.press("l")
        await s.shows("has no router that could learn")
        await s.pilot.press("escape")
        s.lab.add_arm(tuned("smollm2-135m"))
        await opened(s)
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
        assert s.app.tuning.phase == "idle"


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
    app = RouterLabApp(made.lab, specs(3), now=lambda: NOW)
    says_on_screen(app, tmp_path, says(RESULT))

    async def run(pilot: Pilot[None]) -> None:
        arms = made.lab.arms
        await settle(pilot, lambda: len(arms) == 3 and all(a.state.phase == "ready" for a in arms.values()))
        await pilot.press("escape", "T")
        await settle(pilot, lambda: isinstance(app.screen, TuneScreen))
        await pilot.press("t")
        await settle(
            pilot,
            lambda: app.tuning.phase == "done" and app.screen.query_one("#methods", Cells).row_count > 0,
        )

    assert snap_compare(app, terminal_size=size, run_before=run)


async def settle(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait for the condition and for the last draw."""
    seen: list[str] = []
    for _ in range(500):
        await pilot.pause()
        seen.append("\n".join(line.text for line in pilot.app.screen._compositor.render_strips()))
        if condition() and len(set(seen[-4:])) == 1 and len(seen) > 4:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the screen did not settle")
