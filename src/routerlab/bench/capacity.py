"""How many servers a rate of requests needs: the queue M/G/c, as Allen and Cunneen approximate it.

Requests come at random (Poisson); each is served by one server, whose times are those that were measured. The
mean wait is that of M/M/c times (1 + c^2) / 2, where c is the coefficient of variation of these times (A. O.
Allen, Probability, Statistics, and Queueing Theory, 2nd ed., Academic Press 1990); for one server that is
exact (Pollaczek and Khinchine). Who waits is taken to wait for an exponential time, as in M/M/c.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.float64]
"""Service times that were measured, one a request; their order does not matter."""
LATE = 0.05
"""The share of requests that may take longer than the limit: it is one for P95."""


HOURS = 730
"""Of a month."""


@dataclass(frozen=True)
class Need:
    """What `rate` requests a second need: `machines`, `p95_ms` with these, `dealt` machines behind a balancer
    that deals at random, the cost of a month and of a million requests. None where no number keeps the limit.
    `knee` is how many a second one machine takes."""

    mean_ms: float
    knee: float
    rate: float
    machines: int | None
    p95_ms: float | None
    dealt: int | None
    month: float | None
    million: float | None


@dataclass(frozen=True)
class Wait:
    """The `share` (0..1) of requests that wait at all, and the `mean` wait of all in seconds."""

    share: float
    mean: float

    def longer(self, seconds: Seconds) -> Seconds:
        """The share of requests that wait longer than each of these; 1 for what is below 0."""
        if not self.mean:
            return (seconds < 0).astype(np.float64)
        waits = self.share * np.exp(-np.maximum(seconds, 0.0) * self.share / self.mean)
        return np.where(seconds < 0, 1.0, waits)


def erlang_c(servers: int, load: float) -> float:
    """The share of requests that wait in M/M/c, at a load (rate times mean service time) below `servers`.

    By Erlang's B, whose recursion neither overflows nor cancels.
    """
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1.0 - load / servers * (1.0 - blocked))


def wait(servers: int, rate: float, times: Seconds) -> Wait | None:
    """The wait for one of so many servers at `rate` requests a second; None where the queue only grows."""
    mean = float(times.mean())
    load = rate * mean
    if load >= servers:
        return None
    share = erlang_c(servers, load)
    scatter = float(times.var()) / mean**2
    return Wait(share, share * mean / (servers - load) * (1.0 + scatter) / 2.0)


def late(servers: int, rate: float, times: Seconds, limit_s: float) -> float:
    """The share of requests that have no answer within the limit, wait and service together."""
    waiting = wait(servers, rate, times)
    return 1.0 if waiting is None else float(waiting.longer(limit_s - times).mean())


def p95(servers: int, rate: float, times: Seconds) -> float:
    """The seconds within which 95 % of the requests have their answer; infinite where the queue grows."""
    if wait(servers, rate, times) is None:
        return inf
    low, high = 0.0, float(times.max())
    while late(servers, rate, times, high) > LATE:
        low, high = high, 2.0 * high
    return _edge(low, high, lambda limit_s: late(servers, rate, times, limit_s) > LATE)


def servers_for(
    rate: float, times: Seconds, limit_s: float, busy: float = 1.0, dealt: bool = False
) -> int | None:
    """The fewest servers whose P95 keeps the limit, at work for at most the share `busy` of the time; None
    where no number does, as service alone takes longer.

    They have one queue, as behind a balancer that knows who is free; `dealt`: each has a queue of its own, as
    behind one that deals at random.
    """
    if float((times > limit_s).mean()) >= LATE:
        return None

    def enough(n: int) -> bool:
        return late(*((1, rate / n) if dealt else (n, rate)), times, limit_s) <= LATE

    least = max(1, ceil(rate * float(times.mean()) / busy))
    low, high = least - 1, least
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def knee(servers: int, times: Seconds, limit_s: float) -> float:
    """The most requests a second with which so many servers keep the limit; 0 where it never does."""
    most = servers / float(times.mean())
    return _edge(0.0, most, lambda rate: late(servers, rate, times, limit_s) <= LATE)


def _edge(low: float, high: float, below: Callable[[float], bool]) -> float:
    """Where `below` turns false between the two."""
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (middle, high) if below(middle) else (low, middle)
    return low


def need(times: Seconds, rate: float, limit_s: float, price: float, busy: float) -> Need:
    """What the rate needs where an hour of a machine, one server, costs `price` (see `servers_for`)."""
    n = servers_for(rate, times, limit_s, busy)
    return Need(
        mean_ms=1000.0 * float(times.mean()),
        knee=knee(1, times, limit_s),
        rate=rate,
        machines=n,
        p95_ms=None if n is None else 1000.0 * p95(n, rate, times),
        dealt=servers_for(rate, times, limit_s, busy, dealt=True),
        month=None if n is None else n * HOURS * price,
        million=None if n is None else n * price / 3600.0 / rate * 1e6,
    )
