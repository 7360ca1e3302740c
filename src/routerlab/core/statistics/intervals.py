"""Intervals for proportions and for quantiles. `confidence` is two-sided."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import ceil, floor, sqrt
from statistics import NormalDist


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion, as (low, high) within 0..1; (0, 1) when n is 0.

    `successes` may be a fraction (repeats averaged within a case), `n` too (see effective_n). Source:
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927),
    209-212; no continuity correction.
    """
    if n == 0:
        return (0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / n
    middle = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Rounding must not put the ends apart from 0 and 1, where a gate may lie.
    low = max(0.0, (middle - half) / scale) if successes > 0 else 0.0
    return (low, min(1.0, (middle + half) / scale) if successes < n else 1.0)


def clopper_pearson(successes: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact ("strict") interval of a proportion, as (low, high) within 0..1; (0, 1) when n is 0.

    Never covers less than it says, and is wider than Wilson's. Source: C. J. Clopper and E. S. Pearson,
    "The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934),
    404-413, by quantiles of the beta distribution. It is exact for whole successes; a fraction (averaged
    repeats) interpolates, as E. L. Korn and B. I. Graubard (Survey Methodology 24, 1998, 193-201) do.
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return (low, high)


def quantile_ranks(n: int, q: float, confidence: float = 0.95) -> tuple[int | None, int | None]:
    """Ranks (1 is the smallest) of the two of n values that enclose the q-quantile; None where no value does.

    The number of values at or below the quantile is binomial(n, q), whatever their distribution: the lower
    rank is the largest r with P(B < r) <= tail, the upper the smallest s with P(B >= s) <= tail. Source:
    H. A. David and H. N. Nagaraja, Order Statistics, 3rd ed. (2003), section 7.1.
    """
    from scipy.special import bdtr

    def at_most(k: int) -> float:
        return float(bdtr(k, n, q))

    tail = (1 - confidence) / 2
    low = bisect_right(range(n), tail, key=at_most)
    high = bisect_left(range(n), 1 - tail, key=at_most) + 1
    return (low or None, high if high <= n else None)


def quantile_interval(
    ordered: Sequence[float], q: float, confidence: float = 0.95, n_effective: float | None = None
) -> tuple[float | None, float | None]:
    """The order-statistic interval of the q-quantile of values in ascending order, in their unit.

    None on a side where there are too few values to close it: 59 say nothing about how high P95 may be.
    Values that depend on each other count as `n_effective` of them (see effective_n).
    """
    n = len(ordered)
    as_many = n if n_effective is None else floor(min(n_effective, n) + 1e-9)
    low, high = quantile_ranks(as_many, q, confidence)
    return (
        None if low is None else ordered[max(1, floor(low * n / as_many)) - 1],
        None if high is None else ordered[ceil(high * n / as_many) - 1],
    )


def quantile_tails(within: int, n: int, q: float, n_effective: float | None = None) -> tuple[float, float]:
    """One-sided p of "the q-quantile is beyond a limit" and of "it is within", where `within` of n values
    are.

    The quantile_interval of these values ends within the limit exactly where the first p is at most its tail,
    (1 - confidence) / 2, and lies beyond it where the second is. `n_effective` as there. n is at least 1.
    """
    from scipy.special import bdtr

    as_many = n if n_effective is None else max(1, floor(min(n_effective, n) + 1e-9))
    ranks = floor(within * as_many / n + 1e-9)
    beyond = 1 - float(bdtr(ranks - 1, as_many, q)) if ranks else 1.0
    most = ceil((within + 1) * as_many / n - 1e-9) - 1
    return beyond, float(bdtr(most, as_many, q)) if most < as_many else 1.0


def effective_n(clusters: Sequence[tuple[float, int]]) -> float:
    """How many independent observations clustered ones are worth, from 1 to as many as there are.

    `clusters` holds (hits, observations) of each, for example how many of a case's repeats took longer than a
    limit. Where all or none are hits nothing shows how alike they are within a cluster: then it is the number
    of clusters. Source: L. Kish, Survey Sampling (1965), section 8.2: n over the design effect, which is the
    variance of the share by clusters over that of as many independent observations.
    """
    m, n = len(clusters), sum(size for _, size in clusters)
    share = sum(hits for hits, _ in clusters) / n if n else 0.0
    if m < 2 or share in (0.0, 1.0):
        return float(m)
    by_cluster = m / (m - 1) * sum((hits - share * size) ** 2 for hits, size in clusters) / (n * n)
    independent = share * (1 - share) / (n - 1)
    return max(1.0, n / max(1.0, round(by_cluster / independent, 9)))
