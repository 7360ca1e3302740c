"""From what was read to a fitted probe: the choice, the head, and what nested cross-validation says of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from routerlab.engine.contract.head import Familiarity
from routerlab.tune.cases import Ints, Training, subset
from routerlab.tune.choose import Candidates, Choosing, Nested, Setting, choose, nested
from routerlab.tune.curve import Point, learning_curve
from routerlab.tune.familiarity import familiarity
from routerlab.tune.fit import Doubles, Linear, fit


@dataclass(frozen=True)
class Fitted:
    """A fitted probe: temperature is folded into `linear`; `oof` are shares of cases without part in it,
    `gold` their right labels. `familiarity` tells how far prompts are off, and `familiar` how far those
    are."""

    setting: Setting
    linear: Linear
    oof: Nested
    gold: Ints
    curve: list[Point]
    choosing: Choosing | None = None
    """How the setting was chosen, where it was."""
    familiarity: Familiarity | None = None
    familiar: Doubles | None = None


def fit_probe(
    candidates: Candidates, training: Training, seed: int, told: Callable[[str, int, int], None]
) -> Fitted:
    """Everything that needs no model; takes seconds to minutes."""
    oof = nested(candidates, training, seed, partial(told, "cross-validating"))
    choosing = choose(candidates, training, seed, np.arange(len(training.gold)))
    choice = choosing.taken
    strength, t = choice.setting.strength, choice.temperature
    rows = np.flatnonzero(candidates.usable[choice.setting.way])
    features, part = candidates.features(choice.setting)[rows], subset(training, rows)
    head = fit(features, part.weighted, strength).tempered(t)
    curve = learning_curve(features, part, strength, seed, partial(told, "learning curve"))
    known, near = familiarity(features, part.gold, part.group, seed)
    near = near[np.searchsorted(rows, oof.rows)]  # they are all among those
    return Fitted(choice.setting, head, oof, training.gold[oof.rows], curve, choosing, known, near)
