"""Gates: a limit that a figure must keep, answered from the figure's interval."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite
from operator import ge, gt, le, lt
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import AfterValidator

from routerlab.core.errors import LabError
from routerlab.core.statistics.intervals import wilson

Answer = Literal["pass", "fail", "undecided"]
Op = Literal[">=", "<=", ">", "<"]
KEEPS: dict[Op, Callable[[float, float], bool]] = {">=": ge, "<=": le, ">": gt, "<": lt}

SHARES = ("accuracy", "task_accuracy", "parse_rate", "macro_f1", "answered_error")
"""Metrics within 0..1; so is f1:LABEL."""
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
"""Metrics in milliseconds."""
METRICS = (*SHARES, "f1:LABEL", *QUANTILES, "cost")
"""What a gate may be about; `cost` is that of 1,000 prompts."""

MOST = 100_000
"""How many observations are thought of when asking what would decide."""

Interval = Callable[[float, int, float], tuple[float, float]]
"""(successes, n, two-sided confidence) -> (low, high)."""

_GATE = re.compile(r"\s*([a-z][a-z0-9_]*(?::[^\s<>=]+)?)\s*(>=|<=|>|<)\s*(\S+)\s*")


@dataclass(frozen=True)
class Gate:
    """`metric` `op` `limit`, such as accuracy >= 0.85; `str` writes it as `parse_gate` reads it."""

    metric: str
    op: Op
    limit: float

    def __str__(self) -> str:
        return f"{self.metric}{self.op}{self.limit:.12g}"

    def answer(self, low: float | None, high: float | None) -> Answer:
        """Pass when all of the interval keeps the limit, fail when none of it does; None is an open end."""
        worst, best = (high, low) if self.op in ("<=", "<") else (low, high)
        if worst is not None and KEEPS[self.op](worst, self.limit):
            return "pass"
        return "fail" if best is not None and not KEEPS[self.op](best, self.limit) else "undecided"


def parse_gate(text: str) -> Gate:
    """The gate in a text such as "accuracy>=0.8" or "p95<=2000"; LabError that says what is wrong with it."""
    found = _GATE.fullmatch(text)
    if not found:
        raise LabError(f"not a gate: {text!r}; write METRIC, >= or <=, and a number, as in accuracy>=0.8")
    metric, op, number = found.groups()
    name = "f1:LABEL" if metric.startswith("f1:") else metric
    if name not in METRICS:
        raise LabError(f"gate {text!r}: unknown metric {metric!r}; there are {', '.join(METRICS)}")
    try:
        limit = float(number)
    except ValueError:
        limit = float("nan")
    if not isfinite(limit):
        raise LabError(f"gate {text!r}: {number!r} is not a number; shares are 0 to 1, times milliseconds")
    if name in (*SHARES, "f1:LABEL") and not 0 <= limit <= 1:
        raise LabError(f"gate {text!r}: {metric} is a share: the limit is a number from 0 to 1")
    if limit < 0:
        raise LabError(f"gate {text!r}: the limit is negative")
    return Gate(metric, op, limit)  # type: ignore[arg-type]


def cases_for_share(
    gate: Gate, share: float, confidence: float = 0.95, interval: Interval = wilson
) -> int | None:
    """The smallest number of cases whose Wilson interval at the observed `share` decides the gate; or another
    `interval`, if it is no narrower.

    None where the share is at the limit, so that no number does, or more than MOST would be needed. Wilson's
    limit is at L when n (share - L)^2 = z^2 L (1 - L).
    """
    limit, z = gate.limit, NormalDist().inv_cdf(0.5 + confidence / 2)
    if share == limit or (needed := z * z * limit * (1 - limit) / (share - limit) ** 2) > MOST:
        return None
    n = max(1, ceil(needed) - 1)
    while gate.answer(*interval(share * n, n, confidence)) == "undecided":  # Wilson: once or twice, rounding
        n += 1
    return n


def values_for_quantile(gate: Gate, q: float, share: float, n: int, confidence: float = 0.95) -> int | None:
    """The smallest number of values above `n` whose interval of the q-quantile decides the gate.

    `share` of the n values so far is at or below the limit (below it, for >= and <); more values are thought
    to keep to it. None where no number up to MOST decides.
    """
    import numpy as np
    from scipy.special import bdtr

    tail = (1 - confidence) / 2
    start, size = n + 1, 1024
    while start <= MOST:
        ns = np.arange(start, min(start + size, MOST + 1))
        if share > q:  # the upper rank must be one of those: P(B >= k) <= tail
            k = np.floor(share * ns + 1e-9)
            decides = bdtr(k - 1, ns, q) >= 1 - tail
        else:  # the lower rank must be beyond them: P(B <= k) <= tail
            k = np.ceil(share * ns - 1e-9)
            decides = bdtr(k, ns, q) <= tail
        if decides.any():
            return int(ns[decides.argmax()])
        start, size = start + size, size * 2
    return None


def _read(gates: tuple[str, ...]) -> tuple[str, ...]:
    for gate in gates:
        try:
            parse_gate(gate)
        except LabError as e:
            raise ValueError(str(e)) from None
    return gates


Gates = Annotated[tuple[str, ...], AfterValidator(_read)]
"""Gates as a file has them, checked when it is read."""
