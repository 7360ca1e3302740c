"""Fitting heads: standardised multinomial logistic regression, nested cross-validation, temperature."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerlab.core.statistics.calibration import log_loss
from routerlab.engine.contract.scaling import softmax
from routerlab.tune.cases import Ints, Split

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

STRENGTHS = (10.0, 3.0, 30.0)
"""Inverse regularisation tried, the usual one first, times the number of features: the penalty then hardly
depends on that."""

WIDE = 4
"""Columns a row from which on it pays to rotate."""

LEAST = 100
"""Cases that can tell a temperature of their own."""

NEVER = -50.0
"""Logit of a label without a case."""


@dataclass(frozen=True)
class Linear:
    """logits = weights @ x + bias, standardisation folded in."""

    weights: Doubles
    bias: Doubles

    def logits(self, features: Floats) -> Doubles:
        """(n, labels)."""
        return np.asarray(features @ self.weights.T + self.bias)


def fit(features: Floats, gold: Ints, n_labels: int, strength: float) -> Linear:
    """Multinomial logistic regression with an L2 penalty on standardised features (scikit-learn, lbfgs)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64) + 1e-6
    model = LogisticRegression(C=strength / features.shape[1], max_iter=1000, tol=1e-4)
    with threadpool_limits(1):  # matrices this small are slower on several threads
        rows, back = _rotated((features - mean) / scale)
        model.fit(rows, gold)
        coef = np.asarray(model.coef_, np.float64) if back is None else model.coef_ @ back
        intercept = np.asarray(model.intercept_, np.float64)
    if len(model.classes_) == 2:  # the library writes two labels as one contrast
        coef, intercept = np.vstack([-coef / 2, coef / 2]), np.array([-intercept[0] / 2, intercept[0] / 2])
    weights, bias = np.zeros((n_labels, features.shape[1])), np.full(n_labels, NEVER)
    weights[model.classes_] = coef / scale
    bias[model.classes_] = intercept - weights[model.classes_] @ mean
    return Linear(weights, bias)


def _rotated(x: Doubles) -> tuple[Doubles | Floats, Doubles | None]:
    """(rows, back) with rows @ back = x: as many columns as there are rows, where there were far more; else
    x itself, in single precision, and None.

    The penalised solution lies in the span of the rows, so fitting to the rotated ones gives the same head in
    a fraction of the time (Hastie and Tibshirani 2004, "Efficient quadratic regularization").
    """
    if x.shape[1] <= WIDE * x.shape[0]:
        return x.astype(np.float32), None
    values, vectors = np.linalg.eigh(x @ x.T)
    kept = values > values[-1] * 1e-10
    root = np.sqrt(values[kept])
    return vectors[:, kept] * root, (vectors[:, kept] / root).T @ x


def out_of_fold(
    features: Floats, gold: Ints, n_labels: int, strength: float, folds: Sequence[Split]
) -> Doubles:
    """Logits of every row by a head that was not fitted to it: (n, labels)."""
    logits = np.zeros((len(gold), n_labels))
    for fitted, tested in folds:
        logits[tested] = fit(features[fitted], gold[fitted], n_labels, strength).logits(features[tested])
    return logits


def temperature(logits: Doubles, gold: Ints) -> float:
    """The T that makes softmax(logits / T) most likely (Guo et al. 2017), by golden section in 0.05..20."""
    low, high, ratio = np.log(0.05), np.log(20.0), (np.sqrt(5) - 1) / 2

    def loss(x: float) -> float:
        return log_loss(softmax(logits / np.exp(x)), gold)

    while high - low > 1e-3:
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))


def honest_temperature(logits: Doubles, gold: Ints, part: Ints) -> float:
    """The highest temperature that any `part` of the cases, of at least LEAST, has by itself: a head that is
    calibrated on easy prompts claims too much on others, and too low a claim does less harm."""
    sizes = zip(*np.unique(part, return_counts=True), strict=True)
    parts = [part == k for k, n in sizes if n >= LEAST] or [part >= 0]
    return max(temperature(logits[own], gold[own]) for own in parts)


def calibrated_loss(logits: Doubles, gold: Ints) -> tuple[float, float]:
    """(log-loss at the best temperature, that temperature)."""
    best = temperature(logits, gold)
    return log_loss(softmax(logits / best), gold), best
