"""How far an arm's confidence means what it says."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from routerlab.core.familiarity import is_unfamiliar
from routerlab.core.statistics.calibration import (
    Doubles,
    Kept,
    binned,
    brier,
    gap,
    log_loss,
    risk_coverage,
    surely_wrong,
)
from routerlab.study.figures.arm import Calibration
from routerlab.study.figures.rows import Row

_MOST = 200
"""Points of the curve of accuracy against coverage that are kept."""


@dataclass(frozen=True)
class Sure:
    """The answers of an arm that have a confidence, which it is and whether they are right, all (n,);
    `shares` (n, labels) is None where the model but claims it. Confidence is that of what was answered, which
    need not be the likeliest label."""

    rows: Sequence[Row]
    confidence: Doubles
    right: NDArray[np.bool_]
    shares: Doubles | None


def sure(rows: Sequence[Row], labels: Sequence[str]) -> Sure | None:
    """From the probabilities where there are any, else from the confidence that the model claims.

    Over trials with a label that are right or wrong. None without either.
    """
    labelled = [row for row in rows if row.right is not None and row.label is not None]
    scored = [row for row in labelled if row.probabilities]
    answers = scored or [row for row in labelled if row.confidence is not None]
    if not answers:
        return None
    right = np.array([row.right is True for row in answers])
    if not scored:
        return Sure(answers, np.array([row.confidence for row in answers]), right, None)
    shares = np.array([[(row.probabilities or {}).get(name, 0.0) for name in labels] for row in scored])
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    confidence = np.array([shares[i, labels.index(row.label or "")] for i, row in enumerate(scored)])
    return Sure(scored, confidence, right, shares)


def calibration(found: Sure, rows: Sequence[Row], labels: Sequence[str]) -> Calibration:
    """Of the answers in `found`; coverage is a share of all the trials in `rows` that are right or wrong."""
    confidence, right, shares = found.confidence, found.right, found.shares
    if shares is not None:
        gold = np.array([labels.index(row.gold or "") for row in found.rows])
        score, loss = brier(shares, gold), log_loss(shares, gold)
    else:
        score, loss = float(((confidence - right) ** 2).mean()), None
    bins = binned(confidence, right)
    total = sum(row.right is not None for row in rows)
    known = np.array([row.familiarity is not None for row in found.rows])
    familiarity = np.array([row.familiarity or 0.0 for row in found.rows])
    among = np.array([not is_unfamiliar(row.familiarity) for row in found.rows]) & known.any()
    return Calibration(
        source="self-reported" if shares is None else "probabilities",
        n=len(confidence),
        confidence=float(confidence.mean()),
        accuracy=float(right.mean()),
        ece=gap(bins),
        brier=score,
        log_loss=loss,
        distinct=len(np.unique(confidence)),
        bins=tuple(bins),
        kept=_thinned(risk_coverage(confidence, right, total)),
        surely_wrong=surely_wrong(confidence, right),
        by_familiarity=_thinned(risk_coverage(familiarity[known], right[known], total)),
        among_familiar=_thinned(risk_coverage(confidence[among], right[among], total)),
    )


def _thinned(kept: Sequence[Kept]) -> tuple[Kept, ...]:
    """Every so many of them, the last (everything that was answered) in any case."""
    step = max(1, ceil(len(kept) / _MOST))
    return tuple(reversed(kept[::-1][::step]))
