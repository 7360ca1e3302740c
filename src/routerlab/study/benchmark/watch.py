"""Notices what happens to a machine while it is measured: clocks that jump, a speed that changes."""

import time
from collections.abc import Callable, Sequence
from statistics import median

Clock = Callable[[], float]

JUMP_S = 1.0
"""Seconds by which the clocks may part between two looks: what a time server slews is far less."""


class Clocks:
    """Compares the wall clock with the one that only goes forward."""

    def __init__(self, wall: Clock = time.time, steady: Clock = time.monotonic) -> None:
        self._wall, self._steady = wall, steady
        self._apart = wall() - steady()

    def jump(self) -> str | None:
        """What happened since the last look, in words; None where the clocks went alike."""
        before, self._apart = self._apart, self._wall() - self._steady()
        moved = self._apart - before
        if abs(moved) < JUMP_S:
            return None
        how = "forward, or the machine slept, for" if moved > 0 else "back by"
        return f"the wall clock went {how} {abs(moved):.0f} s: times of day are off"


def smoothed(times: Sequence[float]) -> list[float]:
    """The medians of every three times in a row, so that one slow answer is no drift; none of fewer than
    three."""
    return [median(times[i : i + 3]) for i in range(len(times) - 2)]


def spread(times: Sequence[float]) -> float | None:
    """The largest distance of a time from their median, as a share of it; None for fewer than two."""
    if len(times) < 2:
        return None
    middle = median(times)
    return max(abs(each / middle - 1) for each in times)
