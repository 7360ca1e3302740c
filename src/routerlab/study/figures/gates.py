"""Gates applied to an arm's figures."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import ceil
from typing import Any, Protocol

from routerlab.core.statistics.gates import QUANTILES, Gate, cases_for_share, values_for_quantile
from routerlab.core.statistics.intervals import clopper_pearson
from routerlab.study.figures.arm import Accuracy, GateFigure, LabelScore, Settings, Share, Times

DEFAULT_GATES = (Gate("accuracy", ">=", 0.85), Gate("p95", "<=", 2000.0))
"""The study's: an arm that passes both is viable."""
Found = tuple[float | None, float | None, float | None]
"""Value, low, high."""


class Judged(Protocol):
    """What gates are applied to: an arm's figures, those of METRICS that it has by their names."""

    @property
    def labels(self) -> tuple[LabelScore, ...]:
        """The figures of its labels."""

    @property
    def latency(self) -> Times | None:
        """How long its answers take."""

    @property
    def cases(self) -> int:
        """How many cases it was asked."""


def apply(gates: Sequence[Gate], arm: Judged, settings: Settings) -> tuple[GateFigure, ...]:
    """The answer of each gate for the arm."""
    return tuple(_answer(gate, arm, settings) for gate in gates)


def _answer(gate: Gate, arm: Judged, settings: Settings) -> GateFigure:
    value, low, high = _figure(gate.metric, arm)
    answer = gate.answer(low, high) if value is not None else "undecided"
    if gate.metric in QUANTILES and arm.latency:
        answer = gate.answer(*getattr(arm.latency, gate.metric).ends)
    more = _more(gate, arm, settings) if value is not None and answer == "undecided" else None
    return GateFigure(gate=str(gate), value=value, low=low, high=high, answer=answer, more=more)


def _figure(metric: str, arm: Judged) -> Found:
    """The figure that the gate is about. The cost of what was asked is known, not estimated: it is its own
    interval."""
    labels = {f"f1:{score.label}": score for score in arm.labels}
    figure: Any = labels.get(metric) or getattr(arm.latency if metric in QUANTILES else arm, metric, None)
    if figure is None:
        return (None, None, None)
    if metric == "accuracy":
        return (figure.value, *figure.wilson)
    if metric == "cost":
        return (figure.per_1000,) * 3
    value = figure.f1 if metric in labels else figure.value
    # Where answers are all right, or all wrong, a bootstrapped F1 is the same each time: an interval without
    # width, which bounds nothing.
    if (metric in labels or metric == "macro_f1") and figure.low == figure.high:
        return (value, None, None)
    return (value, figure.low, figure.high)


def _more(gate: Gate, arm: Judged, settings: Settings) -> int | None:
    """How many more cases would decide, if they came out as those so far; None where that is not computed."""
    if gate.metric in QUANTILES:
        return _more_for_quantile(gate, arm.latency, arm.cases, settings) if arm.latency else None
    share = getattr(arm, gate.metric, None)
    if not isinstance(share, Accuracy | Share):
        return None
    if gate.metric == "answered_error":
        needed = cases_for_share(gate, share.value, 2 * settings.confidence - 1, clopper_pearson)
    else:
        needed = cases_for_share(gate, share.value, settings.confidence)
    return None if needed is None else max(1, needed - share.n)


def _more_for_quantile(gate: Gate, latency: Times, cases: int, settings: Settings) -> int | None:
    """Cases with as many repeats as those so far are worth as many observations each."""
    worth = getattr(latency, gate.metric).n_effective
    count = bisect_right if gate.op in ("<=", ">") else bisect_left
    within = count(latency.values, gate.limit) / (latency.n + latency.unanswered)
    n = max(1, round(worth))
    needed = values_for_quantile(gate, QUANTILES[gate.metric], within, n, settings.confidence)
    return None if needed is None else max(1, ceil(needed * cases / worth - 1e-9) - cases)
