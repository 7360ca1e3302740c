"""How far an arm's confidence means what it says."""

from collections.abc import Sequence
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from routerlab.core.statistics.calibration import Doubles, binned, brier, gap, log_loss, risk_coverage
from routerlab.study.figures.arm import Calibration
from routerlab.study.figures.rows import Row

_MOST = 200
"""Points of the curve of accuracy against coverage that are kept."""


def calibration(rows: Sequence[Row], labels: Sequence[str]) -> Calibration | None:
    """From the probabilities where there are any, else from the confidence that the model claims.

    Over trials with a label; coverage is a share of all trials that are right or wrong. None without either.
    """
    judged = [row for row in rows if row.right is not None]
    scored = [row for row in judged if row.label is not None and row.probabilities]
    if scored:
        return _from_probabilities(scored, labels, len(judged))
    claimed = [
        (row.confidence, row) for row in judged if row.label is not None and row.confidence is not None
    ]
    if not claimed:
        return None
    confidence = np.array([claim for claim, _ in claimed])
    right = np.array([row.right is True for _, row in claimed])
    found = float(((confidence - right) ** 2).mean())
    return _figures("self-reported", confidence, right, len(judged), found, None)


def _from_probabilities(rows: Sequence[Row], labels: Sequence[str], total: int) -> Calibration:
    shares = np.array([[(row.probabilities or {}).get(label, 0.0) for label in labels] for row in rows])
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    gold = np.array([labels.index(row.gold or "") for row in rows])
    # What was answered counts: it need not be the likeliest label.
    confidence = np.array([shares[i, labels.index(row.label or "")] for i, row in enumerate(rows)])
    right = np.array([row.right is True for row in rows])
    found = brier(shares, gold)
    return _figures("probabilities", confidence, right, total, found, log_loss(shares, gold))


def _figures(
    source: Literal["probabilities", "self-reported"],
    confidence: Doubles,
    right: NDArray[np.bool_],
    total: int,
    brier_score: float,
    loss: float | None,
) -> Calibration:
    bins = binned(confidence, right)
    kept = risk_coverage(confidence, right, total)
    step = max(1, ceil(len(kept) / _MOST))
    return Calibration(
        source=source,
        n=len(confidence),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        ece=gap(bins),
        brier=brier_score,
        log_loss=loss,
        distinct=len(np.unique(confidence)),
        bins=tuple(bins),
        # Every so many of them, the last (everything that was answered) in any case.
        kept=tuple(reversed(kept[::-1][::step])),
    )
