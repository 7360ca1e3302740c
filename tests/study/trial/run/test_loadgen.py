"""The load generator on the real lab with scripted arms: due times, queues, limits, pauses, closed loops."""

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.file import read_session
from routerlab.study.trial.protocol.protocol import Traffic
from routerlab.study.trial.run.loadgen import LoadGenerator, Sending
from tests.conftest import PATIENCE_S
from tests.engine.lab.test_runner import busy, started, trials, until
from tests.tui.scripted import NAMES, Bench, info

PACE_S = 0.02
HELD_S = 0.3
"""How long tests hold back what is not to be answered yet."""


def generator(
    it: Bench, skip: Any = lambda _: False, done: Any = lambda _: None, **traffic: Any
) -> LoadGenerator:
    return LoadGenerator(it.lab, Traffic.model_validate({"rate": 1.0} | traffic), skip, done)


def sessions(it: Bench, at: Sequence[float], arms: int = 1) -> list[Sending]:
    """A session for each moment, the arms in turn."""
    cases = it.lab.cases()
    return [Sending(f"s{i}", NAMES[i % arms], cases[i % len(cases)], i + 1, due) for i, due in enumerate(at)]


async def sent(one: LoadGenerator, some: Sequence[Sending], begun: float = 0.0) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await one.send(some, begun)


def queues(it: Bench) -> list[float]:
    return [trial.latency_ms.queue for trial in trials(it)]


async def open_bench(folder: Path, arms: int = 1, pace: float = PACE_S, **settings: object) -> Bench:
    it = await started(folder, arms=arms, **settings)
    it.script.pace = pace
    it.script.answers.set()
    return it


async def test_a_slow_arm_cannot_hide_behind_the_generator(tmp_path: Path) -> None:
    """Ten sessions due at once, one served at a time: the last has waited for nine."""
    it = await open_bench(tmp_path)
    await sent(generator(it), sessions(it, [0.0] * 10))
    assert len(queues(it)) == 10
    waits = queues(it)
    assert waits == sorted(waits)
    assert waits[-1] - waits[0] >= 9 * PACE_S * 1000 - 1
    await it.lab.close()


async def test_sessions_are_sent_when_they_are_due_whether_or_not_others_were_answered(
    tmp_path: Path,
) -> None:
    it = await open_bench(tmp_path)
    it.script.answers.clear()
    one = generator(it)
    run = asyncio.create_task(one.send(sessions(it, [0.0, 0.01, 0.02, 0.03])))
    await until(lambda: one.under_way_of.total() == 4, "all were sent though none was answered")
    assert one.under_way_of == {NAMES[0]: 4}
    it.script.answers.set()
    async with asyncio.timeout(PATIENCE_S):
        await run
    assert one.under_way_of.total() == 0
    due = [trial.due for trial in trials(it)]
    gaps = [(b - a).total_seconds() for a, b in pairwise(due) if a and b]
    assert gaps == pytest.approx([0.01] * 3, abs=0.002)
    await it.lab.close()


async def test_the_session_file_has_every_session_once_with_its_id_and_when_it_was_due(
    tmp_path: Path,
) -> None:
    it = await open_bench(tmp_path, arms=2, pace=0.0)
    await sent(generator(it), sessions(it, [i / 500 for i in range(20)], arms=2))
    await it.lab.close()
    found = read_session(tmp_path / "session.toml").session.trials
    assert sorted(t.session or "" for t in found) == sorted(f"s{i}" for i in range(20))
    assert all(t.due is not None and t.at >= t.due for t in found)
    assert [t.arm for t in found].count(NAMES[0]) == 10


async def test_at_most_so_many_sessions_are_under_way(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, arms=3, pace=0.0, schedule="parallel")
    it.script.answers.clear()
    one = generator(it, concurrency=2)
    most = 0

    def watch(_: object) -> None:
        nonlocal most
        most = max(most, one.under_way_of.total())

    it.lab.subscribe(watch)
    begun = time.perf_counter()
    run = asyncio.create_task(sent(one, sessions(it, [0.0] * 9, arms=3)))
    await until(lambda: one.under_way_of.total() == 2, "two are under way")
    since = time.perf_counter()
    await until(lambda: time.perf_counter() > since + HELD_S, "the others wait")
    held = time.perf_counter() - since
    it.script.answers.set()
    await run
    took = time.perf_counter() - begun
    assert most == 2
    assert len(trials(it)) == 9
    assert min(queues(it)[2:]) >= held * 1000  # held back sessions wait, and that counts
    assert one.latest_s <= took - held  # but the generator was not late
    await it.lab.close()


async def test_one_that_waited_too_long_is_given_up_and_was_not_asked(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, pace=0.0)
    it.script.answers.clear()
    some = sessions(it, [0.0] * 5)
    patient = asyncio.create_task(sent(generator(it, patience_s=2 * PATIENCE_S), some[:2]))
    await until(lambda: len(it.script.asked) == 1, "the first is asked")
    others = generator(it, patience_s=HELD_S)
    run = asyncio.create_task(sent(others, some[2:]))
    await until(lambda: others.under_way_of.total() == 3, "the others wait")
    end = time.perf_counter() + HELD_S
    await until(lambda: time.perf_counter() > end, "they have waited too long")
    it.script.answers.set()
    await asyncio.gather(patient, run)
    status = [trial.status for trial in trials(it)]
    assert status == ["ok", "ok", "timeout", "timeout", "timeout"]
    assert len(it.script.asked) == 2
    late = trials(it)[-1]
    assert late.error is not None
    assert late.error.startswith("given up after waiting ")
    assert late.latency_ms.queue >= HELD_S * 1000
    await it.lab.close()


async def test_exclusive_arms_take_turns_and_one_that_computes_elsewhere_does_not(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, arms=3)
    far = it.lab.arms[NAMES[2]]
    nowhere = info(far.spec).model_copy(update={"devices": (), "layers_on_gpu": 24})
    assert nowhere.computes_on == {"CPU"}
    it.lab.arms[NAMES[2]].state = far.state.to(
        "ready",
        0.0,
        info=type("Far", (type(nowhere),), {"computes_on": property(lambda _: frozenset())})(
            **nowhere.model_dump()
        ),
    )
    together: set[frozenset[str]] = set()
    it.lab.subscribe(lambda _: together.add(frozenset(busy(it))))
    await sent(generator(it), sessions(it, [0.0] * 12, arms=3))
    assert not any({NAMES[0], NAMES[1]} <= some for some in together)
    waits = {name: [t.latency_ms.queue for t in trials(it) if t.arm == name] for name in NAMES[:3]}
    assert max(waits[NAMES[2]]) < max(waits[NAMES[0]])
    await it.lab.close()


async def test_more_connections_answer_side_by_side_under_one_name(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, pace=0.05, schedule="parallel")
    for _ in range(3):
        it.lab.add_connection(NAMES[0])
    await it.lab.settled()
    assert len(it.lab.arms) == 4
    run = asyncio.create_task(sent(generator(it), sessions(it, [0.0] * 8)))
    await until(lambda: sum(arm.state.phase == "busy" for arm in it.lab.arms.values()) == 4, "all are busy")
    await run
    assert {trial.arm for trial in trials(it)} == {NAMES[0]}
    assert len(it.lab.session.arms) == 1
    await it.lab.close()


async def test_an_arm_that_is_out_ends_its_sessions_as_crashed(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, arms=2, pace=0.0)
    out = it.lab.arms[NAMES[0]]
    out.state = out.state.to("failed", 0.0, message="its worker died again and again")
    await sent(generator(it), sessions(it, [0.0] * 6, arms=2))
    statuses = {name: {t.status for t in trials(it) if t.arm == name} for name in NAMES[:2]}
    assert statuses == {NAMES[0]: {"crashed"}, NAMES[1]: {"ok"}} | {
        NAMES[1]: {t.status for t in trials(it) if t.arm == NAMES[1]}
    }
    assert all("died again" in (t.error or "") for t in trials(it) if t.arm == NAMES[0])
    await it.lab.close()


async def test_a_pause_moves_the_schedule_and_is_counted(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, pace=0.0)
    one = generator(it)
    run = asyncio.create_task(one.send(sessions(it, [0.0, 0.05, 0.1])))
    await until(lambda: len(trials(it)) == 1, "the first is answered")
    one.pause()
    await asyncio.sleep(0.2)
    assert len(trials(it)) == 1
    one.pause()  # twice is once
    second = one.second
    await asyncio.sleep(1.8)
    resumed = time.perf_counter()
    assert one.resume() >= 1.9
    assert one.resume() == 0.0
    assert one.second - second <= time.perf_counter() - resumed + 0.001  # the schedule waited
    async with asyncio.timeout(PATIENCE_S):
        await run
    assert max(queues(it)) < 1500  # a pause is no queue
    await it.lab.close()


async def test_a_pause_holds_back_a_closed_loop_and_the_next_part_of_a_schedule(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, pace=0.0)
    for one in (LoadGenerator(it.lab, Traffic(pattern="closed")), generator(it)):
        before = len(trials(it))
        one.pause()
        run = asyncio.create_task(one.send(sessions(it, [0.0, 0.0])))
        await asyncio.sleep(0.05)
        assert len(trials(it)) == before
        assert one.resume() >= 0.05
        async with asyncio.timeout(PATIENCE_S):
            await run
        assert len(trials(it)) == before + 2
        one.close()
    await it.lab.close()


async def test_stop_sends_nothing_more_and_lets_what_is_under_way_end(tmp_path: Path) -> None:
    it = await open_bench(tmp_path)
    one = generator(it)
    run = asyncio.create_task(one.send(sessions(it, [0.0, 0.0, 30.0])))
    await until(lambda: one.under_way_of.total() == 2, "two are under way")
    one.stop()
    async with asyncio.timeout(PATIENCE_S):
        await run
    assert len(trials(it)) == 2
    await it.lab.close()


async def test_what_is_to_be_skipped_is_asked_when_it_is_due(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, pace=0.0)
    answered: list[Trial] = []
    one = generator(it, lambda s: len(answered) >= 2, answered.append, concurrency=1)
    await sent(one, sessions(it, [0.0, 0.05, 0.1, 0.15]))
    assert [trial.session for trial in answered] == ["s0", "s1"]
    await it.lab.close()


async def test_one_that_waited_for_its_place_may_be_skipped_and_is_not_sent_after_a_stop(
    tmp_path: Path,
) -> None:
    it = await open_bench(tmp_path, pace=0.0)
    answered: list[Trial] = []
    one = generator(it, lambda s: len(answered) == 1, answered.append, concurrency=1)
    await sent(one, sessions(it, [0.0] * 3))
    assert [trial.session for trial in answered] == ["s0"]
    it.script.answers.clear()
    other = generator(it, lambda s: False, answered.append, concurrency=1)
    run = asyncio.create_task(sent(other, sessions(it, [0.0] * 3)))
    await until(lambda: other.under_way_of.total() == 1, "the first is under way")
    other.stop()
    it.script.answers.set()
    await run
    assert len(answered) == 2
    await it.lab.close()


async def test_it_goes_on_in_the_middle_of_a_schedule(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, pace=0.0)
    start = time.perf_counter()
    await sent(generator(it), sessions(it, [100.0, 100.05]), begun=100.0)
    assert 0.04 < time.perf_counter() - start < 90
    await it.lab.close()


async def test_a_closed_loop_keeps_its_users_waiting(tmp_path: Path) -> None:
    it = await open_bench(tmp_path, arms=2, schedule="parallel")
    one = LoadGenerator(it.lab, Traffic(pattern="closed", users=2))
    most = 0

    def watch(_: object) -> None:
        nonlocal most
        most = max(most, one.under_way_of.total())

    it.lab.subscribe(watch)
    await sent(one, sessions(it, [0.0] * 10, arms=2))
    assert len(trials(it)) == 10
    assert most == 2
    await it.lab.close()


async def test_a_full_disk_ends_it_with_one_line(tmp_path: Path) -> None:
    it = await open_bench(tmp_path / "gone" / "deep", pace=0.0)
    (tmp_path / "gone").write_text("a file where the folder should be")
    with pytest.raises(LabError, match="cannot be written any more"):
        await sent(generator(it), sessions(it, [0.0, 0.02, 0.04]))
    with pytest.raises(LabError, match="instead"):
        await it.lab.close()
