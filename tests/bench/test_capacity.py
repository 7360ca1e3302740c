"""The model of a queue, held against queues that are known exactly, and against simulated ones."""

from heapq import heapreplace
from math import factorial, inf

import numpy as np
import pytest

from routerlab.bench.capacity import LATE, Seconds, erlang_c, knee, late, p95, servers_for, wait
from routerlab.cli.bench.capacity import _of_router

RNG = np.random.default_rng(0)
EXPONENTIAL = -np.log(1.0 - (np.arange(2000) + 0.5) / 2000)
STEADY = np.full(100, 1.0)
SCATTERED = np.exp(RNG.normal(0.0, 1.0, 2000))


def simulated(servers: int, rate: float, times: Seconds, requests: int, seed: int = 0) -> Seconds:
    """Seconds until each answer, the first tenth left out: first come, first served, by whoever is
    free first, with service times drawn from those measured."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1.0 / rate, requests))
    free = [0.0] * servers
    ends = []
    for at, needs in zip(arrivals, rng.choice(times, requests), strict=True):
        ends.append(max(at, free[0]) + needs)
        heapreplace(free, ends[-1])
    return (np.array(ends) - arrivals)[requests // 10 :]


@pytest.mark.parametrize(("servers", "load"), [(1, 0.5), (3, 2.0), (10, 9.5)])
def test_who_waits_is_what_erlangs_sum_says(servers: int, load: float) -> None:
    last = load**servers / factorial(servers) / (1.0 - load / servers)
    assert erlang_c(servers, load) == pytest.approx(
        last / (sum(load**k / factorial(k) for k in range(servers)) + last)
    )


def test_the_mean_wait_is_exact_for_one_server_and_for_exponential_times() -> None:
    for times in (STEADY, SCATTERED):  # Pollaczek and Khinchine
        rate = 0.7 / times.mean()
        found = wait(1, rate, times)
        assert found is not None
        assert found.mean == pytest.approx(rate * (times**2).mean() / 2.0 / 0.3)
    times = EXPONENTIAL / EXPONENTIAL.std()  # M/M/3
    found = wait(3, 2.0 / times.mean(), times)
    assert found is not None
    assert found.mean == pytest.approx(
        erlang_c(3, 2.0) * times.mean() * (1.0 + 1.0 / times.mean() ** 2) / 2.0
    )
    assert wait(2, 2.0, STEADY) is None
    assert p95(2, 2.0, STEADY) == inf


@pytest.mark.parametrize(
    "times", [STEADY, EXPONENTIAL, SCATTERED], ids=["steady", "exponential", "scattered"]
)
@pytest.mark.parametrize(("servers", "busy"), [(1, 0.5), (4, 0.8), (30, 0.9)])
def test_p95_is_that_of_simulated_queues(times: Seconds, servers: int, busy: float) -> None:
    rate = busy * servers / float(times.mean())
    found = simulated(servers, rate, times, 40_000)
    assert p95(servers, rate, times) == pytest.approx(np.quantile(found, 0.95), rel=0.15)


@pytest.mark.parametrize("name", ["minilm", "smollm2-135m", "qwen2.5-coder-0.5b"])
def test_the_knee_of_the_routers_that_ship_is_that_of_simulated_servers(name: str) -> None:
    times = _of_router(name)
    limit = 12.0 * float(
        times.mean()
    )  # of a hundred times that, so near to full, 60,000 questions tell little
    rate = knee(1, times, limit)
    assert late(1, rate, times, limit) == pytest.approx(LATE, rel=1e-3)
    assert (simulated(1, rate, times, 60_000) > limit).mean() == pytest.approx(LATE, abs=0.015)


def test_the_fewest_servers_keep_the_limit_and_one_less_does_not() -> None:
    for rate in (0.1, 3.0, 5000.0):
        for limit in (1.5, 6.0):
            times = STEADY if limit == 1.5 else EXPONENTIAL
            n = servers_for(rate, times, limit)
            assert n is not None
            assert late(n, rate, times, limit) <= LATE
            assert n == 1 or late(n - 1, rate, times, limit) > LATE
            dealt = servers_for(rate, times, limit, dealt=True)
            assert dealt is not None
            assert dealt >= n
            assert p95(1, rate / dealt, times) <= limit * 1.0001
    assert servers_for(400.0, STEADY, 60.0, busy=0.8) == 500
    assert servers_for(1.0, STEADY, 0.9) is None
    assert servers_for(1.0, STEADY, 0.9, dealt=True) is None
    assert knee(1, STEADY, 0.9) == pytest.approx(0.0, abs=1e-9)
