"""How many threads a model is read with the quickest on this machine, measured, and whether that is sure."""

from collections.abc import Mapping
from pathlib import Path

from routerlab.bench.prefill import BUSY, Setup, Tell, Times, busy_share, measure
from routerlab.core.errors import LabError
from routerlab.core.prediction import Record
from routerlab.models.cpus import Candidate, Cpus, candidates

ROUNDS = 3
NOISE = 0.05
"""What is not at least so much quicker, in the median, is not quicker."""


class Measured(Record):
    """A candidate and its median milliseconds: of reading, and of one token more."""

    threads: int
    cpus: tuple[int, ...]
    what: str
    prefill_ms: float
    step_ms: float


class ThreadsFound(Record):
    """What was measured; `best` is the number of threads to use, which is `before` unless another was surely
    quicker. `pinned` are CPUs to start the lab on, where that is surely quicker still. Nothing is sure where
    others were `busy` before with more than a little of the CPUs."""

    model: str
    before: int
    best: int
    pinned: tuple[int, ...]
    busy: float
    candidates: tuple[Measured, ...]


def measure_threads(model: Path, cpus: Cpus, before: int, tell: Tell) -> ThreadsFound:
    """Read with every candidate and with `before` threads. LabError with one CPU, or without the model."""
    now = next((c for c in candidates(cpus) if c.threads == before and not c.cpus), None)
    now = now or Candidate(before, (), "as it is set")
    tried = list(dict.fromkeys([now, *candidates(cpus)]))
    if len(tried) == 1:
        raise LabError("this process may use one CPU: there is nothing to choose")
    busy = busy_share(cpus.usable)
    found = measure([Setup(model, c.threads, c.cpus) for c in tried], ROUNDS, tell)
    times = dict(zip(tried, found, strict=True))
    best = pinned = now
    if busy <= BUSY:
        best = choose({c: t for c, t in times.items() if not c.cpus}, now)
        pinned = choose({c: t for c, t in times.items() if c.cpus} | {best: times[best]}, best)
    return ThreadsFound(
        model=str(model),
        before=before,
        best=best.threads,
        pinned=pinned.cpus,
        busy=round(busy, 2),
        candidates=tuple(
            Measured(
                threads=c.threads,
                cpus=c.cpus,
                what=c.what,
                prefill_ms=round(t.ms, 1),
                step_ms=round(sorted(t.step)[len(t.step) // 2], 1),
            )
            for c, t in times.items()
        ),
    )


def choose(times: Mapping[Candidate, Times], now: Candidate) -> Candidate:
    """The quickest in reading of those quicker than `now`: in every round, and by more than NOISE in the
    median; else `now`."""

    def quicker(c: Candidate) -> bool:
        rounds = zip(times[c].prefill, times[now].prefill, strict=True)
        return all(a < b for a, b in rounds) and times[c].ms < (1 - NOISE) * times[now].ms

    return min(filter(quicker, times), key=lambda c: times[c].ms, default=now)
