"""How far a prompt is from those that a head was fitted to: what the router file keeps of them.

Chosen by measurement (docs/routers.md): of what was compared, the simplest that was as good as any.
"""

import numpy as np

from routerlab.engine.contract.head import PARTS, Familiarity
from routerlab.tune.cases import Ints, splits
from routerlab.tune.fit import Doubles, Floats

FOLDS, MOST = 5, 1000
"""Folds by which distances are measured, and how many of the distances are kept."""


def familiarity(features: Floats, gold: Ints, group: Ints, seed: int) -> tuple[Familiarity, Doubles]:
    """What tells it of any prompt, and (n,) of these: each measured by the other folds. No outlier is needed.

    `features` are (n, PARTS x n_embd) of the cases that the head is fitted to.
    """
    distances = np.zeros(len(gold))
    for others, own in splits(gold, group, FOLDS, seed):
        distances[own] = _fitted(features[others]).distance(features[own])
    ordered = np.sort(distances)
    kept = np.quantile(ordered, np.linspace(0, 1, min(len(ordered), MOST))).astype(np.float32)
    whole = _fitted(features)
    shares = 1 - np.searchsorted(ordered, distances) / len(ordered)
    return Familiarity(whole.mean, whole.scale, np.maximum.accumulate(kept)), shares


def _fitted(features: Floats) -> Familiarity:
    last = features[:, -features.shape[1] // PARTS :].astype(np.float64)
    mean, scale = last.mean(axis=0), last.std(axis=0) + 1e-6
    return Familiarity(mean.astype(np.float32), scale.astype(np.float32), np.zeros(0, np.float32))
