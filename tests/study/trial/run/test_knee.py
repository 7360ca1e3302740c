"""The sweep of an arm alone and with several sessions at once, side by side."""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routerlab.cli.main import app
from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Status, Trial
from routerlab.engine.lab.lab import Lab
from routerlab.study.trial.run.sweep import FARTHER, SHARES, Level, _level, sweep
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.lab.test_runner import started
from tests.tui.scripted import NAMES, Bench

PACE_S = 0.05
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def paced(folder: Path, most: int | None) -> Bench:
    """A lab whose arm takes `most` sessions at once, and as long for several as for one."""
    it = await started(folder, arms=1)
    it.lab.path = None
    arm = it.lab.arms[NAMES[0]]
    assert arm.state.info is not None
    arm.state = replace(arm.state, info=arm.state.info.model_copy(update={"concurrency": most}))
    answer = it.script.answer

    def timed(name: str, contract: str, prompt: str) -> Any:
        return answer(name, contract, prompt).model_copy(update={"latency_ms": Latency(total=PACE_S * 1000)})

    it.script.answer = timed  # type: ignore[method-assign,assignment]
    it.script.pace = PACE_S
    it.script.answers.set()
    return it


# Made up: exact, whatever the machine does

Send = Callable[[Lab, Sequence[float]], tuple[list[Trial], float]]
"""(lab, due) -> (trials, seconds): what came of sending."""


def made(total: float, queue: float = 0.0, status: Status = "ok") -> Trial:
    """A trial that took so many milliseconds."""
    latency = Latency(queue=queue, total=total)
    return Trial(status=status, id="t", at=NOON, arm=NAMES[0], latency_ms=latency, contended=False)


def sending(patch: pytest.MonkeyPatch, unloaded: Send, loaded: Send) -> None:
    """Have the sweep send nothing, and get this."""

    async def send(lab: Lab, arm: str, items: object, pattern: str, due: Sequence[float]) -> Any:
        return (unloaded if pattern == "closed" else loaded)(lab, due)

    patch.setattr("routerlab.study.trial.run.sweep._send", send)


def alone(lab: Lab, due: Sequence[float]) -> tuple[list[Trial], float]:
    """One at a time, with nobody who waits."""
    return [made(PACE_S * 1000) for _ in due], PACE_S * len(due)


def served(lab: Lab, due: Sequence[float]) -> tuple[list[Trial], float]:
    """In turn, and as many of those that wait at a time as the arm takes."""
    info = lab.arms[NAMES[0]].state.info
    most = (info and info.concurrency) or 1
    trials: list[Trial] = []
    left, free = deque(due), 0.0
    while left:
        now = max(free, left[0])
        batch = [left.popleft() for _ in range(min(most, sum(at <= now for at in left)))]
        trials += [made(PACE_S * 1000, (now - at) * 1000) for at in batch]
        free = now + PACE_S
    return trials, free - due[0]


async def test_the_knee_is_farther_out_where_several_are_decoded_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labs = [(await paced(tmp_path, most)).lab for most in (None, 4)]
    sending(monkeypatch, alone, served)
    told: list[tuple[int, float]] = []
    one, several = await sweep(
        labs, NAMES[0], labs[0].cases(), [30.0, 31.0], 40, 3, lambda lab, level: told.append(
            (labs.index(lab), level.offered)
        )
    )  # fmt: skip
    assert told == [(0, 30.0), (1, 30.0), (1, 31.0)]  # side by side, and each until it is full
    assert (one.concurrency, several.concurrency) == (None, 4)
    assert (one.knee, several.knee) == (None, 31.0)
    for lab in labs:
        await lab.close()


async def test_a_sweep_finds_where_an_arm_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = (await paced(tmp_path, None)).lab
    sending(monkeypatch, alone, served)
    (found,) = await sweep([lab], NAMES[0], lab.cases(), [38.0, 3.0, 36.0], 20, seed=52)
    assert found.capacity == pytest.approx(1 / PACE_S)
    assert [one.offered for one in found.levels] == [3.0, 36.0]  # it stops where the arm is full
    assert [one.saturated for one in found.levels] == [False, True]
    assert found.levels[1].queue_p95 > found.levels[0].queue_p95
    assert (found.knee, found.seed) == (3.0, 52)
    await lab.close()


@pytest.mark.parametrize(
    ("unloaded", "limit"), [(50.0, 150.0), (1.0, 30.0)], ids=["three times", "of ten at least"]
)
async def test_the_knee_is_the_last_whose_p95_is_borne(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unloaded: float, limit: float
) -> None:
    """By what the first arm takes without load, for all."""
    labs = [(await paced(tmp_path, most)).lab for most in (None, 4)]
    waits = iter([0.0, 0.0, 10.0, 10.0, 10.5, 10.0])

    def more(lab: Lab, due: Sequence[float]) -> tuple[list[Trial], float]:
        queue = next(waits)
        return [made(limit - 10, queue) for _ in due], due[-1] - due[0]

    sending(monkeypatch, lambda lab, due: ([made(unloaded * (1 + labs.index(lab)))], 1.0), more)
    one, other = await sweep(labs, NAMES[0], labs[0].cases(), [1.0, 2.0, 3.0], 10, 3)
    assert (one.unloaded_p95, other.unloaded_p95) == (unloaded, 2 * unloaded)
    assert [level.response_p95 for level in one.levels] == [limit - 10, limit, limit + 0.5]
    assert not any(level.saturated for level in (*one.levels, *other.levels))
    assert (one.knee, other.knee) == (2.0, 3.0)
    for lab in labs:
        await lab.close()


async def test_what_is_full_is_no_knee_however_quick_its_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = (await paced(tmp_path, None)).lab
    took = iter([10.0, 1e6])  # the second load's answers end late
    sending(monkeypatch, alone, lambda lab, due: ([made(1.0) for _ in due], next(took)))
    (found,) = await sweep([lab], NAMES[0], lab.cases(), [0.1, 0.2], 10, 3)
    assert [(one.saturated, one.response_p95) for one in found.levels] == [(False, 1.0), (True, 1.0)]
    assert found.knee == 0.1
    await lab.close()


@pytest.mark.parametrize(
    ("seconds", "failed", "saturated"),
    [
        (5.0, 0, False), (10.0, 0, False), (11.0, 0, False), (11.0625, 0, False), (11.07, 0, True),
        (10.0, 1, False), (10.0, 2, True), (10.0, 10, True),
    ],
)  # fmt: skip
def test_a_level_is_full_where_answers_come_late_or_not_at_all(
    seconds: float, failed: int, saturated: bool
) -> None:
    """Ten sessions in ten seconds, of an arm that takes 62.5 ms without load."""
    trials = [made(40.0 + i, 2.0 * i) for i in range(10 - failed)] + [made(9e9, status="timeout")] * failed
    level = _level(1.0, 10.0, 62.5, trials, seconds)
    last = 9 - failed
    assert level == Level(
        offered=1.0,
        n=10,
        failed=failed,
        answered_rate=(10 - failed) / seconds,
        late_s=max(0.0, seconds - 10.0),
        response_p50=40.0 + 3 * ((10 - failed) // 2) if last >= 0 else 0.0,
        response_p95=40.0 + 3 * last if last >= 0 else 0.0,
        queue_p95=2.0 * max(last, 0),
        service_p50=40.0 + (10 - failed) // 2 if last >= 0 else 0.0,
        saturated=saturated,
    )


@pytest.mark.parametrize("most", [None, 4])
async def test_without_rates_it_goes_by_what_the_arm_serves_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int | None
) -> None:
    lab = (await paced(tmp_path, most)).lab
    sending(monkeypatch, alone, lambda lab, due: ([made(1.0) for _ in due], due[-1] - due[0]))
    (found,) = await sweep([lab], NAMES[0], lab.cases(), [], 10, 3)
    shares = [level.offered * PACE_S for level in found.levels]
    assert shares == pytest.approx([*SHARES, *(FARTHER if most else ())])
    assert found.knee == found.levels[-1].offered
    await lab.close()


async def test_an_arm_without_answers_has_no_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = (await paced(tmp_path, None)).lab
    sending(monkeypatch, lambda lab, due: ([made(1.0, status="crashed") for _ in due], 1.0), served)
    with pytest.raises(LabError, match=f"^{NAMES[0]}: gives no answers"):
        await sweep([lab], NAMES[0], lab.cases(), [1.0], 10, 3)
    await lab.close()


# Sent


@pytest.mark.whole
async def test_levels_are_sent_in_rising_order_until_all_are_full(tmp_path: Path) -> None:
    """What holds however the machine halts: all of the second level is due at once."""
    labs = [(await paced(tmp_path, most)).lab for most in (None, 4)]
    told: list[tuple[float, int]] = []
    async with asyncio.timeout(PATIENCE_S):
        found = await sweep(
            labs, NAMES[0], labs[0].cases(), [1e6, 2e6, 10.0], 12, 3, lambda lab, level: told.append(
                (level.offered, labs.index(lab))
            )
        )  # fmt: skip
    assert told == sorted(told)
    for i, one in enumerate(found):
        offered = [level.offered for level in one.levels]
        assert offered == [rate for rate, lab in told if lab == i]
        assert offered in ([10.0], [10.0, 1e6])
        assert [level.saturated for level in one.levels] == [False] * (len(offered) - 1) + [True]
        assert all((level.n, level.failed) == (12, 0) for level in one.levels)
        assert one.knee in (None, *offered[:-1])
        assert one.capacity == pytest.approx(1 / PACE_S)
        turns = 12 // (one.concurrency or 1)
        if len(offered) == 2:
            assert one.levels[1].queue_p95 >= (turns - 1) * PACE_S * 1000 - 1
            assert one.levels[1].late_s >= turns * PACE_S - 0.001
            assert max(t.together or 1 for t in labs[i].session.trials) == (one.concurrency or 1)
    assert [one.concurrency for one in found] == [None, 4]
    for lab in labs:
        await lab.close()


def test_a_real_worker_is_measured_both_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.build(tmp_path / "tiny.gguf", "llama", tiny.TEMPLATES["chatml"])
    args = ["trial", "sweep", "--arm", str(model), "--exemplars", "none", "--threads", "1", "--layers", "0"]
    found = CliRunner().invoke(
        app, [*args, "--concurrency", "2", "--n", "10", "--rate", "100", "--format", "json"]
    )
    assert found.exit_code == 0, found.output
    both = json.loads(found.stdout)
    assert [one["concurrency"] for one in both] == [None, 2]
    assert [one["levels"][0]["n"] for one in both] == [10, 10]
    assert all(one["levels"][0]["failed"] == 0 for one in both)
