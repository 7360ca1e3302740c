"""When the sessions of a trial are due: a schedule that does not wait for answers."""

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.files.toml import read_text

Pattern = Literal["poisson", "bursty", "replay", "closed"]


def poisson(n: int, rate: float, seed: int) -> list[float]:
    """Seconds from the start at which `n` sessions are due, `rate` a second on average, independent of each
    other (exponential gaps)."""
    rng = np.random.default_rng([seed, 1])
    return [float(t) for t in np.cumsum(rng.exponential(1 / rate, n))]


def bursty(n: int, rate: float, burst: float, seed: int) -> list[float]:
    """The same on average, but in bursts of `burst` sessions on average (geometric) at the same moment.

    The bursts themselves are Poisson, so that the variance of the count in any interval is 2 burst - 1 times
    its mean.
    """
    rng = np.random.default_rng([seed, 1])
    due: list[float] = []
    now = 0.0
    while len(due) < n:
        now += float(rng.exponential(burst / rate))
        due += [now] * int(rng.geometric(1 / burst))
    return due[:n]


def replayed(n: int, stamps: Sequence[float], rate: float | None) -> list[float]:
    """The gaps of a recording (seconds, ascending), again from its beginning when `n` are more than it has.

    With `rate` they are stretched or squeezed to that many a second on average.
    """
    gaps = np.diff(np.asarray(stamps, float))
    mean = float(gaps.mean())
    scale = 1.0 if rate is None or mean == 0 else 1 / rate / mean
    cycle = np.append(gaps, mean)  # the gap between the end of the recording and its beginning is not known
    due = np.cumsum(np.resize(cycle, n)) * scale
    return [0.0, *(float(t) for t in due[: n - 1])]


def read_stamps(path: Path) -> list[float]:
    """The moments in a file, one a line: seconds, or dates with a time (ISO 8601); blank lines and those with
    # do not count. In seconds from the first; LabError with the line for what is neither or goes backwards.
    """
    stamps: list[float] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            stamp = _seconds(text)
        except ValueError:
            raise LabError(
                f"{path}:{number}: {text[:40]!r} is no moment; write seconds, or a date with a time as in "
                "2026-11-24T08:15:00Z"
            ) from None
        if stamps and stamp < stamps[-1]:
            raise LabError(f"{path}:{number}: earlier than the line before; sort the file by time")
        stamps.append(stamp)
    if len(stamps) < 2:
        raise LabError(f"{path}: {len(stamps)} moments; a recording needs two or more")
    return [stamp - stamps[0] for stamp in stamps]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        return datetime.fromisoformat(text).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(text)
    return seconds
