"""Whether two samples of one size differ, exactly, however far out in the tail: an alarm that looks again and
again needs that."""

from math import exp, lgamma

import numpy as np
from numpy.typing import ArrayLike


def smirnov(first: ArrayLike, second: ArrayLike) -> tuple[float, float]:
    """(distance, p) of two samples of n values each: the largest difference of their shares at or below a
    value, and the chance of one as large where both are draws from one distribution.

    B. V. Gnedenko and V. S. Koroljuk, "On the maximum discrepancy between two empirical distributions",
    Doklady AN SSSR 80 (1951), 525-528: with D = d/n, p = 2 sum_i (-1)^(i+1) C(2n, n + i d) / C(2n, n). Exact
    without ties; with ties p is too large, never too small. ValueError when the sizes differ or are 0.
    """
    a, b = np.sort(np.asarray(first, float)), np.sort(np.asarray(second, float))
    n = len(a)
    if n != len(b) or not n:
        raise ValueError("two samples of one size are compared")
    values = np.concatenate([a, b])
    below = np.searchsorted(a, values, side="right") - np.searchsorted(b, values, side="right")
    d = int(np.abs(below).max())
    if d == 0:
        return 0.0, 1.0
    middle = 2 * lgamma(n + 1)
    terms = (exp(middle - lgamma(n + i + 1) - lgamma(n - i + 1)) for i in range(d, n + 1, d))
    p = 2 * sum(-term if odd % 2 else term for odd, term in enumerate(terms))
    return d / n, min(1.0, max(0.0, p))


def same_share(first: int, second: int, n: int) -> float:
    """The two-sided p of Fisher's exact test for two samples of `n`, of which so many have a property.

    R. A. Fisher, Statistical Methods for Research Workers (1934), section 21.02: given first + second, the
    larger count is hypergeometric; twice its tail, at most 1, as both tails are alike.
    """
    total, most = first + second, max(first, second)
    whole = _log_choose(2 * n, total)
    tail = (
        exp(_log_choose(n, k) + _log_choose(n, total - k) - whole) for k in range(most, min(n, total) + 1)
    )
    return min(1.0, 2 * sum(tail))


def spent(rate: float, look: int) -> float:
    """What look 1, 2, 3 ... of an endless series may spend of a false-alarm rate: rate / (look (look + 1)),
    which adds up to the rate, so that, by Bonferroni's inequality, the chance that any look ever raises a
    false alarm is at most the rate, however the looks depend on one another."""
    return rate / (look * (look + 1))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
