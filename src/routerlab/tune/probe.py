"""From what was read to a fitted probe: the choice, the head, and what nested cross-validation says of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from routerlab.tune.cases import Ints, Training, subset
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
    candidates: Candidates, training: Training, seed: int, told: Callable[[str, int, int], None]
) -> Fitted:
    """Everything that needs no model; takes seconds to minutes."""
    oof = nested(candidates, training, seed, partial(told, "cross-validating"))
    choice = choose(candidates, training, seed, np.arange(len(training.gold)))
    strength, t = choice.setting.strength, choice.temperature
    rows = np.flatnonzero(candidates.usable[choice.setting.exemplars])
    features, part = candidates.features(choice.setting)[rows], subset(training, rows)
    linear = fit(features, part.gold, len(part.labels), strength)
    curve = learning_curve(features, part, strength, seed, partial(told, "learning curve"))
    return Fitted(choice, Linear(linear.weights / t, linear.bias / t), oof, training.gold[oof.rows], curve)
