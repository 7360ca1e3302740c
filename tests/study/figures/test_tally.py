"""Standings that grow row by row say the same as an analysis of all rows."""

from itertools import cycle

import pytest

from routerlab.study.figures.analysis import analyse
from routerlab.study.figures.gates import DEFAULT_GATES
from routerlab.study.figures.rows import Row
from routerlab.study.figures.tally import RunningArm, standing
from tests.study.figures.harness import answers, log, row


def mixed(n: int) -> list[Row]:
    """Slow and quick answers, right and wrong, some cases asked twice, one timeout, one cancelled."""
    slow = cycle([120.0, 90.0, 2400.0, 310.0, 80.0, 75.0, 1900.0])
    rows = [r for i in range(n) for r in answers("a", [i % 7 != 3], latency_ms=next(slow))]
    rows = [row(f"c{i}", r.label, gold=r.gold, latency_ms=r.latency_ms) for i, r in enumerate(rows)]
    again = [row(f"c{i}", "code/complex", repeat=2, latency_ms=next(slow)) for i in range(0, n, 5)]
    return [
        *rows,
        *again,
        row("late", None, status="timeout", latency_ms=120_000.0),
        row("cut", None, status="cancelled", latency_ms=None),
        *(row(f"lost{i}", None, status="crashed", latency_ms=None) for i in range(n // 6)),
        row("typed", gold=None),
    ]


@pytest.mark.parametrize("n", [1, 12, 60, 400])
def test_the_same_gates_and_the_same_number_of_cases_as_an_analysis(n: int) -> None:
    rows, arm = mixed(n), RunningArm()
    for one in rows:
        arm.add(one)
    found = standing(arm.counts(), DEFAULT_GATES)
    (whole,) = analyse(log(rows)).arms
    assert found.accuracy is not None
    assert whole.accuracy is not None
    assert found.accuracy.value == pytest.approx(whole.accuracy.value)
    assert found.accuracy.wilson == pytest.approx(whole.accuracy.wilson)
    assert found.accuracy.by_trial == pytest.approx(whole.accuracy.by_trial)
    assert found.latency == whole.latency.model_copy(update={"parts": {}}) if whole.latency else False
    assert found.cases == whole.cases
    assert [(g.answer, g.more) for g in found.gates] == [(g.answer, g.more) for g in whole.gates]


def stands(right: int, n: int, ms: float) -> tuple[str | None, int | None]:
    arm = RunningArm()
    for one in answers("a", [i < right for i in range(n)], latency_ms=ms):
        arm.add(one)
    found = standing(arm.counts(), DEFAULT_GATES)
    return found.viable, found.more


def test_viable_undecided_and_not() -> None:
    assert stands(100, 100, 300.0) == ("pass", None)
    assert stands(100, 100, 3000.0) == ("fail", None)
    assert stands(30, 100, 300.0) == ("fail", None)
    assert stands(12, 12, 300.0) == ("undecided", 60)
    assert stands(17, 20, 300.0) == ("undecided", None), "no number decides what is at the limit"


def test_without_gold_nothing_is_judged() -> None:
    arm = RunningArm()
    arm.add(row(gold=None))
    found = standing(arm.counts(), DEFAULT_GATES)
    assert found.viable is None
    assert found.latency is not None
    assert standing(RunningArm().counts(), DEFAULT_GATES).latency is None


def test_coverage_and_cost() -> None:
    arm = RunningArm()
    arm.add(row("c1", cost=0.002))
    assert arm.counts().coverage is None
    arm.add(row("c2", abstained=True))
    arm.add(row("c3", None, abstained=True))
    counts = arm.counts()
    assert counts.coverage == 0.5
    assert counts.per_1000 == pytest.approx(2.0)
