"""From what was read to a fitted probe: the choice, the head, and what nested cross-validation says of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerlab.tune.cases import Ints, Training
from routerlab.tune.choose import Candidates, Choice, Nested, choose, nested
from routerlab.tune.curve import Point, learning_curve
from routerlab.tune.fit import Linear, fit


@dataclass(frozen=True)
class Fitted:
    """A fitted probe: temperature is folded into `linear`; `oof` are shares of cases without part in it,
    `gold` their right labels."""

    choice: Choice
    linear: Linear
    oof: Nested
    gold: Ints
    curve: list[Point]


def fit_probe(
    candidates: Candidates,
    training: Training,
    usable: NDArray[np.bool_],
    seed: int,
    told: Callable[[str, int, int], None],
) -> Fitted:
    """Everything that needs no model; takes seconds to minutes. `usable` is (sets, n), see choose."""
    gold, group, n_labels = training.gold, training.group, len(training.labels)
    oof = nested(candidates, gold, group, n_labels, seed, usable, lambda d, n: told("cross-validating", d, n))
    choice = choose(candidates, gold, group, n_labels, seed, usable, np.arange(len(gold)))
    rows = np.flatnonzero(usable[choice.setting.exemplars])
    features = candidates.features(choice.setting)[rows]
    strength = choice.setting.strength
    linear = fit(features, gold[rows], n_labels, strength)
    curve = learning_curve(
        features, gold[rows], group[rows], n_labels, strength, seed, lambda d, n: told("learning curve", d, n)
    )
    t = choice.temperature
    return Fitted(choice, Linear(linear.weights / t, linear.bias / t), oof, gold[oof.rows], curve)
