"""Choosing a probe's layer, strength, exemplars and window by log-loss, and saying honestly how good it is.

Whatever is chosen is chosen again inside every outer fold, on that fold's training cases alone (nested
cross-validation): the cases that are tested had no part in it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from routerlab.engine.contract.scaling import softmax
from routerlab.tune.cases import Bools, Ints, Training, splits
from routerlab.tune.fit import STRENGTHS, Doubles, Floats, calibrated_loss, fit, out_of_fold

FOLDS, OUTER_FOLDS = 3, 10
"""Folds by which anything is chosen, and those by which that is judged."""


@dataclass(frozen=True, order=True)
class Setting:
    """What a probe reads and how strongly its head is fitted. `exemplars` numbers a candidate set."""

    exemplars: int
    window: int
    layer: int
    strength: float


@dataclass(frozen=True)
class Choice:
    """A setting, its log-loss on the cases it was chosen with, and the temperature fitted there."""

    setting: Setting
    loss: float
    temperature: float


@dataclass(frozen=True)
class Candidates:
    """Features of the same cases under every setting: `table[exemplars, window]` is (layers, n, features).

    `usable[set, row]` is false where a case is an exemplar of that set: its features would know its label.
    """

    table: Mapping[tuple[int, int], Floats]
    layers: tuple[int, ...]
    usable: Bools

    def features(self, setting: Setting) -> Floats:
        """(n, features)."""
        features: Floats = self.table[setting.exemplars, setting.window][self.layers.index(setting.layer)]
        return features

    @property
    def windows(self) -> list[int]:
        """The windows tried, widest first."""
        return sorted({window for _, window in self.table}, reverse=True)

    @property
    def sets(self) -> list[int]:
        """The exemplar sets tried, in order."""
        return sorted({number for number, _ in self.table})


def choose(candidates: Candidates, training: Training, seed: int, rows: Ints) -> Choice:
    """The best setting for the cases of `rows`, one thing after the other: layer and strength, exemplars,
    window. Nothing of any other row is looked at.

    A narrower window costs less time, so it wins unless it is worse by 1 %.
    """

    @cache
    def judge(setting: Setting) -> Choice:
        own = rows[candidates.usable[setting.exemplars, rows]]
        gold = training.gold[own]
        folds = splits(gold, training.group[own], FOLDS, seed)
        features = candidates.features(setting)[own]
        logits = out_of_fold(features, gold, len(training.labels), setting.strength, folds)
        return Choice(setting, *calibrated_loss(logits, gold))

    def best(settings: list[Setting], slack: float = 0.0) -> Setting:
        losses = [judge(s).loss for s in settings]
        return next(s for s, loss in zip(settings, losses, strict=True) if loss <= min(losses) * (1 + slack))

    first = Setting(candidates.sets[0], candidates.windows[0], candidates.layers[0], STRENGTHS[0])
    chosen = best([replace(first, layer=k, strength=c) for k in candidates.layers for c in STRENGTHS])
    chosen = best([replace(chosen, exemplars=e) for e in candidates.sets])
    chosen = best([replace(chosen, window=w) for w in reversed(candidates.windows)], slack=0.01)
    return judge(chosen)


@dataclass(frozen=True)
class Nested:
    """Calibrated shares of every tested row (`rows`), and what each outer fold chose."""

    rows: Ints
    shares: Doubles
    chosen: tuple[Setting, ...]


def nested(candidates: Candidates, training: Training, seed: int, done: Callable[[int, int], None]) -> Nested:
    """Nested cross-validation. Cases that are an exemplar of any set are never tested."""
    gold, n_labels = training.gold, len(training.labels)
    shares = np.zeros((len(gold), n_labels))
    chosen = []
    folds = splits(gold, training.group, OUTER_FOLDS, seed + 1)
    for i, (fitted, tested) in enumerate(folds):
        choice = choose(candidates, training, seed, fitted)
        rows = fitted[candidates.usable[choice.setting.exemplars, fitted]]
        features = candidates.features(choice.setting)
        head = fit(features[rows], gold[rows], n_labels, choice.setting.strength)
        shares[tested] = softmax(head.logits(features[tested]) / choice.temperature)
        chosen.append(choice.setting)
        done(i + 1, len(folds))
    rows = np.flatnonzero(candidates.usable.all(axis=0))
    return Nested(rows, shares[rows], tuple(chosen))
