"""How likely a trial of a given size is to find the differences that are assumed: by simulation.

Arms that answer the same cases tend to be right on the same ones. That is a normal variable a case and arm,
correlated between arms (a Gaussian copula), cut so that each arm is right with its accuracy. What decides the
power of the paired test is the discordance: the share of cases that only one of two arms gets right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import asin, pi, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.core.statistics.paired import Doubles, holm, mcnemar

Bools = NDArray[np.bool_]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Power:
    """The chance to find what is there with `n` cases (paired) or sessions an arm (unpaired).

    `pairs` is that of each pair of arms, in the order of `combinations`; `all` that every pair that differs
    is found, `none` that nothing is. `error` is the largest Monte-Carlo standard error among them.
    """

    n: int
    pairs: tuple[float, ...]
    all: float
    none: float
    error: float


def joint(a: float, b: float, correlation: float) -> float:
    """The chance that two arms of these accuracies are both right.

    R. L. Plackett, "A reduction formula for normal multivariate integrals", Biometrika 41 (1954), 351-360, by
    Gauss-Legendre quadrature over the angle (A. Genz, Statistics and Computing 14, 2004, 251-260).
    """
    h, k = NormalDist().inv_cdf(a), NormalDist().inv_cdf(b)
    half = asin(correlation) / 2
    nodes, weights = np.polynomial.legendre.leggauss(64)
    angles = half * (nodes + 1)
    density = np.exp(-(h * h + k * k - 2 * h * k * np.sin(angles)) / (2 * np.cos(angles) ** 2))
    return a * b + half * float(weights @ density) / (2 * pi)


def discordance(a: float, b: float, correlation: float) -> float:
    """The share of cases that only one of the two arms gets right."""
    return a + b - 2 * joint(a, b, correlation)


def correlation_for(a: float, b: float, share: float) -> float:
    """The correlation under which `share` of the cases are discordant; LabError when there is none."""
    from scipy.optimize import brentq

    low, high = discordance(a, b, 0.999), discordance(a, b, 0.0)
    if not low <= share <= high:
        raise LabError(
            f"a discordance of {share:g} is not possible with accuracies {a:g} and {b:g}: it lies between "
            f"{low:.3f} (right on the same cases) and {high:.3f} (independent)"
        )
    return float(brentq(lambda r: discordance(a, b, r) - share, 0.0, 0.999))


def outcomes(accuracies: Sequence[float], correlation: float, n: int, simulations: int, seed: int) -> Bools:
    """(simulations, n, arms): whether each arm is right on each case."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((simulations, n))
    right = np.empty((simulations, n, len(accuracies)), bool)
    for arm, accuracy in enumerate(accuracies):
        own = rng.standard_normal((simulations, n))
        own *= sqrt(1 - correlation)
        own += sqrt(correlation) * common
        right[:, :, arm] = own < NormalDist().inv_cdf(accuracy)
    return right


def paired_p(right: Bools) -> Doubles:
    """(simulations, pairs): exact McNemar p of every pair of arms."""
    columns = []
    for a, b in combinations(range(right.shape[2]), 2):
        only_a = (right[:, :, a] & ~right[:, :, b]).sum(axis=1)
        only_b = (right[:, :, b] & ~right[:, :, a]).sum(axis=1)
        counts, where = np.unique(np.stack([only_a, only_b], axis=1), axis=0, return_inverse=True)
        p = np.array([mcnemar(int(x), int(y)) for x, y in counts])
        columns.append(p[where.reshape(-1)])
    return np.stack(columns, axis=1)


def unpaired_p(hits: NDArray[np.int64], n: int) -> Doubles:
    """(simulations, pairs): p of the two-sided z test with pooled variance, from hits (simulations, arms)."""
    from scipy.special import ndtr

    columns = []
    for a, b in combinations(range(hits.shape[1]), 2):
        pooled = (hits[:, a] + hits[:, b]) / (2 * n)
        error = np.sqrt(2 * pooled * (1 - pooled) / n)
        z = np.abs(hits[:, a] - hits[:, b]) / n / np.where(error > 0, error, np.inf)
        columns.append(2 * ndtr(-z))
    return np.stack(columns, axis=1)


@dataclass(frozen=True)
class Design:
    """A trial that is thought of: the arms' assumed accuracies, the `correlation` between them where they are
    `paired` (every arm answers every case), and the level `alpha` of all pairs together (Holm)."""

    accuracies: Sequence[float]
    paired: bool = True
    correlation: float = 0.5
    alpha: float = 0.05
    simulations: int = 2000
    seed: int = 0

    def power(self, n: int) -> Power:
        """The power with `n` cases that every arm answers, or (unpaired) `n` sessions an arm."""
        accuracies, simulations = self.accuracies, self.simulations
        if self.paired:
            p = paired_p(outcomes(accuracies, self.correlation, n, simulations, self.seed))
        else:
            hits = np.random.default_rng(self.seed).binomial(n, accuracies, (simulations, len(accuracies)))
            p = unpaired_p(hits, n)
        found = np.array([holm(list(row)) for row in p]) <= self.alpha
        differ = [a != b for a, b in combinations(accuracies, 2)]
        shares = found.mean(axis=0)
        every = float(found[:, differ].all(axis=1).mean()) if any(differ) else 0.0
        nothing = float((~found.any(axis=1)).mean())
        worst = max(x * (1 - x) for x in (*shares, every, nothing))
        return Power(n, tuple(map(float, shares)), every, nothing, sqrt(worst / simulations))

    def needed(self, target: float, most: int = 4000) -> int | None:
        """The smallest n, to within 2 %, whose power to find every difference is `target`; None beyond
        `most`."""
        low, high = 0, 32
        while self.power(high).all < target:
            low, high = high, 2 * high
            if low >= most:
                return None
        while high - low > max(1, high // 50):
            middle = (low + high) // 2
            low, high = (low, middle) if self.power(middle).all >= target else (middle, high)
        return high
