"""Fitting heads: standardised multinomial logistic regression, of several kinds where there are, and its
temperature."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from routerlab.core.statistics.calibration import log_loss
from routerlab.engine.contract.scaling import label_shares, log_shares
from routerlab.tune.cases import LEAST, Ints, Split

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

STRENGTHS = (10.0, 3.0, 30.0)
"""Inverse regularisation tried, the usual one first, times the number of features: the penalty then hardly
depends on that."""

WIDE = 4
"""Columns a row from which on it pays to rotate."""

LBFGS = {"maxiter": 1000, "maxcor": 15, "ftol": 1e-5, "gtol": 1e-6}
"""When a fit is good enough: to go on to 1e-8 takes five times as long, for no other answers."""

SAMPLED, CURVED = 1000, 0.1
"""Rows by which a fit is prepared, and how curved a label's cross-entropy is taken to be: p (1 - p)."""

NEVER = -50.0
"""Logit of a label without a case."""


@dataclass(frozen=True)
class Linear:
    """logits = weights @ x + bias, standardisation folded in: weights (labels, features), bias (labels,), or
    (kinds, labels, features) and (kinds, labels)."""

    weights: Doubles
    bias: Doubles

    def logits(self, features: Floats) -> Doubles:
        """(n, labels), or (n, kinds, labels)."""
        flat = features @ self.weights.reshape(-1, features.shape[1]).T + self.bias.ravel()
        return np.asarray(flat.reshape(len(features), *self.bias.shape))

    def shares(self, features: Floats) -> Doubles:
        """(n, labels)."""
        return label_shares(self.logits(features))

    def tempered(self, temperature: float) -> "Linear":
        """The same with its logits divided by that."""
        return Linear(self.weights / temperature, self.bias / temperature)


def fit(features: Floats, target: Doubles, strength: float, start: Linear | None = None) -> Linear:
    """Multinomial logistic regression with an L2 penalty on standardised features.

    `target` is (n, labels), rows that sum to what a case weighs (see `certain`), or (n, kinds, labels), which
    makes a mixture: the head tells both, and a label's share is the sum of it over the kinds. `start` is a
    head of the same cases under another strength to begin from, which halves the steps and finds the same.
    """
    shape, right = target.shape[1:], target.reshape(len(target), -1)
    mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64) + 1e-6
    with _libraries().limit(limits=1):  # matrices this small are slower on several threads
        rows, back = _rotated((features - mean) / scale)
        begin = None if start is None else _standardised(start, mean, scale)
        if begin is not None and back is not None:
            begin = begin[0] @ back.T, begin[1]
        coef, intercept = _minimised(rows, right, strength / features.shape[1], _alike(*shape), begin)
        coef = coef if back is None else coef @ back
    absent = ~right.any(axis=0)
    weights = coef / scale
    weights[absent] = 0.0
    bias = np.where(absent, NEVER, intercept - weights @ mean)
    return Linear(weights.reshape(*shape, -1), bias.reshape(shape))


@cache
def _libraries() -> "ThreadpoolController":
    """What computes with matrices here, looked for once: it took as long as some fits."""
    import scipy.optimize  # noqa: F401 (which loads all that a fit needs)
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def certain(gold: Ints, n_labels: int) -> Doubles:
    """The target (n, labels) of cases whose label is beyond doubt."""
    return np.eye(n_labels)[gold]


def _alike(*shape: int) -> Doubles:
    """The root of how alike weights are taken to be before anything is seen: those of labels not at all, but
    those of the same label in two kinds, and of two labels of a kind, by a third each.

    So kinds learn from each other (Evgeniou and Pontil 2004, "Regularized multi-task learning"; Daume 2007,
    "Frustratingly easy domain adaptation").
    """
    if len(shape) == 1:
        return np.eye(*shape)
    kinds, labels = map(np.eye, shape)
    shared = np.kron(np.ones_like(kinds), labels) + np.kron(kinds, np.ones_like(labels))
    values, vectors = np.linalg.eigh((np.kron(kinds, labels) + shared) / 3)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _standardised(head: Linear, mean: Doubles, scale: Doubles) -> tuple[Doubles, Doubles]:
    """Its weights and bias for standardised features, with nothing for labels without a case."""
    weights, bias = head.weights.reshape(head.bias.size, -1), head.bias.ravel()
    return weights * scale, np.where(bias == NEVER, 0.0, bias + weights @ mean)


def _minimised(
    x: NDArray[Any], right: Doubles, c: float, root: Doubles, begin: tuple[Doubles, Doubles] | None
) -> tuple[Doubles, Doubles]:
    """(weights, bias) = (root @ w, bias) of least c * cross-entropy + |w|^2 / 2, by L-BFGS; rows of `right`
    that sum to more weigh more."""
    from scipy.optimize import minimize

    columns, q = x.shape[1], right.shape[1]
    mass = right.sum(axis=1, keepdims=True)
    directions, factors = _steep(x, c)

    def stretched(w: NDArray[Any], by: NDArray[Any]) -> Doubles:
        return np.asarray(w + (w.astype(x.dtype) @ directions.T * (by - 1)) @ directions, np.float64)

    first = np.zeros(q * (columns + 1))
    if begin is not None:
        own = stretched(np.linalg.solve(root, begin[0]), 1 / factors)
        first = np.concatenate([own.ravel(), begin[1]])
    never = np.where(right.any(axis=0), 0.0, NEVER)

    def loss(flat: Doubles) -> tuple[float, Doubles]:
        own, bias = stretched(flat[:-q].reshape(q, columns), factors), flat[-q:]
        logs = log_shares(np.asarray(x @ (root @ own).T.astype(x.dtype), np.float64) + (bias + never))
        error = mass * np.exp(logs) - right
        slope = stretched(c * (root @ (error.T.astype(x.dtype) @ x)) + own, factors)
        value = c * -(right * logs).sum() + (own**2).sum() / 2
        return value, np.concatenate([slope.ravel(), c * error.sum(axis=0)])

    found = minimize(loss, first, jac=True, method="L-BFGS-B", options=LBFGS).x
    return root @ stretched(found[:-q].reshape(q, columns), factors), found[-q:]


def _steep(x: NDArray[Any], c: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """(directions, factors), (k, columns) and (k,): stretched so, the loss is about as steep everywhere, and
    found least in half of the steps or fewer.

    A layer's outputs vary a thousand times more in some directions than in others; which these are a sample
    tells (Frangella, Tropp and Udell 2023, "Randomized Nystrom preconditioning").
    """
    some = x[:: -(-len(x) // SAMPLED)].astype(np.float64)
    values, vectors = np.linalg.eigh(some @ some.T)
    kept = values > values[-1] * 1e-6
    curvature = 1 + CURVED * c * values[kept] * (len(x) / len(some))
    directions = (vectors[:, kept] / np.sqrt(values[kept])).T @ some
    return directions.astype(x.dtype), np.sqrt(curvature[:1] / curvature).astype(x.dtype)


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


def fold_heads(
    features: Floats, target: Doubles, strength: float, folds: Sequence[Split], starts: Sequence[Linear] = ()
) -> list[Linear]:
    """A head for each fold, fitted to the others; `starts` are such of another strength (see `fit`)."""
    begun: Sequence[Linear | None] = starts or [None] * len(folds)
    return [
        fit(features[fitted], target[fitted], strength, start)
        for (fitted, _), start in zip(folds, begun, strict=True)
    ]


def unseen(heads: Sequence[Linear], features: Floats, folds: Sequence[Split]) -> Doubles:
    """Logits of every row by the head that was not fitted to it."""
    logits = np.zeros((len(features), *heads[0].bias.shape))
    for head, (_, tested) in zip(heads, folds, strict=True):
        logits[tested] = head.logits(features[tested])
    return logits


def out_of_fold(features: Floats, target: Doubles, strength: float, folds: Sequence[Split]) -> Doubles:
    """Logits of every row by a head that was not fitted to it: as `target`."""
    return unseen(fold_heads(features, target, strength, folds), features, folds)


def temperature(logits: Doubles, gold: Ints) -> float:
    """The T in 0.05..20 of the most likely label_shares(logits / T) (Guo et al. 2017), by golden section."""
    low, high, ratio = np.log(0.05), np.log(20.0), (np.sqrt(5) - 1) / 2

    def loss(x: float) -> float:
        return log_loss(label_shares(logits / np.exp(x)), gold)

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
    return log_loss(label_shares(logits / best), gold), best
