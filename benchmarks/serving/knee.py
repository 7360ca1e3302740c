"""The most decisions a second at which P95 keeps a limit, and what twice as many do."""

import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.serving.drive import Driver, Run

LIMITS_MS = (2000.0, 300.0)
STEP = 1.5
CLOSE = 1.12
"""How far apart a rate that keeps the limit and one that does not may stay; 20 s of a Poisson process tell no
nearer."""
SLOWEST = 0.5
"""Requests a second below which no knee is looked for: too few come in the time of a rate."""
BUDGET = 4.5
"""Rates' worth of time, after which no other is tried: the knee is told as wide as it is known by then."""


def bracket(runs: Sequence[Run], limit_ms: float) -> tuple[float, float]:
    """The highest rate that kept the limit (0: none did), and the lowest above it that did not (infinity)."""
    low = max((run.rate for run in runs if run.keeps(limit_ms)), default=0.0)
    high = min((r.rate for r in runs if r.rate > low and not r.keeps(limit_ms)), default=math.inf)
    return low, high


def next_rate(runs: Sequence[Run], limit_ms: float, first: float) -> float | None:
    """What to try next, None when the knee is known."""
    low, high = bracket(runs, limit_ms)
    if not runs:
        return max(first, SLOWEST)
    if high == math.inf:
        return low * STEP
    if low == 0.0:
        return high / STEP if high > SLOWEST else None
    return None if high / low <= CLOSE else math.sqrt(low * high)


async def sweep(driver: Driver, capacity: float, seconds: float, label: str) -> dict[str, Any]:
    """Both knees from runs of so many seconds, beginning near `capacity`, and a run at twice the first."""
    runs, until = list[Run](), time.monotonic() + BUDGET * seconds
    for limit in LIMITS_MS:
        while (rate := next_rate(runs, limit, 0.8 * capacity)) and time.monotonic() < until:
            runs.append(await driver.run(rate, seconds, limit))
            kept = "kept" if runs[-1].keeps(limit) else "not kept"
            print(f"{label}: {rate:.1f}/s, {limit:.0f} ms {kept}", file=sys.stderr, flush=True)
    found: dict[str, Any] = {"runs": [run.told(LIMITS_MS[0]) for run in runs]}
    for limit in LIMITS_MS:
        low, high = bracket(runs, limit)
        found[f"knee_{limit:.0f}_ms"] = [low, high if math.isfinite(high) else None]
    knee = bracket(runs, LIMITS_MS[0])[0]
    if at := next((run for run in runs if run.rate == knee), None):
        print(f"{label}: {2 * knee:.1f}/s, twice the knee", file=sys.stderr, flush=True)
        twice = await driver.run(2 * knee, seconds)
        found["twice"] = twice.told(LIMITS_MS[0]) | {
            "goodput / knee": twice.goodput(LIMITS_MS[0]) / at.goodput(LIMITS_MS[0])
        }
    return found
