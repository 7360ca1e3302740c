"""Intervals against statsmodels, scipy and the numbers of the study."""

import numpy as np
import pytest

from routerlab.core.statistics.intervals import (
    clopper_pearson,
    effective_n,
    quantile_interval,
    quantile_ranks,
    quantile_tails,
    wilson,
)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 10, 60, 400])
def test_wilson_is_that_of_statsmodels(n: int, confidence: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    for k in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
        assert wilson(k, n, confidence) == pytest.approx(expected, abs=1e-12)


def test_wilson_of_averaged_repeats() -> None:
    from statsmodels.stats.proportion import proportion_confint

    assert wilson(12.5, 60) == pytest.approx(proportion_confint(12.5, 60, method="wilson"))


@pytest.mark.parametrize(("k", "n"), [(57, 60), (110, 120), (180, 200), (354, 400)])
def test_what_it_takes_to_show_85_percent(k: int, n: int) -> None:
    assert wilson(k, n)[0] >= 0.85 > wilson(k - 1, n)[0]


def test_nothing_is_known_without_cases() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 10, 60, 400])
def test_clopper_pearson_is_that_of_statsmodels(n: int, confidence: float) -> None:
    from statsmodels.stats.proportion import proportion_confint

    for k in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = proportion_confint(k, n, alpha=1 - confidence, method="beta")
        assert clopper_pearson(k, n, confidence) == pytest.approx(expected, abs=1e-12)


def test_clopper_pearson_at_the_ends_and_in_between() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert clopper_pearson(0, 10) == pytest.approx((0.0, 1 - 0.025 ** (1 / 10)))
    assert clopper_pearson(12, 60) < clopper_pearson(12.5, 60) < clopper_pearson(13, 60)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 5, 6, 59, 60, 72, 73, 240, 1000])
def test_order_statistic_interval_is_scipys(n: int, q: float) -> None:
    from scipy.stats import quantile_test

    values = np.sort(np.random.default_rng(n).exponential(size=n))
    expected = quantile_test(values, p=q).confidence_interval(0.95)
    low, high = quantile_interval(list(values), q)
    assert (np.nan if low is None else low) == pytest.approx(expected.low, nan_ok=True)
    assert (np.nan if high is None else high) == pytest.approx(expected.high, nan_ok=True)


@pytest.mark.parametrize("n", [1, 40, 72, 120, 300])
@pytest.mark.parametrize("worth", [1.0, 0.71, 0.4])
def test_tails_of_a_limit_are_those_of_the_interval(n: int, worth: float) -> None:
    effective = max(1.0, worth * n)
    values = [float(i) for i in range(n)]
    for q in (0.5, 0.95):
        low, high = quantile_interval(values, q, n_effective=effective)
        for within in range(n + 1):
            beyond, kept = quantile_tails(within, n, q, effective)
            limit = within - 0.5
            assert (beyond <= 0.025) == (high is not None and high <= limit)
            assert (kept <= 0.025) == (low is not None and low > limit)


def test_p95_is_open_above_until_there_are_72() -> None:
    """0.95^n, the chance that all n lie below the quantile, must be at most 2.5 %."""
    assert quantile_ranks(60, 0.95)[1] is None
    assert quantile_ranks(71, 0.95)[1] is None
    assert quantile_ranks(72, 0.95)[1] == 72
    assert quantile_ranks(5, 0.5) == (None, None)
    assert quantile_ranks(6, 0.5) == (1, 6)
    assert quantile_interval([], 0.5) == (None, None)


def test_order_statistic_interval_covers_as_often_as_it_says() -> None:
    rng, truth = np.random.default_rng(1), -np.log(0.05)
    low, high = quantile_ranks(120, 0.95)
    assert low is not None
    assert high is not None
    samples = np.sort(rng.exponential(size=(4000, 120)), axis=1)
    covered = (samples[:, low - 1] <= truth) & (truth <= samples[:, high - 1])
    assert 0.95 <= covered.mean() < 0.985


def test_dependent_values_count_as_fewer() -> None:
    values = [float(i // 5) for i in range(300)]  # each of 60 values five times
    assert quantile_interval(values, 0.95, n_effective=60)[1] is None
    low, high = quantile_interval(values, 0.5, n_effective=60)
    distinct = [float(i) for i in range(60)]
    assert (low, high) == quantile_interval(distinct, 0.5)
    assert quantile_interval(distinct, 0.5, n_effective=59.9999999999) == quantile_interval(distinct, 0.5)


def test_effective_n() -> None:
    assert effective_n([(i % 2, 1) for i in range(60)]) == 60
    alike = [(5 * (i < 6), 5) for i in range(60)]  # all repeats of a case are hits, or none is
    assert effective_n(alike) == pytest.approx(60, rel=0.02)
    apart = [(1 if i < 30 else 0, 5) for i in range(60)]  # never two of one case: as good as independent
    assert effective_n(apart) == 300
    assert effective_n([(0, 5)] * 60) == 60
    assert effective_n([(3, 5)]) == 1
    assert effective_n([]) == 0


def test_effective_n_is_n_over_the_design_effect() -> None:
    """Sums of squares by hand: clusters of 2, 3 and 4 with 2, 0 and 2 hits."""
    share = 4 / 9
    by_cluster = 3 / 2 * ((2 - 2 * share) ** 2 + (3 * share) ** 2 + (2 - 4 * share) ** 2) / 81
    expected = 9 / (by_cluster / (share * (1 - share) / 8))
    assert effective_n([(2, 2), (0, 3), (2, 4)]) == pytest.approx(expected)
