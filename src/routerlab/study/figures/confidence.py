"""How far an arm's confidence means what it says."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from routerlab.core.statistics.calibration import binned, brier, gap, log_loss, risk_coverage
from routerlab.study.figures.arm import Calibration
from routerlab.study.figures.rows import Row

_MOST = 200
"""Points of the curve of accuracy against coverage that are kept."""


def calibration(rows: Sequence[Row], labels: Sequence[str]) -> Calibration | None:
    """From the probabilities where there are any, else from the confidence that the model claims.

    Over trials with a label; coverage is a share of all trials that are right or wrong. None without either.
    """
    judged = [row for row in rows if row.right is not None]
    labelled = [row for row in judged if row.label is not None]
    scored = [row for row in labelled if row.probabilities]
    answers = scored or [row for row in labelled if row.confidence is not None]
    if not answers:
        return None
    right = np.array([row.right is True for row in answers])
    if scored:
        shares = np.array([[(row.probabilities or {}).get(name, 0.0) for name in labels] for row in scored])
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
        gold = np.array([labels.index(row.gold or "") for row in scored])
        # What was answered counts: it need not be the likeliest label.
        confidence = np.array([shares[i, labels.index(row.label or "")] for i, row in enumerate(scored)])
        score, loss = brier(shares, gold), log_loss(shares, gold)
    else:
        confidence = np.array([row.confidence for row in answers])
        score, loss = float(((confidence - right) ** 2).mean()), None
    bins = binned(confidence, right)
    kept = risk_coverage(confidence, right, len(judged))
    step = max(1, ceil(len(kept) / _MOST))
    return Calibration(
        source="probabilities" if scored else "self-reported",
        n=len(confidence),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        ece=gap(bins),
        brier=score,
        log_loss=loss,
        distinct=len(np.unique(confidence)),
        bins=tuple(bins),
        # Every so many of them, the last (everything that was answered) in any case.
        kept=tuple(reversed(kept[::-1][::step])),
    )
