"""How long answers take, and how long they are."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from math import inf

from routerlab.core.statistics.gates import Gate
from routerlab.core.statistics.intervals import effective_n, quantile_interval, quantile_tails
from routerlab.core.statistics.quantiles import of_sorted, percentile
from routerlab.study.figures.arm import QuantileFigure, Settings, Spread, Times
from routerlab.study.figures.rows import ANSWERED, PARTS, Row, grouped


def times(rows: Sequence[Row], settings: Settings) -> Times | None:
    """The latencies of an arm's answers; None where none was timed."""
    timed = [(row.case, row.latency_ms) for row in rows if row.latency_ms is not None]
    if not timed:
        return None
    ordered = sorted(ms for _, ms in timed)
    silent = [row.case for row in rows if row.latency_ms is None and row.status not in ANSWERED]
    return Times(
        n=len(ordered),
        timed_out=sum(row.status == "timeout" for row in rows if row.latency_ms is not None),
        unanswered=len(silent),
        contended=sum(row.contended for row in rows if row.latency_ms is not None),
        mean=sum(ordered) / len(ordered),
        p50=quantile(timed, ordered, 0.5, settings, silent),
        p95=quantile(timed, ordered, 0.95, settings, silent),
        p99=quantile(timed, ordered, 0.99, settings, silent),
        parts=_parts(rows, settings),
        values=tuple(ordered),
    )


def quantile(
    timed: Sequence[tuple[str, float]],
    ordered: Sequence[float],
    q: float,
    settings: Settings,
    silent: Sequence[str] = (),
) -> QuantileFigure:
    """The quantile of (case, milliseconds), whose milliseconds `ordered` has in ascending order; repeats of a
    case count for its interval by how alike they are in being beyond it. At least one.

    `silent` are the cases of questions that were never answered: in the interval they took longer than any.
    """
    value = of_sorted(ordered, q, settings.percentile) or 0.0
    everything = [*ordered, *[inf] * len(silent)]
    at = (of_sorted(everything, q) or 0.0) if silent else value
    beyond = [(case, ms > at) for case, ms in timed] + [(case, True) for case in silent]
    worth = worth_of(beyond)
    low, high = quantile_interval(everything, q, settings.confidence, worth)
    return QuantileFigure(
        value=value,
        low=ordered[-1] if low == inf else low,
        high=None if high == inf else high,
        n_effective=worth,
        beyond=low == inf,
    )


def held(gate: Gate, latency: Times, q: float) -> tuple[float, float]:
    """One-sided p of "the gate on the q-quantile is missed" and of "it is kept": as the gate itself is
    answered
    (see quantile_tails). Questions that were never answered took longer than any limit."""
    count = bisect_right if gate.op in ("<=", ">") else bisect_left
    n, worth = latency.n + latency.unanswered, getattr(latency, gate.metric).n_effective
    missed, kept = quantile_tails(count(latency.values, gate.limit), n, q, worth)
    return (missed, kept) if gate.op in ("<=", "<") else (kept, missed)


def worth_of(beyond: Iterable[tuple[str, bool]]) -> float:
    """How many independent observations these are worth: of each its case, and whether it is beyond."""
    return effective_n([(sum(hits), len(hits)) for hits in grouped(beyond).values()])


def _parts(rows: Sequence[Row], settings: Settings) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in PARTS:
        each = [row.parts_ms[part] for row in rows if row.parts_ms and part in row.parts_ms]
        if (median := percentile(each, 0.5, settings.percentile)) is not None:
            found[part] = median
    return found


def spread(lengths: Sequence[int | None], settings: Settings) -> Spread | None:
    """How long the answers are that have a length; None where none has one."""
    ordered = sorted(float(n) for n in lengths if n is not None)
    if not ordered:
        return None
    p50, p95 = (of_sorted(ordered, q, settings.percentile) or 0.0 for q in (0.5, 0.95))
    return Spread(n=len(ordered), p50=p50, p95=p95, most=ordered[-1])
