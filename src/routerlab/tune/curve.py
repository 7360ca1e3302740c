"""The learning curve: how accurate a probe gets with so many labelled cases."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

import numpy as np

from routerlab.tune.cases import Ints, Training, splits
from routerlab.tune.fit import Floats, fit

REPEATS = 3


@dataclass(frozen=True)
class Point:
    """Accuracy on cases not fitted to, when `n` cases were: mean, lowest and highest of the repeats."""

    n: int
    accuracy: float
    low: float
    high: float


def learning_curve(
    features: Floats, training: Training, strength: float, seed: int, done: Callable[[int, int], None]
) -> list[Point]:
    """Points at 10, 20, 40 ... cases and at all that four fifths of the corpus give, tested on the rest."""
    gold, target = training.gold, training.weighted
    folds = splits(gold, training.group, 5, seed)[:REPEATS]
    most = min(len(fitted) for fitted, _ in folds)
    sizes = [n for k in range(20) if (n := 10 * 2**k) < most] + [most]
    points = []
    for step, n in enumerate(sizes):
        reached = []
        for repeat, (fitted, tested) in enumerate(folds):
            rows = _stratified(fitted, gold, n, seed + repeat)
            head = fit(features[rows], target[rows], strength)
            reached.append(float((head.shares(features[tested]).argmax(axis=1) == gold[tested]).mean()))
        points.append(Point(n, float(np.mean(reached)), min(reached), max(reached)))
        done(step + 1, len(sizes))
    return points


def _stratified(rows: Ints, gold: Ints, n: int, seed: int) -> Ints:
    """n of the rows, labels in turn, so that even ten cases hold every label."""
    rng = np.random.default_rng(seed)
    queues = [rng.permutation(rows[gold[rows] == label])[::-1] for label in sorted(set(gold[rows]))]
    in_turn = (row for row in chain.from_iterable(zip_longest(*queues)) if row is not None)
    return np.array(list(islice(in_turn, n)))
