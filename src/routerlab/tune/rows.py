"""Rows of the table that tuning prints: accuracy with interval, hard cases apart, calibration, latency."""

from collections.abc import Sequence

from routerlab.core.statistics.calibration import gap, log_loss, reliability
from routerlab.core.statistics.intervals import wilson
from routerlab.core.statistics.quantiles import percentile
from routerlab.engine.contract.router import Row, Tried
from routerlab.tune.cases import Bools, Ints, Training, subset
from routerlab.tune.choose import Candidates, Choosing
from routerlab.tune.features import Reader
from routerlab.tune.fit import Doubles


def row(
    method: str,
    gold: Ints,
    hard: Bools,
    answered: Ints,
    shares: Doubles | None,
    times: Sequence[float],
) -> Row:
    """A row from the answered label indices (-1: no label) and, where there are any, the shares; nothing was
    fitted to or chosen with a case that it counts."""
    right = answered == gold
    low, high = wilson(int(right.sum()), len(right))
    return Row(
        method=method,
        n=len(right),
        accuracy=_round(right.mean()),
        low=_round(low),
        high=_round(high),
        hard=_round(right[hard].mean()) if hard.any() else None,
        log_loss=_round(log_loss(shares, gold)) if shares is not None else None,
        ece=_round(gap(reliability(shares, gold))) if shares is not None else None,
        p50=ms(percentile(times, 0.5)),
        p95=ms(percentile(times, 0.95)),
        cross_validated=True,
    )


def by_corpus(training: Training, rows: Ints, shares: Doubles, method: str = "probe") -> list[Row]:
    """A row for each of several corpora, of answers to the cases `rows`: how good it is on that one."""
    tested = subset(training, rows)
    found = []
    for corpus, own in tested.by_corpus:
        if len(own):
            part = subset(tested, own)
            answered = shares[own].argmax(axis=1)
            found.append(row(f"{method}, on {corpus.name}", part.gold, part.hard, answered, shares[own], []))
    return found


def tried_ways(reader: Reader, candidates: Candidates, choosing: Choosing) -> tuple[Tried, ...]:
    """What every way to ask and window gave, read at the layer and with the strength that were taken."""
    taken = choosing.taken.setting
    found = []
    for choice in choosing.tried:
        if (choice.setting.layer, choice.setting.strength) != (taken.layer, taken.strength):
            continue
        above, error = choice.excess(choosing.best)
        found.append(
            Tried(
                way=reader.ways[choice.setting.way].text,
                window=choice.setting.window,
                prefix=reader.prefix[choice.setting.way],
                log_loss=_round(choice.loss),
                above_best=_round(above),
                error=_round(error),
                ms=round(candidates.cost(choice.setting), 1),
                taken=choice is choosing.taken,
            )
        )
    return tuple(found)


def _round(x: float) -> float:
    return round(float(x), 4)


def ms(x: float | None) -> float | None:
    """As it is written into a router's file."""
    return None if x is None else round(x, 1)
