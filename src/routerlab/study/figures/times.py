"""How long answers take, and how long they are."""

from collections.abc import Iterable, Sequence

from routerlab.core.statistics.intervals import effective_n, quantile_interval
from routerlab.core.statistics.quantiles import of_sorted, percentile
from routerlab.study.figures.arm import QuantileFigure, Settings, Spread, Times
from routerlab.study.figures.rows import ANSWERED, PARTS, Row, grouped


def times(rows: Sequence[Row], settings: Settings) -> Times | None:
    """The latencies of an arm's answers; None where none was timed."""
    timed = [(row.case, row.latency_ms) for row in rows if row.latency_ms is not None]
    if not timed:
        return None
    ordered = sorted(ms for _, ms in timed)
    return Times(
        n=len(ordered),
        timed_out=sum(row.status == "timeout" for row in rows if row.latency_ms is not None),
        unanswered=sum(row.status not in ANSWERED for row in rows if row.latency_ms is None),
        contended=sum(row.contended for row in rows if row.latency_ms is not None),
        mean=sum(ordered) / len(ordered),
        p50=quantile(timed, ordered, 0.5, settings),
        p95=quantile(timed, ordered, 0.95, settings),
        p99=quantile(timed, ordered, 0.99, settings),
        parts=_parts(rows, settings),
        values=tuple(ordered),
    )


def quantile(
    timed: Sequence[tuple[str, float]], ordered: Sequence[float], q: float, settings: Settings
) -> QuantileFigure:
    """The quantile of (case, milliseconds), whose milliseconds `ordered` has in ascending order; repeats of a
    case count for its interval by how alike they are in being beyond it. At least one."""
    value = of_sorted(ordered, q, settings.percentile) or 0.0
    worth = worth_of((case, ms > value) for case, ms in timed)
    low, high = quantile_interval(ordered, q, settings.confidence, worth)
    return QuantileFigure(value=value, low=low, high=high, n_effective=worth)


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
