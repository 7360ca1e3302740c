"""Questions wait for an arm which decodes several together: what goes into a turn, and how long it took."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from routerlab.engine.lab.runner import Due
from tests.conftest import PATIENCE_S
from tests.engine.lab.test_runner import busy, started, trials, until
from tests.tui.scripted import NAMES, Bench


async def together(folder: Path, arms: int = 1, most: int = 3) -> Bench:
    """A lab whose scripted arms take `most` questions at once, and whose gate for answers is shut."""
    it = await started(folder, arms)
    for arm in it.lab.arms.values():
        assert arm.state.info is not None
        arm.state = replace(arm.state, info=arm.state.info.model_copy(update={"concurrency": most}))
    return it


def submit(it: Bench, n: int, until_s: float = 1000.0) -> None:
    """Put a session to the first arm: due now, given up after so many seconds."""
    now = time.perf_counter()
    due = Due(f"s{n}", datetime.now(UTC), now + until_s)
    it.lab.runner.submit(NAMES[0], it.lab.cases()[n], n + 1, now, due)


async def test_what_came_while_the_arm_was_busy_goes_together_up_to_its_limit(tmp_path: Path) -> None:
    it = await together(tmp_path)
    submit(it, 0)
    await until(lambda: busy(it) != [], "the first is asked alone")
    for n in range(1, 6):
        submit(it, n)
    it.script.pace = 0.05
    it.script.answers.set()
    await until(lambda: len(trials(it)) == 6, "all are answered")
    assert [t.session for t in trials(it)] == [f"s{n}" for n in range(6)]
    assert [t.together for t in trials(it)] == [None, 3, 3, 3, 2, 2]
    assert not any(t.batched or t.contended for t in trials(it))
    queues = [t.latency_ms.queue for t in trials(it)]
    assert min(queues[1:]) >= 40.0  # each from when it was asked, the last two for two turns
    assert min(queues[4:]) >= 90.0
    assert queues[1] > queues[2] > queues[3]
    await it.lab.close()


async def test_the_turn_of_an_arm_is_one_decode_of_several(tmp_path: Path) -> None:
    it = await together(tmp_path, arms=2)
    it.script.answers.set()
    it.lab.replay(it.lab.cases()[:5])
    await it.lab.finished()
    one, two = NAMES[:2]
    assert [t.arm for t in trials(it)] == [one] * 3 + [two] * 3 + [one] * 2 + [two] * 2
    assert [t.together for t in trials(it)] == [3] * 6 + [2] * 4
    assert Counter(t.key for t in trials(it)).most_common(1)[0][1] == 1
    assert {t.latency_ms.queue for t in trials(it)} == {0.0}
    assert it.lab.progress.done == it.lab.progress.total == 10
    await it.lab.close()


async def test_one_that_was_given_up_neither_waits_for_others_nor_takes_their_place(tmp_path: Path) -> None:
    it = await together(tmp_path)
    submit(it, 0)
    await until(lambda: busy(it) != [], "the first is asked")
    for n, until_s in ((1, 0.0), (2, 1000.0), (3, 0.0), (4, 1000.0)):
        submit(it, n, until_s)
    it.script.answers.set()
    await until(lambda: len(trials(it)) == 5, "all are over")
    assert [t.status for t in trials(it)] == ["ok", "timeout", "ok", "timeout", "ok"]
    assert [t.together for t in trials(it)] == [None] * 5
    await it.lab.close()


async def test_a_step_asks_one_item_only(tmp_path: Path) -> None:
    it = await together(tmp_path)
    it.lab.replay(it.lab.cases()[:7])
    await until(lambda: busy(it) != [], "three are asked")
    it.lab.runner.pause()
    it.script.answers.set()
    await until(lambda: len(trials(it)) == 3, "three are answered")
    it.lab.runner.step()
    await until(lambda: len(trials(it)) == 4, "one more")
    for _ in range(50):
        await asyncio.sleep(0)
    assert [t.together for t in trials(it)] == [3, 3, 3, None]
    it.lab.runner.resume()
    await it.lab.finished()
    assert [t.together for t in trials(it)[4:]] == [3, 3, 3]
    await it.lab.close()


async def test_a_cancelled_run_cancels_all_of_them_and_they_are_asked_again(tmp_path: Path) -> None:
    it = await together(tmp_path)
    it.lab.replay(it.lab.cases()[:4])
    await until(lambda: busy(it) != [], "three are asked")
    it.lab.runner.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await it.lab.finished()
        await until(lambda: len(trials(it)) == 3, "they end")
    assert {t.status for t in trials(it)} == {"cancelled"}
    it.script.answers.set()
    it.lab.replay(it.lab.cases()[:4])
    await it.lab.finished()
    kept = [t.case for t in trials(it) if t.status == "ok"]
    assert kept == [case.case for case in it.lab.cases()[:4]]
    await it.lab.close()


async def test_an_arm_that_dies_with_several_loses_none(tmp_path: Path) -> None:
    it = await together(tmp_path)
    submit(it, 0)
    await until(lambda: busy(it) != [], "the first is asked")
    for n in (1, 2):
        submit(it, n)
    it.script.crash.add(NAMES[0])
    it.script.answers.set()
    await until(lambda: len(trials(it)) == 3, "all are over")
    assert [t.status for t in trials(it)] == ["ok", "crashed", "crashed"]
    assert [t.session for t in trials(it)] == ["s0", "s1", "s2"]
    await it.lab.close()
