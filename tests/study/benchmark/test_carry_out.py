"""What a run notices on the way, on a scripted lab: a machine cannot be made slower on demand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerlab.core.corpus import load_corpus
from routerlab.core.errors import LabError
from routerlab.core.files.toml import canonical_json
from routerlab.core.prediction import Prediction
from routerlab.core.session.run import RunRecord
from routerlab.engine.lab.runner import Progress
from routerlab.study.benchmark.plan import Plan, PlannedArm
from routerlab.study.benchmark.run import REFERENCE, Benchmark, carry_out, missing
from tests.engine.asking import FRONT_DOOR
from tests.study.benchmark.harness import reasons
from tests.tui.scripted import Bench, bench, specs
from tests.twocases import TWO_CASES

FIRST = specs(1)[0].name


def opened(folder: Path) -> tuple[Bench, Benchmark]:
    """Two scripted arms, two cases, thirty repeats, a look at the speed after every ten of 120 answers."""
    (folder / "two.toml").write_text(TWO_CASES)
    it = bench(folder, load_corpus(folder / "two.toml", FRONT_DOOR))
    arms = tuple(PlannedArm(ask=spec.name) for spec in specs(2))
    plan = Plan.model_validate(
        {"name": "x", "arm": arms, "repeats": 30, "warmups": 1, "drift": {"every": 10, "limit": 0.2}}
    )
    run = RunRecord(
        at=datetime.now(UTC), kind="bench", name="x", plan=canonical_json(plan), percentile="study",
        command="", versions={}, seed=0, sha256=plan.sha256,
    )  # fmt: skip
    assert it.lab.corpus is not None
    return it, Benchmark(plan, specs(2), it.lab.corpus.case, folder / "two.toml", {}, run)


def slowed(it: Bench, factor: Callable[[int], float]) -> None:
    """Have the reference question take so many times as long, by how often it was asked."""
    answer, asked = it.script.answer, 0

    def slower(arm: str, contract: str, prompt: str) -> Prediction:
        nonlocal asked
        found = answer(arm, contract, prompt)
        if prompt != REFERENCE or arm != FIRST:
            return found
        asked += 1
        latency = found.latency_ms.model_copy(update={"total": found.latency_ms.total * factor(asked)})
        return found.model_copy(update={"latency_ms": latency})

    it.script.answer = slower  # type: ignore[method-assign]


async def ran(it: Bench, work: Benchmark) -> tuple[list[str], list[Progress]]:
    """The deviations, and the progress that was shown."""
    shown: list[Progress] = []
    try:
        assert await carry_out(work, it.lab, lambda _: None, shown.append) == []
    finally:
        await it.lab.close()
    return reasons(it.lab.session), shown


async def test_a_quiet_run_has_no_deviations_and_tells_how_far_it_is(tmp_path: Path) -> None:
    it, work = opened(tmp_path)
    deviations, shown = await ran(it, work)
    assert deviations == []
    assert not missing(work, it.lab.session)
    assert [p.done for p in shown] == list(range(1, 121))
    assert {p.total for p in shown} == {120}
    assert all(p.eta_s is not None and p.eta_s >= 0 for p in shown)
    assert shown[-1].eta_s == 0
    assert len([m for m in it.lab.session.marks if m.kind == "reference"]) == 13


async def test_a_machine_that_gets_slower_is_told_once(tmp_path: Path) -> None:
    it, work = opened(tmp_path)
    slowed(it, lambda n: 1.5 if n > 6 else 1.0)  # the first is the warm-up
    deviations, _ = await ran(it, work)
    (line,) = deviations
    assert f"the machine is 50% slower than at the start: {FIRST} takes " in line


async def test_one_slow_look_is_no_deviation(tmp_path: Path) -> None:
    it, work = opened(tmp_path)
    slowed(it, lambda n: 5.0 if n == 6 else 1.0)
    assert (await ran(it, work))[0] == []


async def test_slow_twice_with_a_pause_between_is_told_twice(tmp_path: Path) -> None:
    it, work = opened(tmp_path)
    slowed(it, lambda n: 1.5 if 5 <= n <= 6 or n >= 10 else 1.0)
    assert len((await ran(it, work))[0]) == 2


async def test_a_corpus_that_is_gone_is_a_deviation(tmp_path: Path) -> None:
    it, work = opened(tmp_path)
    work.corpus_path.unlink()
    deviations, _ = await ran(it, work)
    assert [line for line in deviations if "the corpus cannot be read any more" in line] == deviations != []


async def test_nothing_is_asked_that_cannot_be_written_down(tmp_path: Path) -> None:
    it, work = opened(tmp_path)
    (tmp_path / "file").write_text("")
    it.lab.path = tmp_path / "file" / "r.toml"
    with pytest.raises(LabError, match="cannot be written; make room"):
        await carry_out(work, it.lab, lambda _: None, lambda _: None)
    assert it.script.asked == []
    with pytest.raises(LabError, match="this session is in"):
        await it.lab.close()
