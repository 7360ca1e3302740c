"""Choosing a cascade: how sure the small router must be, for a wanted accuracy at the least time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.tune.cases import Bools, Ints
from routerlab.tune.out_of_fold import OutOfFold

STEPS = (*(i / 20 for i in range(18)), *(i / 100 for i in range(90, 101)))
"""Thresholds tried: 0 never asks the large router, 1 does unless the small one is certain."""


@dataclass(frozen=True)
class Members:
    """Out-of-fold answers of two or three routers to the same cases, in the same order."""

    gold: Ints
    answers: tuple[Ints, ...]
    confidence: NDArray[np.float64]
    """Of the first member."""
    times: tuple[NDArray[np.float64], ...]
    hard: Bools


def members(parts: Sequence[OutOfFold]) -> Members:
    """The cases that all have; LabError when there are none or nothing was timed by all."""
    common = [i for i in parts[0].ids if all(i in set(p.ids) for p in parts[1:])]
    if not common:
        raise LabError("these routers were not tuned on the same cases: tune them with the same --corpus")
    rows = [[p.ids.index(i) for i in common] for p in parts]
    times = tuple(p.times[r] for p, r in zip(parts, rows, strict=True))
    if np.isnan(sum(times)).all():
        raise LabError("these routers were not timed on the same cases: tune them with the same --seed")
    if any((p.gold[r] != parts[0].gold[rows[0]]).any() for p, r in zip(parts, rows, strict=True)):
        raise LabError(
            "these routers were tuned on cases with other labels: tune them with the same --corpus"
        )
    return Members(
        parts[0].gold[rows[0]],
        tuple(p.shares[r].argmax(axis=1) for p, r in zip(parts, rows, strict=True)),
        parts[0].shares[rows[0]].max(axis=1),
        times,
        parts[0].hard[rows[0]],
    )


@dataclass(frozen=True)
class Point:
    """What a threshold gives: accuracy, mean time (ms), share of prompts that went to the last member."""

    threshold: float
    accuracy: float
    mean_ms: float
    asked: float


def outcome(m: Members, escalated: Bools) -> tuple[Bools, NDArray[np.float64]]:
    """(whether each answer is right, its time in ms) when the last member answers where `escalated`."""
    right = np.where(escalated, m.answers[-1], m.answers[0]) == m.gold
    times = sum(m.times[:-1]) + np.where(escalated, m.times[-1], 0.0)
    return right, np.asarray(times)


def point(m: Members, escalated: Bools, threshold: float) -> Point:
    """The figures of one way to escalate."""
    right, times = outcome(m, escalated)
    return Point(threshold, float(right.mean()), float(np.nanmean(times)), float(escalated.mean()))


def unsure(m: Members, threshold: float) -> Bools:
    """Where the first member's confidence does not reach the threshold."""
    return m.confidence < threshold


def disagree(m: Members) -> Bools:
    """Where the first two members differ."""
    return np.asarray(m.answers[0] != m.answers[1])


def trade_off(m: Members) -> list[Point]:
    """Accuracy against mean time at every threshold."""
    return [point(m, unsure(m, t), t) for t in STEPS]


def best_threshold(m: Members, rows: Ints, wanted: float | None, share: float | None) -> float:
    """The threshold chosen with these rows: the lowest that reaches the `wanted` accuracy (the last member's
    own by default), or the highest that asks the last member for at most `share` of the prompts."""

    def accuracy(threshold: float) -> float:
        return float(outcome(m, unsure(m, threshold))[0][rows].mean())

    if share is not None:
        return max(t for t in STEPS if unsure(m, t)[rows].mean() <= share)
    goal = accuracy(1.0 + 1e-9) if wanted is None else wanted
    good = [t for t in STEPS if accuracy(t) >= goal - 1e-9]
    return min(good) if good else max(STEPS, key=accuracy)


def cross_validated(m: Members, wanted: float | None, share: float | None, seed: int, k: int = 5) -> Bools:
    """Where the cascade escalates, each case by a threshold that was chosen without it."""
    order = np.random.default_rng(seed).permutation(len(m.gold))
    escalated = np.zeros(len(m.gold), dtype=bool)
    for fold in np.array_split(order, k):
        rest = np.setdiff1d(order, fold)
        escalated[fold] = unsure(m, best_threshold(m, rest, wanted, share))[fold]
    return escalated
