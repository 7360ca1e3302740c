"""Arms as points of accuracy against latency: what the scatter plots of the page and of terminals show."""

from collections.abc import Sequence
from dataclasses import dataclass

from routerlab.core.statistics.gates import Answer, parse_gate
from routerlab.study.figures.result import Analysis


@dataclass(frozen=True)
class Point:
    """An arm with an accuracy and a latency. `low` and `high` are the ends of the accuracy's interval, `left`
    and `right` those of the P95, None where it is open. `dominated` is by another arm of its result."""

    name: str
    accuracy: float
    low: float
    high: float
    p95: float
    left: float | None
    right: float | None
    viable: Answer | None
    dominated: bool


@dataclass(frozen=True)
class Viable:
    """The region that the gates ask for: at least this accuracy, at most this P95 in milliseconds."""

    accuracy: float | None
    p95: float | None


def points(analysis: Analysis, prefix: str = "") -> list[Point]:
    """The arms that have both figures, in the order of the analysis; `prefix` goes before their names."""
    verdict = analysis.verdict
    dominated = verdict.pareto.dominated if verdict.pareto else {}
    return [
        Point(
            name=prefix + arm.arm,
            accuracy=arm.accuracy.value,
            low=arm.accuracy.wilson[0],
            high=arm.accuracy.wilson[1],
            p95=arm.latency.p95.value,
            left=arm.latency.p95.low,
            right=arm.latency.p95.high,
            viable=verdict.viable.get(arm.arm),
            dominated=arm.arm in dominated,
        )
        for arm in analysis.arms
        if arm.accuracy and arm.latency and arm.latency.p95.value > 0
    ]


def viable(gates: Sequence[str]) -> Viable:
    """The region of these gates; a gate on another figure bounds nothing here."""
    found = [parse_gate(gate) for gate in gates]
    least = [gate.limit for gate in found if gate.metric == "accuracy" and gate.op in (">=", ">")]
    most = [gate.limit for gate in found if gate.metric == "p95" and gate.op in ("<=", "<")]
    return Viable(max(least, default=None), min(most, default=None))
