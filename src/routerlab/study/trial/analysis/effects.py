"""How large differences are: Cohen's h of accuracies, Cohen's d of latencies, with bootstrap intervals."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from routerlab.core.statistics.paired import Doubles, draw, middle
from routerlab.study.figures.arm import Settings
from routerlab.study.figures.rows import Row, judged, share_right
from routerlab.study.trial.analysis.result import Effect


def cohens_h(a: Doubles, b: Doubles) -> Doubles:
    """The difference of two proportions on the arcsine scale: 0.2 is small, 0.5 medium, 0.8 large.

    J. Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. (1988), chapter 6.
    """
    h: Doubles = 2 * np.arcsin(np.sqrt(a)) - 2 * np.arcsin(np.sqrt(b))
    return h


def cohens_d(a: Sequence[Doubles], b: Sequence[Doubles]) -> Doubles:
    """The difference of two means over their pooled standard deviation, from (n, sum, sum of squares) of each
    (Cohen 1988, chapter 2); NaN where nothing varies."""
    (n, s, q), (m, t, r) = a, b
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (q - s * s / n + r - t * t / m) / np.maximum(n + m - 2, 1)
        d: Doubles = np.where(pooled > 1e-12, (s / n - t / m) / np.sqrt(pooled), np.nan)
    return d


def effects(groups: Mapping[str, Sequence[Row]], settings: Settings) -> tuple[Effect, ...]:
    """Every pair of arms that have an accuracy, over the cases that both were asked."""
    means = {arm: share_right(cases) for arm, rows in groups.items() if (cases := judged(rows))}
    found = []
    for a, b in combinations(means, 2):
        common = [case for case in means[a] if case in means[b]]
        if not common:
            continue
        n = len(common)
        right = np.array([[means[arm][case] for arm in (a, b)] for case in common])
        rows = np.hstack([right, *(_moments(groups[arm], common) for arm in (a, b))])
        drawn = draw(rows, settings.resamples, settings.seed) if n > 1 else rows[:0]
        h, d = (float(x[0]) for x in _both(rows.sum(axis=0)[None], n))
        (h_low, h_high), d_ends = (middle(x, settings.confidence) or (None, None) for x in _both(drawn, n))
        known, (d_low, d_high) = (None, (None, None)) if np.isnan(d) else (d, d_ends)
        found.append(Effect(a=a, b=b, h=h, h_low=h_low, h_high=h_high, d=known, d_low=d_low, d_high=d_high))
    return tuple(found)


def _both(sums: Doubles, n: int) -> tuple[Doubles, Doubles]:
    columns = list(sums.T)
    return cohens_h(columns[0] / n, columns[1] / n), cohens_d(columns[2:5], columns[5:8])


def _moments(rows: Sequence[Row], cases: Sequence[str]) -> Doubles:
    """(cases, 3): of each case how many latencies there are, the sum of their logarithms, and of squares."""
    at = {case: i for i, case in enumerate(cases)}
    found = np.zeros((len(cases), 3))
    for row in rows:
        if row.latency_ms is not None and row.latency_ms > 0 and row.case in at:
            log = np.log(row.latency_ms)
            found[at[row.case]] += (1.0, log, log * log)
    return found
