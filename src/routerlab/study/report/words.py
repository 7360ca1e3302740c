"""Figures as a report writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from routerlab.core.statistics.gates import QUANTILES, parse_gate
from routerlab.study.figures.arm import Estimate, GateFigure, QuantileFigure, Range, Share
from routerlab.study.report.blocks import Cell

NONE = "-"
"""Where there is no figure."""
LISTED = 200
"""Cases that are listed."""
OPEN = "…"
"""An end of an interval that is open: there are too few values."""


def share(value: float | None) -> str:
    """A share of 1, with three digits."""
    return NONE if value is None else f"{value:.3f}"


def milliseconds(value: float | None) -> str:
    """Whole milliseconds; three digits of short ones."""
    return NONE if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def time(ms: float) -> str:
    """A time with its unit, as short as it can be: "0.2 ms", "1.5 s"."""
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def money(value: float | None) -> str:
    """An amount, with three digits that matter."""
    return "<0.0001" if value and 0 < value < 0.0001 else number(value)


def p_value(p: float | None) -> str:
    """A p, with four digits."""
    return NONE if p is None else "<0.0001" if p < 0.0001 else f"{p:.4f}"


def count(n: float) -> str:
    """A number of cases: a fraction where only some repeats fell there."""
    return f"{n:.3g}" if n != int(n) else str(int(n))


def size(n: int) -> str:
    """Bytes as people read them."""
    return f"{n / 2**30:.2f} GiB" if n >= 2**30 else f"{n / 2**20:.0f} MiB"


def number(value: float | None) -> str:
    """A figure of any kind, with three digits that matter; no decimals from 100 on."""
    return NONE if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def interval(low: float | None, high: float | None) -> str:
    """The ends of an interval of shares; nothing where there is none."""
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def signed(low: float | None, high: float | None) -> str:
    """The ends of an interval of differences; nothing where there is none."""
    return "" if low is None or high is None else f"{low:+.2f} to {high:+.2f}"


def ends(found: Range | None) -> str:
    """The same with three digits, where the interval is a figure of its own."""
    return NONE if found is None else f"{found[0]:.3f} to {found[1]:.3f}"


def estimate(found: Estimate | Share | None) -> Cell:
    """A share with its interval."""
    return Cell(NONE) if found is None else Cell(share(found.value), interval(found.low, found.high))


def quantile(found: QuantileFigure | None) -> Cell:
    """A quantile with its interval; an open end is seen to be one."""
    return Cell(NONE) if found is None else Cell(milliseconds(found.value), times(found.low, found.high))


def times(low: float | None, high: float | None) -> str:
    """The ends of an interval in milliseconds."""
    ends = (OPEN if end is None else milliseconds(end) for end in (low, high))
    return " to ".join(ends)


def gated(gate: GateFigure) -> Cell:
    """The figure of a gate with its interval, in its unit; as many digits of the ends as decide."""
    if gate.value is None:
        return Cell(NONE)
    metric = parse_gate(gate.gate).metric
    if metric in QUANTILES:
        return Cell(milliseconds(gate.value), times(gate.low, gate.high))
    if metric == "cost":
        return Cell(money(gate.value))
    if gate.low is None or gate.high is None:
        return Cell(share(gate.value))
    return Cell(share(gate.value), ends((gate.low, gate.high)))


def answer(gate: GateFigure) -> Cell:
    """What a gate answers."""
    return Cell("not measured") if gate.value is None else Cell(gate.answer, mark=gate.answer)


def cut(text: str, most: int = 80) -> str:
    """The start of a text that may be long."""
    return text if len(text) <= most else f"{text[:most].rstrip()} … ({len(text):,} characters)"


def some(cases: Sequence[str]) -> str:
    """The ids of cases; of very many the first."""
    more = f" and {len(cases) - LISTED:,} more" if len(cases) > LISTED else ""
    return ", ".join(map(cut, cases[:LISTED])) + more


def date(at: datetime) -> str:
    """To the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def ago(seconds: float) -> str:
    """A span of time in the largest unit that says something: "40 s", "5 min", "3 h"."""
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
