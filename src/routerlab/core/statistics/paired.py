"""Arms that answered the same cases, compared case by case. `p` is two-sided."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS = 2_000_000
"""Counts of a bootstrap that are held at a time, 16 MB."""


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact p of McNemar's test from both discordant counts: cases that only one of two arms gets right.

    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947), 153-157, with the exact binomial(n, 1/2) instead of its approximation: twice the
    smaller tail, at most 1.
    """
    n = only_a + only_b
    ways = tail = 1  # in whole numbers: exact for any counts
    for k in range(min(only_a, only_b)):
        ways = ways * (n - k) // (k + 1)
        tail += ways
    return float(min(1.0, 2 * tail / 2**n))


def holm(ps: Sequence[float]) -> list[float]:
    """The p of a family of tests, adjusted so that the chance of any false finding stays at the level.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6
    (1979), 65-70: the i-th smallest of m times (m - i + 1), never below the one before, at most 1.
    """
    adjusted, least = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        least = max(least, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = least
    return adjusted


def cochran_q(right: NDArray[np.bool_]) -> tuple[float, int, float]:
    """Whether arms differ at all: (Q, degrees of freedom, p), from (cases, arms) of right or not.

    W. G. Cochran, "The comparison of percentages in matched samples", Biometrika 37 (1950), 256-266; p by its
    chi-squared approximation. Q is 0 and p 1 where every case is right, or wrong, with all arms.
    """
    from scipy.special import chdtrc

    k = right.shape[1]
    columns, rows = right.sum(axis=0).astype(float), right.sum(axis=1).astype(float)
    below = (rows * (k - rows)).sum()
    if below == 0:
        return (0.0, k - 1, 1.0)
    q = (k - 1) * k * ((columns - columns.mean()) ** 2).sum() / below
    return (float(q), k - 1, float(chdtrc(k - 1, q)))


def drawn(times: Ints, resamples: int, seed: int) -> Iterator[Ints]:
    """(resamples, patterns) in blocks: how often each pattern comes when as many cases as there are (`times`
    of each) are drawn again with replacement.

    The bootstrap over cases, whose repeats stay together (B. Efron and R. J. Tibshirani, An Introduction to
    the Bootstrap, 1993, ch. 8 and 13). Cases that are alike need not be told apart.
    """
    rng, block, n = np.random.default_rng(seed), max(1, CELLS // len(times)), times.sum()
    for start in range(0, resamples, block):
        yield rng.multinomial(n, times / n, min(block, resamples - start))


def draw(rows: Doubles, resamples: int, seed: int) -> Doubles:
    """(resamples, columns): sums over the rows as they are `drawn`. The same seed and rows, in whatever
    order, give the same sums."""
    patterns, times = np.unique(rows, axis=0, return_counts=True)
    return np.concatenate([counts @ patterns for counts in drawn(times, resamples, seed)])


def middle(figures: Doubles, confidence: float = 0.95) -> tuple[float, float] | None:
    """The percentile interval: the middle of what was drawn.

    NaN, where it was undefined, may have been anything, so it counts as beyond either end; None where that is
    more than an end leaves out. Without it the rest would look more certain than it is.
    """
    tail = (1 - confidence) / 2
    undefined = np.isnan(figures)
    if not len(figures) or undefined.mean() > tail:
        return None
    if undefined.any():
        lows, highs = (np.where(undefined, far, figures) for far in (-np.inf, np.inf))
        low = np.quantile(lows, tail, method="higher")
        high = np.quantile(highs, 1 - tail, method="lower")
    else:
        low, high = np.quantile(figures, [tail, 1 - tail])
    return (float(low), float(high)) if np.isfinite([low, high]).all() else None


def nearest(figures: Doubles) -> Doubles:
    """Of (1 + draws, k) figures, as they are and then drawn, the columns that are the smallest in some row:
    the others are not the smallest beyond doubt."""
    return figures[:, np.unique(figures.argmin(axis=1))]


def most_off(figures: Doubles) -> Doubles:
    """(draws,): the smallest figure, and how far the farthest of (1 + draws, k) was drawn above itself."""
    found: Doubles = figures[0].min() + (figures[1:] - figures[0]).max(axis=1)
    return found


def smallest(figures: Doubles, confidence: float = 0.95) -> tuple[float, float] | None:
    """The interval of the smallest of several figures, (1 + draws, k): as they are, then drawn. With one
    figure it is `middle`.

    Which is the smallest is only known from the same cases, and the smallest of estimates is too small. So no
    choice is made: all are above the low end if each is above its own (R. L. Berger, "Multiparameter
    hypothesis testing and acceptance sampling", Technometrics 24, 1982), and one is below the high end, which
    allows for all being off at once, of those that may be the smallest (J. P. Romano, A. M. Shaikh and M.
    Wolf, "A practical two-step method for testing moment inequalities", Econometrica 82, 2014).
    """
    near = nearest(figures)
    each = [middle(column, confidence) for column in near[1:].T]
    high = middle(most_off(near), confidence)
    lows = [ends[0] for ends in each if ends]
    return (min(lows), high[1]) if high and len(lows) == len(each) else None


def bootstrap_ratio(
    above: Sequence[float] | Doubles,
    below: Sequence[float] | Doubles,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """The percentile interval of sum(above) / sum(below) over cases; None for fewer than two.

    With `below` all ones it is that of the mean: of the cases' accuracies, or of the differences between two
    arms. With right and asked it is that of the trial-weighted accuracy, where repeats of a case belong
    together.
    """
    if len(above) < 2:
        return None
    sums = draw(np.column_stack([above, below]).astype(float), resamples, seed)
    return middle(sums[:, 0] / np.where(sums[:, 1] > 0, sums[:, 1], np.nan), confidence)
