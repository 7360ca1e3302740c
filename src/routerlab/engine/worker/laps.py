"""Where the time of a prediction goes inside the worker."""

import time


class Laps:
    """A stopwatch with named laps: every mark ends one, so that they add up to the whole.

    `ms` has the milliseconds of each name since `start`; a name that was marked several times, their sum.
    """

    def __init__(self) -> None:
        self.ms: dict[str, float] = {}
        self._last = time.perf_counter()

    def start(self) -> None:
        """Forget the laps, and begin the first one."""
        self.ms = {}
        self._last = time.perf_counter()

    def mark(self, name: str) -> None:
        """End a lap."""
        now = time.perf_counter()
        self.ms[name] = self.ms.get(name, 0.0) + (now - self._last) * 1000.0
        self._last = now
