"""Bounds against published tables, error rates by simulation."""

from collections.abc import Sequence
from math import log, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from routerlab.study.trial.protocol.boundaries import (
    HIGHEST,
    Sprt,
    Verdict,
    crossings,
    nominal,
    spending_bounds,
    spent,
)

# C. Jennison and B. W. Turnbull, Group Sequential Methods (2000), table 2.3: O'Brien and Fleming's C at 0.05.
CLASSICAL = {1: 1.960, 2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 10: 2.087}
# Lan and DeMets's O'Brien-Fleming type at two-sided 0.05, as in ldBounds and East.
SPENDING = {2: [2.963, 1.969], 3: [3.710, 2.511, 1.993], 5: [4.877, 3.357, 2.680, 2.290, 2.031]}


def classical_bounds(fractions: Sequence[float], alpha: float = 0.05) -> list[float]:
    """O'Brien and Fleming's own bounds, C / sqrt(fraction) (Biometrics 35, 1979, 549-556).

    Two equal looks at 0.05 give 2.797 and 1.977.
    """
    from scipy.optimize import brentq

    def excess(c: float) -> float:
        return sum(crossings([c / sqrt(t) for t in fractions], fractions)) - alpha

    c = float(brentq(excess, 0.5, HIGHEST))
    return [c / sqrt(t) for t in fractions]


@pytest.mark.parametrize(("looks", "c"), CLASSICAL.items())
def test_classical_bounds_are_those_of_the_tables(looks: int, c: float) -> None:
    fractions = [(k + 1) / looks for k in range(looks)]
    bounds = classical_bounds(fractions)
    assert [bound * sqrt(t) for bound, t in zip(bounds, fractions, strict=True)] == pytest.approx(
        [c] * looks, abs=6e-4
    )


@pytest.mark.parametrize(("looks", "bounds"), SPENDING.items())
def test_spending_bounds_are_those_of_the_tables(looks: int, bounds: list[float]) -> None:
    found = spending_bounds([(k + 1) / looks for k in range(looks)])
    assert found == pytest.approx(bounds, abs=2e-3)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_alpha_is_used_up_at_the_end_and_not_before(alpha: float) -> None:
    from scipy.special import ndtri

    fractions = [0.3, 0.45, 0.9, 1.0]
    assert spent(alpha, 1.0) == pytest.approx(alpha)
    assert sum(crossings(spending_bounds(fractions, alpha), fractions)) == pytest.approx(alpha, abs=1e-9)
    assert sum(crossings(classical_bounds(fractions, alpha), fractions)) == pytest.approx(alpha, abs=1e-9)
    assert spending_bounds([1.0], alpha) == pytest.approx([-ndtri(alpha / 2)])


def test_a_look_with_next_to_nothing_is_never_crossed() -> None:
    bounds = spending_bounds([0.02, 0.5, 1.0])
    assert bounds[0] == HIGHEST
    assert bounds[1:] == pytest.approx([2.963, 1.969], abs=1e-3)


def test_a_second_look_at_the_same_cases_is_never_crossed() -> None:
    bounds = spending_bounds([0.5, 0.5, 1.0])
    assert bounds == pytest.approx([2.963, HIGHEST, 1.969], abs=1e-3)
    assert crossings(bounds, [0.5, 0.5, 1.0])[1] == 0


def test_the_chance_to_cross_under_an_effect_is_that_of_simulation() -> None:
    fractions, drift = [0.25, 0.6, 1.0], 2.5
    bounds = spending_bounds(fractions)
    gaps = np.diff([0.0, *fractions])
    walk = np.random.default_rng(1).normal(drift * gaps, np.sqrt(gaps), (200_000, 3)).cumsum(axis=1)
    crossed = np.abs(walk) / np.sqrt(fractions) >= bounds
    first = [crossed[:, 0].mean(), (crossed[:, 1] & ~crossed[:, 0]).mean()]
    assert crossings(bounds, fractions, drift)[:2] == pytest.approx(first, abs=0.004)
    assert sum(crossings(bounds, fractions, drift)) == pytest.approx(crossed.any(axis=1).mean(), abs=0.004)


def test_two_thousand_null_trials_cross_as_seldom_as_promised() -> None:
    fractions = [0.25, 0.5, 0.75, 1.0]
    gaps = np.diff([0.0, *fractions])
    walk = np.random.default_rng(2).normal(0, np.sqrt(gaps), (2000, 4)).cumsum(axis=1)
    z = np.abs(walk) / np.sqrt(fractions)
    error = 3 * sqrt(0.05 * 0.95 / 2000)
    assert abs((z >= spending_bounds(fractions)).any(axis=1).mean() - 0.05) < error
    assert abs((z >= classical_bounds(fractions)).any(axis=1).mean() - 0.05) < error
    peeking = (z >= 1.96).any(axis=1).mean()
    assert peeking > 0.10  # what the bounds are there to prevent


def test_a_bound_has_a_nominal_level() -> None:
    assert nominal(2.963) == pytest.approx(0.00305, abs=1e-5)
    assert nominal(NormalDist().inv_cdf(0.975)) == pytest.approx(0.05)


def test_sprt_decides_at_walds_limits() -> None:
    test = Sprt(p0=0.75, p1=0.85, alpha=0.05, beta=0.1)
    low, high = test.limits
    assert (low, high) == pytest.approx((log(0.1 / 0.95), log(0.9 / 0.05)))
    wins = int(high / log(0.85 / 0.75)) + 1
    losses = int(low / log(0.15 / 0.25)) + 1
    assert test.decide([1] * 100) == ("viable", wins)
    assert test.decide([0] * 100) == ("not viable", losses)
    assert test.decide([1] * (wins - 1)) == ("undecided", wins - 1)
    assert test.decide([]) == ("undecided", 0)
    assert test.decide([0.5] * 2)[0] == "undecided"
    assert test.step(0.5) == pytest.approx((test.step(1) + test.step(0)) / 2)


@pytest.mark.parametrize(("rate", "wrong"), [(0.75, "viable"), (0.85, "not viable")])
def test_sprt_errs_as_seldom_as_promised_over_two_thousand_trials(rate: float, wrong: Verdict) -> None:
    test = Sprt(p0=0.75, p1=0.85, alpha=0.05, beta=0.05)
    rng = np.random.default_rng(3)
    verdicts = [test.decide((rng.random(1500) < rate).tolist())[0] for _ in range(2000)]
    assert verdicts.count("undecided") == 0
    assert verdicts.count(wrong) / 2000 < 0.05 / 0.95 + 2 * sqrt(0.05 * 0.95 / 2000)
    assert verdicts.count(wrong) > 20  # it does err, and nearly as often as it may
