"""Looking before the end without fooling oneself: O'Brien-Fleming bounds, and Wald's test.

A look compares |z| with its bound, or the two-sided p with the bound's nominal level, 2 (1 - Phi(bound)). The
fractions are shares of the information, which for accuracy is the number of different cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np

from routerlab.core.statistics.paired import Doubles

NORMAL = NormalDist()
HIGHEST = 9.0
"""A bound that is never crossed: where the spending function gives next to nothing yet."""


@cache
def _quadrature() -> tuple[Doubles, Doubles]:
    """Nodes and weights on -1..1; made at the first use, for it takes a while."""
    return np.polynomial.legendre.leggauss(300)


def spent(alpha: float, fraction: float) -> float:
    """How much of a two-sided `alpha` may be used up at this fraction (0..1] of the information.

    K. K. G. Lan and D. L. DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983),
    659-663: the O'Brien-Fleming type, alpha / 2 a side.
    """
    z = NORMAL.inv_cdf(1 - alpha / 4)
    return 4 * (1 - NORMAL.cdf(z / sqrt(fraction)))


def spending_bounds(fractions: Sequence[float], alpha: float = 0.05) -> list[float]:
    """The bound of |z| at each look so that just `spent` of alpha is used up; fractions ascending, to 1.
    A look with no more information than the one before has `HIGHEST`.

    Half and whole of the information at 0.05 give 2.963 and 1.969.
    """
    from scipy.optimize import brentq

    bounds: list[float] = []
    used = 0.0
    for k, fraction in enumerate(fractions):
        target = spent(alpha, fraction)

        def excess(bound: float, k: int = k, target: float = target) -> float:
            return sum(crossings([*bounds, bound], fractions[: k + 1])) - target

        bounds.append(HIGHEST if target - used < 1e-12 else float(brentq(excess, 0.0, HIGHEST)))
        used = target
    return bounds


def crossings(bounds: Sequence[float], fractions: Sequence[float], drift: float = 0.0) -> list[float]:
    """The chance to cross each bound of |z| first at its look; `drift` is the mean of z at the end.

    P. Armitage, C. K. McPherson and B. C. Rowe, JRSS A 132 (1969), 235-244: the density of the score that
    has not crossed yet, carried from look to look (Gauss-Legendre quadrature).
    """
    chances: list[float] = []
    unit_nodes, weights = _quadrature()
    inside = 1.0
    points: Doubles = np.zeros(1)
    mass: Doubles = np.ones(1)
    before = 0.0
    for bound, t in zip(bounds, fractions, strict=True):
        if t <= before:  # two looks at the same cases: the second adds nothing
            chances.append(0.0)
            continue
        edge, sd, mean = bound * sqrt(t), sqrt(t - before), drift * (t - before)
        nodes = edge * unit_nodes
        density = np.exp(-(((nodes[:, None] - points - mean) / sd) ** 2) / 2) / (sd * sqrt(2 * np.pi))
        mass = edge * weights * (density @ mass)
        points, before = nodes, t
        still = float(mass.sum())
        chances.append(max(0.0, inside - still))
        inside = still
    return chances


def nominal(bound: float) -> float:
    """The two-sided p that a bound of |z| stands for."""
    return 2 * (1 - NORMAL.cdf(bound))


Verdict = Literal["viable", "not viable", "undecided"]


@dataclass(frozen=True)
class Sprt:
    """Wald's sequential test of an accuracy: "viable" when it looks like p1, "not viable" when like p0.

    `alpha` is the chance of "viable" at p0, `beta` of "not viable" at p1 (A. Wald, "Sequential tests of
    statistical hypotheses", Annals of Mathematical Statistics 16, 1945, 117-186), both approximate and kept
    on the safe side: alpha / (1 - beta) and beta / (1 - alpha) bound them.
    """

    p0: float
    p1: float
    alpha: float = 0.05
    beta: float = 0.05

    @property
    def limits(self) -> tuple[float, float]:
        """The log-likelihood ratios at which it ends: (not viable, viable)."""
        return log(self.beta / (1 - self.alpha)), log((1 - self.beta) / self.alpha)

    def step(self, right: float) -> float:
        """What one case adds to the log-likelihood ratio; a share (repeats) adds in proportion."""
        return right * log(self.p1 / self.p0) + (1 - right) * log((1 - self.p1) / (1 - self.p0))

    def decide(self, outcomes: Sequence[float]) -> tuple[Verdict, int]:
        """The verdict on different cases in the order they were answered, and after how many it fell."""
        low, high = self.limits
        ratio = 0.0
        for n, right in enumerate(outcomes, 1):
            ratio += self.step(right)
            if ratio >= high:
                return "viable", n
            if ratio <= low:
                return "not viable", n
        return "undecided", len(outcomes)
