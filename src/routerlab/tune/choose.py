"""Choosing what a probe reads and how it is asked, by log-loss and time, and saying honestly how good it is.

Whatever is chosen is chosen again inside every outer fold, on that fold's training cases alone (nested
cross-validation): the cases that are tested had no part in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from routerlab.core.statistics.calibration import log_loss
from routerlab.engine.contract.scaling import label_shares
from routerlab.tune.cases import Bools, Ints, Training, splits
from routerlab.tune.fit import (
    STRENGTHS,
    Doubles,
    Floats,
    Linear,
    fit,
    fold_heads,
    honest_temperature,
    unseen,
)

FOLDS, OUTER_FOLDS, FEWER = 3, 10, 1500
"""Folds by which anything is chosen, and those by which that is judged; half of the latter suffice from so
many cases on."""

NOISE = 1.0
"""Standard errors by which what takes longer must be better to be taken: the one-standard-error rule of
Breiman et al. (1984), "Classification and Regression Trees", with the error of the paired difference."""


@dataclass(frozen=True, order=True)
class Setting:
    """What a probe reads and how strongly its head is fitted. `way` numbers a way to ask (see `Way`)."""

    way: int
    window: int
    layer: int
    strength: float


@dataclass(frozen=True)
class Choice:
    """A setting, its log-loss on the cases it was chosen with, and the temperature fitted there.

    `losses` are of every row that was looked at, NaN where the setting may not be judged by it.
    """

    setting: Setting
    loss: float
    temperature: float
    losses: Doubles = field(compare=False)

    def excess(self, other: "Choice") -> tuple[float, float]:
        """How much its log-loss is above the other's, and the standard error of that: (0, 0) of the same."""
        both = (self.losses - other.losses)[~np.isnan(self.losses + other.losses)]
        return float(both.mean()), float(both.std(ddof=1) / np.sqrt(len(both)))


@dataclass(frozen=True)
class Candidates:
    """Features of the same cases under every setting: `table[way, window]` is (layers, n, features).

    `usable[way, row]` is false where a case is an exemplar of that way: its features would know its label.
    `ms[way, window]` is the mean time of a question that is read down to the deepest layer.
    """

    table: Mapping[tuple[int, int], Floats]
    layers: tuple[int, ...]
    usable: Bools
    ms: Mapping[tuple[int, int], float]

    def features(self, setting: Setting) -> Floats:
        """(n, features)."""
        features: Floats = self.table[setting.way, setting.window][self.layers.index(setting.layer)]
        return features

    def cost(self, setting: Setting) -> float:
        """Milliseconds that a question takes, about: nothing is computed beyond the layer that is read."""
        return self.ms[setting.way, setting.window] * (setting.layer + 1) / (self.layers[-1] + 1)


@dataclass(frozen=True)
class Choosing:
    """The best setting that was found, and the quickest that is as good but for noise, which is taken."""

    best: Choice
    taken: Choice
    tried: Sequence[Choice]


def choose(candidates: Candidates, training: Training, seed: int, rows: Ints) -> Choosing:
    """The setting for the cases of `rows`: layer, strength, layer again, then way to ask and window.
    Nothing of any other row is looked at.

    Each time the quickest is taken that is worse than the best found so far by no more than noise, and the
    first of the strengths unless another is better by more than that.
    """
    tried: dict[Setting, Choice] = {}
    begun: dict[Setting, list[Linear]] = {}

    def judge(setting: Setting) -> Choice:
        if setting not in tried:
            usual = replace(setting, strength=STRENGTHS[0])
            tried[setting], heads = judged(candidates, training, seed, rows, setting, begun.get(usual, ()))
            begun.setdefault(usual, heads)
        return tried[setting]

    def best() -> Choice:
        return min(tried.values(), key=lambda c: c.loss)

    def quickest(settings: list[Setting]) -> Setting:
        found = [judge(s) for s in settings]
        good = [c for c in found if as_good(c, best())] or [min(found, key=lambda c: c.loss)]
        return min(good, key=lambda c: (candidates.cost(c.setting), c.loss)).setting

    way, window = min(candidates.table, key=lambda key: (key[0], -key[1]))
    first = Setting(way, window, candidates.layers[0], STRENGTHS[0])
    for k in candidates.layers:
        judge(replace(first, layer=k))
    found = best().setting
    for strength in STRENGTHS:
        judge(replace(found, strength=strength))
    usual = judge(replace(found, strength=STRENGTHS[0]))
    strength = STRENGTHS[0] if as_good(usual, best()) else best().setting.strength
    chosen = quickest([replace(first, layer=k, strength=strength) for k in candidates.layers])
    chosen = quickest([replace(chosen, way=way, window=window) for way, window in candidates.table])
    return Choosing(best(), judge(chosen), tuple(tried.values()))


def as_good(one: Choice, best: Choice) -> bool:
    """Whether it is worse than the best by no more than noise."""
    worse, error = one.excess(best)
    return worse <= NOISE * error


def judged(
    candidates: Candidates,
    training: Training,
    seed: int,
    rows: Ints,
    setting: Setting,
    starts: Sequence[Linear],
) -> tuple[Choice, list[Linear]]:
    """How well heads do that are fitted to the other folds of `rows`, and these; `starts` are such of another
    strength, or none."""
    usable = candidates.usable[setting.way, rows]
    own = rows[usable]
    gold = training.gold[own]
    folds = splits(gold, training.group[own], FOLDS, seed)
    features = candidates.features(setting)[own]
    heads = fold_heads(features, training.weighted[own], setting.strength, folds, starts)
    logits = unseen(heads, features, folds)
    t = honest_temperature(logits, gold, training.part[own])
    shares = label_shares(logits / t)
    losses = np.full(len(rows), np.nan)
    losses[usable] = -np.log(np.maximum(shares[np.arange(len(own)), gold], np.finfo(float).tiny))
    return Choice(setting, log_loss(shares, gold), t, losses), heads


@dataclass(frozen=True)
class Nested:
    """Calibrated shares of every tested row (`rows`), and what each outer fold chose."""

    rows: Ints
    shares: Doubles
    chosen: tuple[Setting, ...]


def nested(candidates: Candidates, training: Training, seed: int, done: Callable[[int, int], None]) -> Nested:
    """Nested cross-validation. Cases that are an exemplar of any set are never tested."""
    gold, target = training.gold, training.weighted
    shares = np.zeros((len(gold), len(training.labels)))
    chosen = []
    k = OUTER_FOLDS if len(gold) < FEWER else OUTER_FOLDS // 2
    folds = splits(gold, training.group, k, seed + 1)
    for i, (fitted, tested) in enumerate(folds):
        choice = choose(candidates, training, seed, fitted).taken
        rows = fitted[candidates.usable[choice.setting.way, fitted]]
        features = candidates.features(choice.setting)
        head = fit(features[rows], target[rows], choice.setting.strength)
        shares[tested] = head.tempered(choice.temperature).shares(features[tested])
        chosen.append(choice.setting)
        done(i + 1, len(folds))
    rows = np.flatnonzero(candidates.usable.all(axis=0))
    return Nested(rows, shares[rows], tuple(chosen))
