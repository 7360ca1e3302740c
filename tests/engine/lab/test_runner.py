"""Who is asked when: turns, typed prompts, pause, step, cancel, arms that come and go."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.core.prediction import Item, Trial
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.contract.info import DeviceUse
from routerlab.engine.lab.events import Event, Notice, TrialDone
from routerlab.engine.lab.runner import Due
from routerlab.engine.lab.start import connect
from routerlab.settings import Settings
from tests.conftest import PATIENCE_S
from tests.tui.scripted import NOW, Bench, ScriptedArm, bench, info, specs


async def until(condition: Callable[[], bool], what: str) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)
    assert condition(), what


async def started(folder: Path, arms: int = 2, **settings: object) -> Bench:
    """A lab whose scripted arms are ready and whose gate for answers is shut."""
    it = bench(folder, settings=Settings.model_validate({"annotator": "ada", **settings}))
    for spec in specs(arms):
        it.lab.add_arm(spec)
    await it.lab.settled()
    it.script.answers.clear()
    return it


def busy(it: Bench) -> list[str]:
    """The arms that are answering."""
    return [name for name, arm in it.lab.arms.items() if arm.state.phase == "busy"]


def trials(it: Bench) -> list[Trial]:
    """What was recorded so far."""
    return it.lab.session.trials


async def test_exclusive_arms_take_turns_case_by_case(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=3)
    most = 0

    def watch(event: Event) -> None:
        nonlocal most
        most = max(most, len(busy(it)))

    it.lab.subscribe(watch)
    it.script.answers.set()
    it.lab.replay(it.lab.cases()[:4])
    await it.lab.finished()
    assert most == 1
    names = [spec.name for spec in specs(3)]
    assert [t.arm for t in trials(it)] == names * 4
    assert [t.case for t in trials(it)] == [f"R60-00{n}" for n in (1, 2, 3, 4) for _ in names]
    assert not any(t.contended for t in trials(it))
    await it.lab.close()


async def test_parallel_arms_overlap_and_say_so(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=3, schedule="parallel")
    it.lab.replay(it.lab.cases()[:1])
    await until(lambda: len(busy(it)) == 3, "all three at once")
    it.script.answers.set()
    await it.lab.finished()
    assert [t.contended for t in trials(it)] == [True] * 3
    await it.lab.close()


async def test_arms_on_other_devices_do_not_disturb(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=3, schedule="parallel")
    for arm, device in zip(it.lab.arms.values(), ("CUDA0", "CUDA1", "CUDA1"), strict=True):
        assert arm.state.info is not None
        placed = info(arm.spec, gpu=True).model_copy(
            update={"devices": (DeviceUse(device=device, weights=1),)}
        )
        arm.state = replace(arm.state, info=placed)
    it.lab.replay(it.lab.cases()[:1])
    await until(lambda: len(busy(it)) == 3, "all three at once")
    it.script.answers.set()
    await it.lab.finished()
    assert {t.arm: t.contended for t in trials(it)} == dict(
        zip(it.lab.arms, (False, True, True), strict=True)
    )
    await it.lab.close()


async def test_typed_prompts_overtake_a_run(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.lab.replay(it.lab.cases()[:3])
    await until(lambda: busy(it) != [], "the first case")
    it.lab.ask("what is a monad?")
    it.script.answers.set()
    await it.lab.finished()
    assert [t.case for t in trials(it)] == ["R60-001", None, "R60-002", "R60-003"]
    typed = trials(it)[1]
    assert typed.prompt == "what is a monad?"
    assert typed.latency_ms.queue > 0
    assert trials(it)[2].latency_ms.queue == 0
    await it.lab.close()


async def test_a_typed_prompt_again_is_another_repeat(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    it.lab.ask("same")
    it.lab.ask("same")
    await until(lambda: len(trials(it)) == 2, "two answers")
    assert [t.repeat for t in trials(it)] == [1, 2]
    with pytest.raises(LabError, match="empty"):
        it.lab.ask("  \n")
    await it.lab.close()


async def test_pause_lets_the_question_finish_and_resume_goes_on(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.lab.replay(it.lab.cases()[:3])
    await until(lambda: busy(it) != [], "the first question")
    it.lab.runner.pause()
    it.script.answers.set()
    await until(lambda: len(trials(it)) == 1, "the question in progress")
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(trials(it)) == 1
    assert it.lab.progress.phase == "paused"
    it.lab.ask("typed while paused")
    await until(lambda: len(trials(it)) == 3, "typed prompts are answered in a pause")
    it.lab.runner.resume()
    await it.lab.finished()
    assert len(trials(it)) == 8
    await it.lab.close()


async def test_step_brings_the_arms_level_then_one_item_further(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.lab.replay(it.lab.cases()[:4])
    await until(lambda: busy(it) != [], "the first question")
    it.lab.runner.pause()
    it.script.answers.set()
    await until(lambda: len(trials(it)) == 1, "the first arm's answer")

    async def stepped(n: int) -> list[tuple[str | None, str]]:
        it.lab.runner.step()
        await until(lambda: len(trials(it)) == n, f"{n} answers")
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(trials(it)) == n
        return [(t.case, t.arm) for t in trials(it)]

    one, two = (spec.name for spec in specs(2))
    assert (await stepped(2))[1:] == [("R60-001", two)]
    assert set((await stepped(4))[2:]) == {("R60-002", one), ("R60-002", two)}
    await it.lab.close()


async def test_cancel_ends_the_run_and_keeps_what_was_answered(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.lab.replay(it.lab.cases()[:3])
    await until(lambda: busy(it) != [], "a question in progress")
    it.lab.runner.cancel()
    await it.lab.finished()
    await until(lambda: len(trials(it)) == 1, "the cancelled question")
    assert trials(it)[0].status == "cancelled"
    assert it.lab.progress.phase == "idle"
    it.script.answers.set()
    it.lab.replay(it.lab.cases()[:3])
    await it.lab.finished()
    kept = [t for t in trials(it) if t.status != "cancelled"]
    assert len({t.key for t in kept}) == len(kept) == 6
    await it.lab.close()


async def test_a_second_run_is_refused_while_one_goes_on(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.lab.replay(it.lab.cases())
    with pytest.raises(LabError, match="going on"):
        it.lab.replay(it.lab.cases())
    await it.lab.close()


async def test_an_arm_that_leaves_takes_its_questions_with_it(tmp_path: Path) -> None:
    it = await started(tmp_path)
    it.lab.replay(it.lab.cases()[:3])
    await until(lambda: busy(it) != [], "a question in progress")
    await it.lab.remove_arm(busy(it)[0])
    it.script.answers.set()
    await it.lab.finished()
    left = specs(2)[1].name
    assert [t.arm for t in trials(it) if t.status == "ok"] == [left] * 3
    assert it.lab.progress.done == it.lab.progress.total
    await it.lab.close()


async def test_an_arm_added_during_a_run_joins_the_next(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.lab.replay(it.lab.cases()[:2])
    it.lab.add_arm(specs(2)[1])
    await it.lab.settled()
    it.script.answers.set()
    await it.lab.finished()
    assert {t.arm for t in trials(it)} == {specs(1)[0].name}
    it.lab.replay(it.lab.cases()[:2])
    await it.lab.finished()
    assert [t.arm for t in trials(it)[2:]] == [specs(2)[1].name] * 2
    with pytest.raises(LabError, match="already"):
        it.lab.add_arm(specs(1)[0])
    await it.lab.close()


async def test_an_arm_that_fails_drops_its_questions_and_the_run_ends(tmp_path: Path) -> None:
    it = bench(tmp_path)
    one, two = specs(2)
    it.script.fail[two.name] = "not a GGUF file"
    notices: list[str] = []
    it.lab.subscribe(lambda e: notices.append(e.message) if isinstance(e, Notice) else None)
    it.lab.add_arm(one)
    it.lab.add_arm(two)
    it.lab.replay(it.lab.cases()[:2])
    await it.lab.finished()
    assert [t.arm for t in trials(it)] == [one.name] * 2
    assert any("not a GGUF file" in message for message in notices)
    await it.lab.close()


async def test_a_connection_that_fails_leaves_its_sessions_to_the_others(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    (name,) = it.lab.arms
    it.script.fail[name] = "it was asked too often"
    with pytest.raises(LabError, match="it was asked too often"):
        await connect(it.lab, {name: 1}, lambda _: None)
    now, case = time.perf_counter(), Item(prompt=it.lab.cases()[0].prompt)
    for n in range(4):
        it.lab.runner.submit(name, case, n, now, Due(f"s{n}", datetime.now(UTC)))
    await until(lambda: busy(it) != [], "a question in progress")
    it.script.answers.set()
    await until(lambda: len(trials(it)) == 4, "all sessions")
    assert [t.status for t in trials(it)] == ["ok"] * 4
    await it.lab.close()


async def test_an_arm_that_is_removed_while_it_is_restarted_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await started(tmp_path, arms=1)
    ((name, arm),) = it.lab.arms.items()
    stop, may_stop = arm.stop, asyncio.Event()

    async def slowly() -> None:
        await may_stop.wait()
        await stop()

    monkeypatch.setattr(arm, "stop", slowly)
    both = [asyncio.create_task(it.lab.restart_arm(name)), asyncio.create_task(it.lab.remove_arm(name))]
    await asyncio.sleep(0)
    may_stop.set()
    await asyncio.gather(*both)
    await it.lab.close()
    assert not it.lab.arms
    assert arm.state.phase == "stopped"


async def test_a_timed_run_waits_until_nobody_loads_but_typed_prompts_do_not(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    it.script.loads.clear()
    it.lab.add_arm(specs(2)[1])
    await until(lambda: it.lab.arms[specs(2)[1].name].state.phase == "loading", "loading")
    it.lab.replay(it.lab.cases()[:1])
    it.lab.ask("now")
    await until(lambda: len(trials(it)) == 1, "the typed prompt")
    assert trials(it)[0].prompt == "now"
    assert trials(it)[0].contended, "another model was loading"
    it.script.loads.set()
    await it.lab.finished()
    assert not trials(it)[-1].contended
    await it.lab.close()


async def test_a_watcher_that_raises_does_not_stop_the_lab(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    it.script.answers.set()
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))

    def raises(event: Event) -> None:
        if isinstance(event, TrialDone):
            raise RuntimeError("a widget's fault")

    it.lab.subscribe(raises)
    it.lab.replay(it.lab.cases()[:3])
    await it.lab.finished()
    await until(lambda: len(faults) == 3, "the faults are reported")
    assert len(trials(it)) == 3
    await it.lab.close()


async def test_progress_counts_and_estimates(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=2)
    assert it.lab.progress.eta_s is None
    it.lab.replay(it.lab.cases()[:4])
    assert (it.lab.progress.done, it.lab.progress.total) == (0, 8)
    it.script.answers.set()
    await until(lambda: it.lab.progress.done >= 4, "half")
    it.lab.runner.pause()
    p = it.lab.progress
    assert p.eta_s == pytest.approx(p.elapsed_s / p.done * (p.total - p.done))
    it.lab.runner.resume()
    await it.lab.finished()
    assert it.lab.progress.done == 8
    await it.lab.close()


async def test_a_late_state_of_a_stopped_arm_asks_nobody(tmp_path: Path) -> None:
    it = await started(tmp_path, arms=1)
    arm = it.lab.arms[specs(1)[0].name]
    assert isinstance(arm, ScriptedArm)
    it.script.answers.set()
    await it.lab.remove_arm(arm.spec.name)
    arm.to(ArmState("ready", NOW))
    with pytest.raises(LabError, match="no arm"):
        it.lab.ask("anybody?")
    assert it.script.asked == []
    await it.lab.close()
