"""Latency against offered load: how much an arm can take before sessions wait longer than they are served."""

import time
from collections.abc import Callable, Sequence
from statistics import fmean

from routerlab.core.errors import LabError
from routerlab.core.prediction import Item, Record, Trial
from routerlab.core.statistics.quantiles import percentile
from routerlab.engine.lab.lab import Lab
from routerlab.study.figures.rows import ANSWERED
from routerlab.study.trial.protocol.protocol import Traffic
from routerlab.study.trial.protocol.traffic import poisson
from routerlab.study.trial.run.loadgen import LoadGenerator, Sending

SHARES = (0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2)
"""Loads that are tried when nobody names any, as shares of what the arm serves without a pause."""
FARTHER = (1.4, 1.7, 2.0, 2.5, 3.0, 4.0, 5.0, 6.5, 8.0)
"""And beyond, where the arm decodes several questions together."""
SHARE_LATE = 0.1
"""An arm that takes longer than this share of the schedule, and than its unloaded P95, to answer what is left
when the last session is sent, is saturated."""
TOLERATED = 3.0
"""How many times the unloaded P95 (or LEAST_MS) a P95 may be up to the knee."""
LEAST_MS = 10.0


class Level(Record):
    """One load: `offered` and `answered_rate` in sessions a second, times in milliseconds. `late_s` is
    how long it took, after the last session was sent, to answer the rest."""

    offered: float
    n: int
    failed: int
    answered_rate: float
    late_s: float
    response_p50: float
    response_p95: float
    queue_p95: float
    service_p50: float
    saturated: bool


class Sweep(Record):
    """An arm's levels in ascending order. At most `concurrency` sessions are decoded together, each is alone
    where it is None. `unloaded_p95` is its P95 one session at a time, `capacity` what it then serves a
    second. `knee` is the highest load that does not saturate it and whose P95 is at most three times the
    first sweep's without load; None where even the lowest was too much."""

    arm: str
    machine: str
    connections: int
    concurrency: int | None
    unloaded_p50: float
    unloaded_p95: float
    capacity: float
    levels: tuple[Level, ...]
    knee: float | None
    seed: int


async def sweep(
    labs: Sequence[Lab],
    arm: str,
    items: Sequence[Item],
    rates: Sequence[float],
    n: int,
    seed: int,
    tell: Callable[[Lab, Level], None] = lambda lab, level: None,
) -> list[Sweep]:
    """Ask an arm that is ready one session at a time, then `n` at each rate until it saturates; without rates
    at shares of its capacity.

    The labs differ in how they load the arm, and each gets its sweep: they take turns at every rate, and what
    is too much for any of them is judged by the first lab's arm without load. LabError when an arm gives no
    answers at all.
    """
    alone = [await _unloaded(lab, arm, items, n) for lab in labs]
    service = alone[0]
    connections = sum(name == arm or name.startswith(f"{arm}#") for name in labs[0].arms)
    capacity = connections * 1000 / max(fmean(service), 0.001)
    unloaded = percentile(service, 0.95) or 0.0
    together = [info.concurrency if (info := lab.arms[arm].state.info) else None for lab in labs]
    shares = (*SHARES, *FARTHER) if any(together) else SHARES
    levels: list[list[Level]] = [[] for _ in labs]
    for rate in sorted(rates) or [share * capacity for share in shares]:
        due = poisson(n, rate, seed)
        for lab, own in zip(labs, levels, strict=True):
            if own and own[-1].saturated:
                continue
            trials, seconds = await _send(lab, arm, items, "poisson", due)
            own.append(_level(rate, due[-1] - due[0], unloaded, trials, seconds))
            tell(lab, own[-1])
        if all(own[-1].saturated for own in levels):
            break
    limit = TOLERATED * max(unloaded, LEAST_MS)
    return [
        Sweep(
            arm=arm,
            machine=lab.session.header.machine,
            connections=connections,
            concurrency=most,
            unloaded_p50=percentile(times, 0.5) or 0.0,
            unloaded_p95=percentile(times, 0.95) or 0.0,
            capacity=connections * 1000 / max(fmean(times), 0.001),
            levels=tuple(own),
            knee=max((o.offered for o in own if not o.saturated and o.response_p95 <= limit), default=None),
            seed=seed,
        )
        for lab, most, times, own in zip(labs, together, alone, levels, strict=True)
    ]


async def _unloaded(lab: Lab, arm: str, items: Sequence[Item], n: int) -> list[float]:
    """Milliseconds of service, one session at a time. LabError when there are no answers."""
    alone, _ = await _send(lab, arm, items, "closed", [0.0] * max(8, n // 4))
    service = [trial.latency_ms.total for trial in alone if trial.status in ANSWERED]
    if not service:
        raise LabError(f"{arm}: gives no answers: {alone[0].error if alone else 'it was not asked'}")
    return service


async def _send(
    lab: Lab, arm: str, items: Sequence[Item], pattern: str, due: Sequence[float]
) -> tuple[list[Trial], float]:
    """The trials, and the seconds from when the first was due to the last answer."""
    trials: list[Trial] = []
    traffic = Traffic.model_validate({"pattern": pattern, "rate": None if pattern == "closed" else 1.0})
    generator = LoadGenerator(lab, traffic, done=trials.append)
    base = len(lab.session.trials)
    sessions = [
        Sending(f"{base + i}", arm, items[i % len(items)], base + i + 1, at) for i, at in enumerate(due)
    ]
    begun = time.perf_counter()
    try:
        await generator.send(sessions, due[0])
    finally:
        generator.close()
    return trials, time.perf_counter() - begun


def _level(rate: float, sending: float, unloaded: float, trials: Sequence[Trial], seconds: float) -> Level:
    answers = [trial.latency_ms for trial in trials if trial.status in ANSWERED]
    response = [one.queue + one.total for one in answers]
    late = max(0.0, seconds - sending)
    return Level(
        offered=rate,
        n=len(trials),
        failed=len(trials) - len(answers),
        answered_rate=len(answers) / seconds,
        late_s=late,
        response_p50=percentile(response, 0.5) or 0.0,
        response_p95=percentile(response, 0.95) or 0.0,
        queue_p95=percentile([one.queue for one in answers], 0.95) or 0.0,
        service_p50=percentile([one.total for one in answers], 0.5) or 0.0,
        saturated=late > SHARE_LATE * sending + unloaded / 1000 or len(answers) < 0.9 * len(trials),
    )
