"""How far probabilities mean what they say: reliability, expected calibration error, Brier score, log-loss.

`shares` is (n, labels), rows summing to 1; `gold` holds the index of the right label of each row.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

SURE = 0.95
"""Confidence above which a wrong answer is one that nobody would look at again."""


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies in [low, high): how many, mean confidence, share that is right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Kept:
    """The answers with at least `threshold` confidence: their share of all, and the accuracy among them."""

    threshold: float
    coverage: float
    accuracy: float


def binned(confidence: Doubles, right: NDArray[np.bool_], bins: int = 10) -> list[Bin]:
    """Equal-width bins of the confidence (0..1); empty bins are left out."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(
            b / bins,
            (b + 1) / bins,
            int(inside.sum()),
            float(confidence[inside].mean()),
            float(right[inside].mean()),
        )
        for b in range(bins)
        if (inside := which == b).any()
    ]


def reliability(shares: Doubles, gold: Ints, bins: int = 10) -> list[Bin]:
    """Equal-width bins of the confidence (the largest share); empty bins are left out."""
    return binned(shares.max(axis=1), shares.argmax(axis=1) == gold, bins)


def gap(found: Sequence[Bin]) -> float:
    """Expected calibration error: mean |confidence - accuracy| over the bins, weighted by their size (Naeini
    et al. 2015)."""
    return sum(b.n * abs(b.confidence - b.accuracy) for b in found) / max(1, sum(b.n for b in found))


def surely_wrong(confidence: Doubles, right: NDArray[np.bool_]) -> float | None:
    """The share of all answers that are wrong with a confidence above SURE; None without answers."""
    return float(((confidence > SURE) & ~right).mean()) if len(right) else None


def brier(shares: Doubles, gold: Ints) -> float:
    """Mean squared distance to the one-hot gold label, 0..2 (Brier 1950)."""
    return float(((shares - np.eye(shares.shape[1])[gold]) ** 2).sum(axis=1).mean())


def log_loss(shares: Doubles, gold: Ints) -> float:
    """Mean negative log-likelihood of the gold label, in nats; shares below 1e-12 count as that."""
    return float(-np.log(np.maximum(shares[np.arange(len(gold)), gold], 1e-12)).mean())


def risk_coverage(confidence: Doubles, right: NDArray[np.bool_], total: int | None = None) -> list[Kept]:
    """Accuracy among the answers kept, for every threshold that occurs, the highest first.

    Answers of the same confidence come and go together. `total` is what coverage is a share of, when more
    was asked than answered. Source: R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective
    classification", JMLR 11 (2010), 1605-1641.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, hits = confidence[order], np.cumsum(right[order])
    ends = np.flatnonzero(np.append(ordered[:-1] != ordered[1:], len(ordered) > 0))
    n = len(ordered) if total is None else total
    return [Kept(float(ordered[i]), float((i + 1) / n), float(hits[i] / (i + 1))) for i in ends]
