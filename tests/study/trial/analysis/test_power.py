"""Power by simulation, against exact sums and other libraries."""

from math import comb

import pytest

from routerlab.core.errors import LabError
from routerlab.core.statistics.paired import mcnemar
from routerlab.study.trial.analysis.power import Design, correlation_for, discordance, joint, outcomes


def exact_power(n: int, only_a: float, only_b: float, alpha: float = 0.05) -> float:
    """The power of one exact McNemar test, from the two discordant shares, without simulation."""
    share = only_a + only_b
    total = 0.0
    for d in range(n + 1):
        weight = _binomial(d, n, share)
        if weight > 1e-12:
            rejects = (b for b in range(d + 1) if mcnemar(b, d - b) <= alpha)
            total += weight * sum(_binomial(b, d, only_a / share) for b in rejects)
    return total


def _binomial(k: int, n: int, p: float) -> float:
    return comb(n, k) * p**k * (1 - p) ** (n - k)


@pytest.mark.parametrize(
    ("a", "b", "r"), [(0.85, 0.75, 0.66), (0.5, 0.5, 0.5), (0.9, 0.4, 0.0), (0.8, 0.8, 0.99)]
)
def test_the_chance_that_both_are_right_is_that_of_two_correlated_normals(
    a: float, b: float, r: float
) -> None:
    from scipy.special import ndtri
    from scipy.stats import multivariate_normal

    expected = multivariate_normal.cdf([ndtri(a), ndtri(b)], cov=[[1, r], [r, 1]], allow_singular=True)
    assert joint(a, b, r) == pytest.approx(expected, abs=1e-6)
    assert discordance(0.7, 0.6, 0.0) == pytest.approx(0.7 * 0.4 + 0.3 * 0.6)


def test_the_correlation_for_a_discordance_gives_it_and_an_impossible_one_is_refused() -> None:
    assert discordance(0.85, 0.75, correlation_for(0.85, 0.75, 0.2)) == pytest.approx(0.2)
    with pytest.raises(LabError, match=r"lies between 0\.100 .* and 0\.325"):
        correlation_for(0.85, 0.75, 0.05)


def test_simulated_arms_have_their_accuracies_and_their_discordance() -> None:
    right = outcomes([0.85, 0.75], correlation_for(0.85, 0.75, 0.2), 500, 400, seed=1)
    assert right.mean(axis=(0, 1)).tolist() == pytest.approx([0.85, 0.75], abs=0.005)
    assert (right[:, :, 0] != right[:, :, 1]).mean() == pytest.approx(0.2, abs=0.005)


@pytest.mark.parametrize(("n", "study"), [(60, 0.32), (120, 0.63), (240, 0.93)])
def test_the_studys_powers_are_those_of_a_discordance_of_a_fifth(n: int, study: float) -> None:
    """A gap of ten points, 15 % of the cases right only with one arm and 5 % only with the other."""
    exact = exact_power(n, 0.15, 0.05)
    assert exact == pytest.approx(study, abs=0.015)
    found = Design([0.85, 0.75], correlation=correlation_for(0.85, 0.75, 0.2), seed=1).power(n)
    assert found.pairs[0] == pytest.approx(exact, abs=4 * found.error)
    assert found.error == pytest.approx((exact * (1 - exact) / 2000) ** 0.5, rel=0.1)
    assert found.none == pytest.approx(1 - found.all)


@pytest.mark.parametrize("n", [100, 248, 400])
def test_unpaired_power_is_that_of_statsmodels(n: int) -> None:
    from statsmodels.stats.power import NormalIndPower
    from statsmodels.stats.proportion import proportion_effectsize

    effect = proportion_effectsize(0.85, 0.75)
    expected = NormalIndPower().power(effect, n, 0.05)
    found = Design([0.85, 0.75], paired=False, seed=2).power(n)
    assert found.all == pytest.approx(expected, abs=4 * found.error + 0.01)


@pytest.mark.parametrize("paired", [True, False])
def test_two_thousand_null_trials_of_three_arms_find_something_as_seldom_as_promised(paired: bool) -> None:
    found = Design([0.75, 0.75, 0.75], paired=paired, correlation=0.5, seed=3).power(200)
    assert 1 - found.none < 0.05 + 2 * found.error
    assert 1 - found.none > 0.005  # and it does happen
    assert found.all == 0  # nothing differs, so there is nothing to find


def test_needed_is_where_the_power_reaches_the_target() -> None:
    r = correlation_for(0.85, 0.75, 0.2)
    n = Design([0.85, 0.75], correlation=r, seed=4).needed(0.8)
    assert n is not None
    assert exact_power(n, 0.15, 0.05) == pytest.approx(0.8, abs=0.03)
    assert Design([0.85, 0.849], paired=False, simulations=200).needed(0.8, most=500) is None
