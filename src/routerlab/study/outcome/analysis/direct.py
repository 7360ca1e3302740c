"""The labels' rival: each model's score predicted directly from what a router's model makes of a prompt."""

import numpy as np

from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.table import folds
from routerlab.study.outcome.matrix import Floats, Matrix

PENALTIES = np.logspace(-1, 7, 17)
"""Ridge penalties that are tried, on features of variance 1."""
COMPONENTS = 256
"""Numbers that a prompt's features are brought down to."""


def predicted(matrix: Matrix, tasks: Tasks, features: Floats) -> tuple[Floats, Floats]:
    """(scores, costs) that are expected of every task and model, (tasks, models) each, from `features`
    (tasks, d), by ridge regressions that were fitted to other groups of tasks."""
    features = components(features)
    targets = np.column_stack([matrix.score, np.nan_to_num(matrix.cost)])
    found = np.zeros(targets.shape)
    for train, test in folds(tasks):
        found[test] = ridge(features[train], targets[train], features[test])
    n = len(matrix.models)
    return found[:, :n], np.maximum(found[:, n:], 0.0)


def components(features: Floats, most: int = COMPONENTS) -> Floats:
    """The first principal components of standardised features: what varies, in fewer numbers. No score is
    looked at, so all tasks may be."""
    spread = features.std(axis=0)
    x = (features - features.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
    wide = x.shape[1] > len(x)
    values, vectors = np.linalg.eigh(x @ x.T if wide else x.T @ x)
    kept = np.argsort(-values)[:most]
    kept = kept[values[kept] > 1e-9 * values.max()] if len(kept) else kept
    found: Floats = vectors[:, kept] * np.sqrt(values[kept]) if wide else x @ vectors[:, kept]
    return found


def ridge(features: Floats, targets: Floats, others: Floats) -> Floats:
    """Ridge regression of (tasks, k) targets: what it says of the `others`, (m, k).

    Each target has the penalty with the least error when each task is left out in turn, in closed form by the
    singular vectors (T. Hastie, R. Tibshirani and J. Friedman, The Elements of Statistical Learning, 2nd ed.,
    equations 3.47 and 7.64). Features are taken as they are, but centred.
    """
    mean, middle = features.mean(axis=0), targets.mean(axis=0)
    y = targets - middle
    x = features - mean
    squares, right = np.linalg.eigh(x.T @ x)
    squares, right = squares[(kept := squares > 1e-9 * squares.max())], right[:, kept]
    left = x @ right / np.sqrt(squares)
    turned = left.T @ y
    errors = []
    for penalty in PENALTIES:
        shrunk = squares / (squares + penalty)
        # The intercept takes 1/n of each task's leverage.
        free = np.maximum(1 - (left**2) @ shrunk - 1 / len(y), 1e-9)
        errors.append((((y - left @ (shrunk[:, None] * turned)) / free[:, None]) ** 2).sum(axis=0))
    best = PENALTIES[np.argmin(errors, axis=0)]
    weights = right @ (np.sqrt(squares)[:, None] * turned / (squares[:, None] + best))
    found: Floats = (others - mean) @ weights + middle
    return found
