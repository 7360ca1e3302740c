"""How well a figure tells two kinds apart: the area under the ROC curve."""

from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


def auroc(low: Doubles, high: Doubles, confidence: float = 0.95) -> tuple[float, tuple[float, float] | None]:
    """The probability (0..1) that one of `high` is above one of `low`, ties half, and its interval.

    It is the Mann-Whitney statistic by ranks, with the variance of E. DeLong, D. DeLong and D.
    Clarke-Pearson, "Comparing the areas under two or more correlated ROC curves", Biometrics 44 (1988),
    837-845, on the logit scale, so that it stays within 0..1. There is no interval where the variance is 0
    (as where all of one are above all of the other) or unknown (fewer than two of a kind). Neither may be
    empty.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    m, n = len(low), len(high)
    ranks = rankdata(np.concatenate([low, high]))
    # Of each, the share of the other kind that is on its right side: what DeLong calls its placement.
    of_low = 1 - (ranks[:m] - rankdata(low)) / n
    of_high = (ranks[m:] - rankdata(high)) / m
    area = float(of_high.mean())
    if min(m, n) < 2:
        return area, None
    error = sqrt(float(of_low.var(ddof=1)) / m + float(of_high.var(ddof=1)) / n)
    if error == 0 or not 0 < area < 1:
        return area, None
    middle, reach = log(area / (1 - area)), float(ndtri(0.5 + confidence / 2)) * error / (area * (1 - area))
    return area, (1 / (1 + exp(reach - middle)), 1 / (1 + exp(-reach - middle)))
