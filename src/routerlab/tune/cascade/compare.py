"""A cascade beside the best of its members: whether they differ by more than noise."""

from dataclasses import dataclass

import numpy as np

from routerlab.core.statistics.paired import bootstrap_ratio, mcnemar
from routerlab.tune.cascade.thresholds import Members, outcome
from routerlab.tune.cases import Ints


@dataclass(frozen=True)
class Compared:
    """Against `member`, the most often right alone (its place).

    `difference` is the cascade's accuracy less the member's, with the paired bootstrap interval over cases;
    `only_cascade` and `only_member` are the cases that just one has right, `p` by the exact McNemar test;
    `time` is the cascade's mean time as a share of the member's.
    """

    member: int
    difference: float
    interval: tuple[float, float] | None
    only_cascade: int
    only_member: int
    p: float
    time: float


def compare(m: Members, who: Ints, seed: int) -> Compared:
    """The cascade in which `who` answers (see thresholds.py), beside its best member."""
    best = int(m.right.mean(axis=1).argmax())
    right, times = outcome(m, who)
    alone = m.right[best]
    more, less = int((right & ~alone).sum()), int((alone & ~right).sum())
    difference = right.astype(float) - alone
    return Compared(
        member=best,
        difference=float(difference.mean()),
        interval=bootstrap_ratio(difference, np.ones(len(difference)), seed=seed),
        only_cascade=more,
        only_member=less,
        p=mcnemar(more, less),
        time=float(times[m.timed].mean() / m.times[best][m.timed].mean()),
    )
