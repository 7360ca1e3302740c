"""The trial screen: what it shows of a run and what it does not, pausing, stopping, the end, faults."""

import itertools
import re
import time
from pathlib import Path

import pytest

from routerlab.core.errors import Exit
from routerlab.core.prediction import Prediction
from routerlab.engine.arms.arm import ArmState
from routerlab.settings import Settings
from routerlab.study.trial.protocol.session import answered, ended
from routerlab.tui.shared.dialogs import Read
from tests.study.benchmark.harness import reasons
from tests.tui.scripted import NAMES, NOW, Script
from tests.tui.trial.harness import CLOSED, WARMUPS, halting, trialing

WIDE, NARROW = (160, 48), (80, 24)
OVER = "over: every session is answered"
HALF = 34
SLOW = 20.0
"""A rate at which a test of 300 sessions does not end by itself."""


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("arms", [2, 6])
async def test_a_run_from_loading_to_its_end(tmp_path: Path, arms: int, size: tuple[int, int]) -> None:
    async with trialing(tmp_path, arms, size=size, prepare=lambda s: s.loads.clear()) as s:
        await s.shows(
            "small   loading   poisson, 500 a second", "reading the weights", "waiting", f"0/{10 * arms}"
        )
        s.script.loads.set()
        await s.shows(OVER, "routerlab trial analyze", "shows the result, F5 its figures; q leaves")
        await s.shows(f"{10 * arms}/{10 * arms} sessions", "at the end: accuracy>=0.85", "p95<=2000 ✗ so far")
        await s.shows(*NAMES[:arms])
        assert s.picture().count("10/10") == arms
        assert max(map(len, s.picture().splitlines())) <= size[0]
        assert ended(s.written()) == "every session is answered"
        assert all(arm.state.phase == "stopped" for arm in s.mode.lab.arms.values())
        assert s.app.is_running
        await s.pilot.press("q")
        await s.left()
    assert s.app.return_code == Exit.OK
    assert s.mode.ended == "every session is answered"


async def test_lanes_show_what_is_served_and_what_waits(tmp_path: Path) -> None:
    async with trialing(tmp_path, 2, rate=1000.0, size=WIDE, prepare=lambda s: halting(s, 2 * WARMUPS)) as s:
        await s.shows("sending", "1 of 2 busy, 19 queued", "busy", "idle", "0/20 sessions")


async def test_time_is_told_while_it_goes_on(tmp_path: Path) -> None:
    clock = itertools.count(NOW, 0.05)
    async with trialing(tmp_path, 2, 300, rate=SLOW, now=lambda: next(clock), size=WIDE) as s:
        await s.sent(5)
        await s.shows(" left")
        await s.until(lambda: any(f"{n}." in s.picture() for n in range(1, 10)), "a rate")


async def test_a_pause_holds_back_sessions_and_is_a_deviation(tmp_path: Path) -> None:
    async with trialing(tmp_path, 2, 300, rate=SLOW) as s:
        await s.pilot.press("p")  # too early: nothing is sent yet, or just begun
        await s.until(lambda: s.mode.trial.generator is not None, "sessions")
        if s.mode.trial.generator and s.mode.trial.generator.paused:
            await s.pilot.press("p")
        await s.sent(3)
        before = len(reasons(s.session))
        await s.pilot.press("p")
        await s.shows("paused")
        generator = s.mode.trial.generator
        assert generator is not None
        await s.until(lambda: generator.under_way_of.total() == 0, "the last answer")
        n = s.over()
        end = time.monotonic() + 4 / SLOW
        await s.until(lambda: time.monotonic() > end, "several dues")
        assert s.over() == n
        await s.pilot.press("space")
        await s.sent(n + 2)
        await s.shows("sending", f"s, at {n} of 600 sessions")
        (reason,) = reasons(s.session)[before:]
        assert re.match(r": paused for \d+\.\d s", reason)
        assert reason in reasons(s.written())


@pytest.mark.parametrize("keys", [("s",), ("q",), ("ctrl+q",)])
async def test_stop_asks_first_and_leaves_a_session_to_go_on_with(
    tmp_path: Path, keys: tuple[str, ...]
) -> None:
    async with trialing(tmp_path, 2, 300, rate=SLOW) as s:
        await s.sent(3)
        await s.pilot.press(*keys)
        await s.asks()
        await s.shows("Stop? ", "of 600 sessions are over")
        await s.pilot.press(*keys, "enter")  # go on
        await s.until(lambda: s.app.screen is s.page, "the screen again")
        await s.sent(s.over() + 1)
        await s.pilot.press(*keys)
        await s.asks()
        await s.pilot.press("down", "enter")
        await s.left()
    assert s.app.return_code == Exit.INTERRUPTED
    assert s.mode.ended == ""
    session = s.written()
    n = len(answered(session))
    assert 4 <= n < 600
    assert ended(session) is None
    async with trialing(tmp_path, 2, 300, rate=SLOW) as again:
        await again.shows(f"deviation: interrupted after {n} of 600 sessions, and gone on with")
        await again.sent(n + 2)
        assert len(
            {t.session for t in again.session.trials if t.status != "cancelled"}
        ) == again.over() - sum(t.status == "cancelled" for t in again.session.trials)


async def test_ctrl_c_twice_stops_without_a_question(tmp_path: Path) -> None:
    async with trialing(tmp_path, 2, 300, rate=SLOW) as s:
        await s.sent(2)
        await s.pilot.press("ctrl+c")
        await s.shows("again to leave")
        await s.pilot.press("ctrl+c")
        await s.left()
    assert s.app.return_code == Exit.INTERRUPTED
    assert ended(s.written()) is None


async def test_stopped_in_a_pause_the_pause_is_written_down(tmp_path: Path) -> None:
    async with trialing(tmp_path, 2, 300, rate=SLOW) as s:
        await s.sent(2)
        await s.pilot.press("p", "ctrl+c", "ctrl+c")
        await s.left()
    assert any("paused for" in reason for reason in reasons(s.written()))


async def test_stopped_while_it_loads(tmp_path: Path) -> None:
    async with trialing(tmp_path, 2, prepare=lambda s: s.loads.clear()) as s:
        await s.shows("reading the weights")
        await s.pilot.press("s")
        await s.asks()
        await s.pilot.press("down", "enter")
        await s.left()
    assert s.app.return_code == Exit.INTERRUPTED
    assert not s.path.exists()


async def test_no_outcome_is_on_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs whose answers are all right, and all wrong or unreadable, look alike to the last character."""
    pictures: list[str] = []
    for right in (True, False):

        def only(script: Script, right: bool = right) -> None:
            usual = script.answer

            def answer(arm: str, contract: str, prompt: str) -> Prediction:
                found, gold = usual(arm, "score", prompt), script.gold.get(prompt)
                label = next(
                    label for label in script.taxonomy.labels if (label == gold) == right or not gold
                )
                if not right and len(script.asked) % 3 == 0:
                    return found.model_copy(update={"status": "unparsed", "label": None})
                return found.model_copy(update={"label": label})

            script.answer = answer  # type: ignore[method-assign]
            halting(script, HALF + 3 * WARMUPS)

        folder = tmp_path / str(right)
        folder.mkdir()
        monkeypatch.chdir(folder)
        async with trialing(Path(), 3, 30, CLOSED, size=WIDE, more='latency = "service"', prepare=only) as s:
            for then in ((f"{HALF}/90 sessions", "1 of 3 busy", "Pause"), (OVER, "90/90 sessions")):
                await s.shows(*then)
                if right:
                    await s.settled()
                    pictures.append(s.picture())
                else:
                    other = pictures.pop(0)
                    await s.until(lambda other=other: s.picture() == other, f"the same as\n{other}")  # type: ignore[misc]
                s.script.answers.set()
            assert {trial.correct for trial in s.session.trials} == {right}


async def test_a_planned_look_is_told_and_a_dropped_arm_is_sent_no_more(tmp_path: Path) -> None:
    looks = 'rule = "obrien-fleming"\nfractions = [0.5]\naction = "drop"'

    def one_is_right(script: Script) -> None:
        usual = script.answer

        def answer(arm: str, contract: str, prompt: str) -> Prediction:
            script.accuracy = 0.0 if arm == NAMES[1] else 1.0
            gold, found = script.gold.get(prompt), usual(arm, "score", prompt)
            lost = arm == NAMES[1] and found.label == gold
            return found.model_copy(update={"status": "unparsed", "label": None}) if lost else found

        script.answer = answer  # type: ignore[method-assign]

    async with trialing(tmp_path, 3, 30, size=WIDE, looks=looks, prepare=one_is_right) as s:
        await s.shows(OVER, "dropped", "less accurate than another at look 1", "75/75 sessions")
        await s.shows("look 1 at 50% of the cases")


async def test_an_arm_that_cannot_be_loaded_ends_it_with_a_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(script: Script) -> None:
        script.fail = {NAMES[1]: "not enough memory:\x1b[2J the model needs 4.1 GiB"}

    async with trialing(tmp_path, 2, prepare=fails) as s:
        await s.left()
    assert s.app.return_code == Exit.MISSING
    said = " ".join(capfd.readouterr().err.split())
    assert said == f"error: {NAMES[1]}: not enough memory:\\x1b[2J the model needs 4.1 GiB"


async def test_an_arm_that_crashes_is_seen(tmp_path: Path) -> None:
    async with trialing(tmp_path, 2, 300, rate=SLOW, size=WIDE) as s:
        await s.sent(2)
        await s.pilot.press("p")
        await s.shows("paused", "0 of 2 busy")
        arm = s.mode.lab.arms[NAMES[0]]
        arm.state = ArmState("crashed", NOW, message="killed (signal 9)", info=arm.state.info)
        arm.on_change(arm)
        await s.shows("restarting", "killed (signal 9)", "is started again")


async def test_a_full_disk_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with trialing(tmp_path, 2, 300, rate=SLOW, prepare=lambda s: s.loads.clear()) as s:
        await s.shows("reading the weights")
        (tmp_path / "full").write_text("a file where the folder should be")
        s.mode.lab.path = tmp_path / "full" / "session.toml"
        s.script.loads.set()
        await s.left()
    assert s.app.return_code == Exit.USAGE
    said = " ".join(capfd.readouterr().err.split())
    assert said.startswith("error: ")
    assert "; this session is in " in said


async def test_every_arm_and_line_can_be_reached_on_a_small_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with trialing(Path(), 6, size=(80, 20)) as s:
        await s.shows("over: ")
        log, lanes = s.page.query_one("#log"), s.page.query_one("#lanes")
        assert s.picture().count(" P50") == 5
        for _ in range(6):
            await s.pilot.press("right_square_bracket")
        await s.until(
            lambda: NAMES[0] not in s.picture() and lanes.scroll_y == lanes.max_scroll_y, "the last arm"
        )
        await s.pilot.press("left_square_bracket")
        await s.until(lambda: lanes.scroll_y < lanes.max_scroll_y)
        await s.until(lambda: log.max_scroll_y > 0 and log.scroll_y == log.max_scroll_y, "the log's end")
        await s.pilot.press("up", "up", "down")
        await s.until(lambda: log.scroll_y == log.max_scroll_y - 1, "a line back")
        s.page.say("one more line")
        await s.pilot.pause()
        assert log.scroll_y < log.max_scroll_y  # who has scrolled back is left alone
        await s.pilot.press("pagedown", "pagedown", "pagedown")
        await s.shows("one more line")
        s.page.say("and one that is followed")
        await s.shows("and one that is followed")


async def test_help_and_settings_know_its_keys(tmp_path: Path) -> None:
    settings = Settings(keys={"trial_pause": "x"}, theme="textual-ansi")
    async with trialing(tmp_path, 2, 300, rate=SLOW, settings=settings, size=WIDE) as s:
        await s.sent(1)
        await s.pilot.press("x")
        await s.shows("paused")
        await s.pilot.press("question_mark")
        await s.until(lambda: isinstance(s.app.screen, Read))
        await s.shows("outcomes before the end are a peek", "x ", "the pause is a deviation")
