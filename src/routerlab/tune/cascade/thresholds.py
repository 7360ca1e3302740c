"""Choosing a cascade: how sure each router must be, for a wanted accuracy or cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.familiarity import UNFAMILIAR
from routerlab.tune.cases import Bools, Ints
from routerlab.tune.fit import Doubles
from routerlab.tune.out_of_fold import OutOfFold

STEPS = (*(i / 20 for i in range(18)), *(i / 100 for i in range(90, 101)))
"""Thresholds tried: at 0 a member answers all that it knows, at 1 only if it is certain."""
MOST = 10_000
"""Combinations of thresholds tried: with more than three members there are fewer steps for each."""


@dataclass(frozen=True)
class Members:
    """Out-of-fold answers of routers, the smallest first, to the same cases in the same order.

    `answers`, `confidence` (the probability of the answer) and `times` (ms, NaN where not timed) are
    (members, cases).
    """

    gold: Ints
    answers: Ints
    confidence: Doubles
    times: Doubles
    hard: Bools
    familiarity: Doubles | None = None
    """(members, cases), None where a member cannot tell."""

    @property
    def timed(self) -> Bools:
        """The cases that all members were timed on: times are compared over these only."""
        return np.asarray(~np.isnan(self.times).any(axis=0))

    @property
    def right(self) -> Bools:
        """(members, cases): whether each answer is the gold label."""
        return np.asarray(self.answers == self.gold)


def members(parts: Sequence[OutOfFold]) -> Members:
    """The cases that all have; LabError when there are none or nothing was timed by all."""
    places = [{case: i for i, case in enumerate(p.ids)} for p in parts]
    common = [case for case in parts[0].ids if all(case in known for known in places)]
    if not common:
        raise LabError("these routers were not tuned on the same cases: tune them with the same --corpus")
    rows = [[known[case] for case in common] for known in places]
    golds = [p.gold[r] for p, r in zip(parts, rows, strict=True)]
    if any((gold != golds[0]).any() for gold in golds):
        raise LabError(
            "these routers were tuned on cases with other labels: tune them with the same --corpus"
        )
    shares = [p.shares[r] for p, r in zip(parts, rows, strict=True)]
    found = Members(
        golds[0],
        np.stack([s.argmax(axis=1) for s in shares]),
        np.stack([s.max(axis=1) for s in shares]),
        np.stack([p.times[r] for p, r in zip(parts, rows, strict=True)]),
        parts[0].hard[rows[0]],
        _familiarity(parts, rows),
    )
    if not found.timed.any():
        raise LabError("these routers were not timed on the same cases: tune them with the same --seed")
    return found


def _familiarity(parts: Sequence[OutOfFold], rows: Sequence[Sequence[int]]) -> Doubles | None:
    known = [p.familiarity[r] for p, r in zip(parts, rows, strict=True) if p.familiarity is not None]
    return np.stack(known) if len(known) == len(parts) else None


Thresholds = tuple[float, ...]
"""One for each member but the last."""


@dataclass(frozen=True)
class Wish:
    """What a cascade is chosen for, one of three.

    The least mean time with at least the `accuracy` (that of the last member alone where nothing is wished),
    or the best accuracy within a mean time of `ms` or with at most this `share` of the prompts put to the
    last member.
    """

    accuracy: float | None = None
    ms: float | None = None
    share: float | None = None


@dataclass(frozen=True)
class Point:
    """What thresholds give: accuracy, mean time (ms), and the share of prompts that each member is asked."""

    thresholds: Thresholds
    accuracy: float
    mean_ms: float
    asked: tuple[float, ...]


def by_confidence(m: Members, thresholds: Thresholds) -> Ints:
    """Who answers each case: the first member whose confidence reaches its threshold and to whom the prompt
    is not UNFAMILIAR, else the last."""
    sure = np.ones(m.answers.shape, dtype=bool)
    sure[:-1] = m.confidence[:-1] >= np.array(thresholds)[:, None]
    if m.familiarity is not None:
        sure[:-1] &= m.familiarity[:-1] >= UNFAMILIAR
    return np.asarray(sure.argmax(axis=0))


def by_disagreement(m: Members) -> Ints:
    """Who answers each case: the second member of three, the third where the first two differ."""
    return np.where(m.answers[0] == m.answers[1], 1, 2)


def outcome(m: Members, who: Ints) -> tuple[Bools, Doubles]:
    """(whether each answer is right, its time in ms with that of all who were asked before)."""
    cases = np.arange(len(m.gold))
    return m.right[who, cases], m.times.cumsum(axis=0)[who, cases]


def point(m: Members, who: Ints, thresholds: Thresholds = ()) -> Point:
    """The figures of one way to choose who answers."""
    right, times = outcome(m, who)
    asked = tuple(float((who >= i).mean()) for i in range(len(m.answers)))
    if not thresholds:  # by disagreement the first two are always asked
        asked = (1.0, *asked[1:])
    return Point(thresholds, float(right.mean()), float(times[m.timed].mean()), asked)


def steps(count: int) -> tuple[float, ...]:
    """The thresholds tried for each of `count` members: all STEPS, or as many of them, evenly picked, as make
    at most MOST combinations; 0 and 1 always."""
    most = max(2, math.floor(MOST ** (1 / count) + 1e-9))
    if most >= len(STEPS):
        return STEPS
    return tuple(STEPS[round(i * (len(STEPS) - 1) / (most - 1))] for i in range(most))


class Trials:
    """Every combination of thresholds, counted once for each of some groups of cases.

    All combinations are tried, so that the best of them is found; nothing is searched for step by step.
    """

    def __init__(self, m: Members, group: Ints) -> None:
        """`group` (cases,) counts from 0: which group a case belongs to."""
        count = len(m.answers) - 1
        self.tried: list[Thresholds] = list(product(steps(count), repeat=count))
        self.m, self.group = m, group
        belongs = np.eye(int(group.max()) + 1)[group]
        timed = belongs * m.timed[:, None]
        times, cases = np.nan_to_num(m.times.cumsum(axis=0)), np.arange(len(group))
        who = [by_confidence(m, thresholds) for thresholds in self.tried]
        self._right = np.stack([m.right[w, cases] @ belongs for w in who])
        self._ms = np.stack([times[w, cases] @ timed for w in who])
        self._last = np.stack([(w == count) @ belongs for w in who])
        self._asked = np.stack([w @ belongs for w in who])
        self._alone = m.right[-1] @ belongs
        self._cases, self._timed = belongs.sum(axis=0), timed.sum(axis=0)

    def best(self, wish: Wish, groups: Ints) -> tuple[Thresholds, bool]:
        """(the thresholds chosen with the cases of these groups, whether the wish is fulfilled on them).

        Of equals the one that asks fewer, then the one that is right more often, then the lowest. A wish out
        of reach gets what is nearest to it: the highest accuracy, or the least time.
        """
        n = max(self._cases[groups].sum(), 1)
        right, ms, asked = self._figures(groups)
        if wish.ms is not None:
            over = ms - wish.ms
        elif wish.share is not None:
            over = self._last[:, groups].sum(axis=1) / n - wish.share
        else:
            goal = self._alone[groups].sum() / n if wish.accuracy is None else wish.accuracy
            over = goal - right / n
        over = np.where(over < 1e-9, 0, over)
        bounded = wish.ms is not None or wish.share is not None
        first, *rest = (-right, ms, asked) if bounded else (ms, asked, -right)
        order = np.lexsort((*reversed(rest), first, over))
        return self.tried[order[0]], bool(over[order[0]] == 0)

    def cross_validated(self, wish: Wish) -> Ints:
        """Who answers each case, by thresholds that were chosen with the other groups."""
        who, groups = np.zeros_like(self.group), np.unique(self.group)
        for one in groups:
            thresholds, _ = self.best(wish, groups[groups != one])
            own = self.group == one
            who[own] = by_confidence(self.m, thresholds)[own]
        return who

    def frontier(self) -> list[Point]:
        """The points that nothing beats: no other thresholds are as right in less time, or more often right
        in the same; the quickest first."""
        right, ms, asked = self._figures(np.unique(self.group))
        found: list[Point] = []
        most = -1.0
        for i in np.lexsort((asked, -right, ms)):
            if right[i] > most:
                most = right[i]
                found.append(point(self.m, by_confidence(self.m, self.tried[i]), self.tried[i]))
        return found

    def _figures(self, groups: Ints) -> tuple[Doubles, Doubles, Doubles]:
        """(right answers, mean ms, further members asked) of every combination."""
        ms = self._ms[:, groups].sum(axis=1) / max(self._timed[groups].sum(), 1)
        # Sums made in another order are no difference.
        return self._right[:, groups].sum(axis=1), ms.round(6), self._asked[:, groups].sum(axis=1)


def folds(n: int, seed: int, k: int = 5) -> Ints:
    """(n,): each case's fold, drawn by chance, all as large."""
    return np.asarray(np.random.default_rng(seed).permutation(n) % min(k, n))
