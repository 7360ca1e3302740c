"""Paired comparisons against statsmodels, scipy and worked examples."""

import numpy as np
import pytest

from routerlab.core.statistics import paired
from routerlab.core.statistics.paired import (
    bootstrap_ratio,
    cochran_q,
    draw,
    holm,
    mcnemar,
    middle,
    most_off,
    smallest,
)


@pytest.mark.parametrize(
    ("b", "c"), [(0, 0), (1, 0), (0, 7), (8, 12), (25, 6), (4, 27), (59, 86), (10, 10), (300, 341)]
)
def test_mcnemar_is_statsmodels(b: int, c: int) -> None:
    from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

    expected = statsmodels_mcnemar([[0, b], [c, 0]], exact=True).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(expected)


def test_mcnemar_of_the_study() -> None:
    """Study 1: Phi-3.5 against Qwen-3B, Phi-3.5 against Qwen-1.5B, Qwen-1.5B against Qwen-3B."""
    assert mcnemar(8, 12) == pytest.approx(0.503445, abs=1e-6)
    assert mcnemar(25, 6) == pytest.approx(0.000878, abs=1e-6)
    assert mcnemar(4, 27) == pytest.approx(3.4e-05, abs=1e-6)


def test_mcnemar_of_a_textbook() -> None:
    """Agresti, Categorical Data Analysis, 2nd ed. (2002), table 10.1: approval, 86 against 150 changed."""
    from scipy.stats import binomtest  # type: ignore[attr-defined]

    assert mcnemar(86, 150) == pytest.approx(binomtest(86, 236).pvalue)
    assert mcnemar(86, 150) < 0.0001


def test_mcnemar_of_many_is_exact() -> None:
    assert mcnemar(5000, 5000) == 1.0
    assert 0 < mcnemar(4000, 6000) < 1e-80


@pytest.mark.parametrize("n", [0, 1, 2, 3, 10])
def test_holm_is_statsmodels(n: int) -> None:
    from statsmodels.stats.multitest import multipletests

    ps = list(np.random.default_rng(n).uniform(0, 0.2, n))
    expected = multipletests(ps, method="holm")[1] if n else []
    assert holm(ps) == pytest.approx(expected)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1.0, 1.0]


def test_cochran_is_statsmodels() -> None:
    from statsmodels.stats.contingency_tables import cochrans_q

    right = np.random.default_rng(5).uniform(size=(60, 4)) < np.array([0.4, 0.5, 0.7, 0.75])
    expected = cochrans_q(right.astype(int))
    q, df, p = cochran_q(right)
    assert (q, df, p) == pytest.approx((expected.statistic, expected.df, expected.pvalue))


def test_cochran_of_a_textbook() -> None:
    """Conover, Practical Nonparametric Statistics, 3rd ed. (1999), section 4.6, example 1: three sportsmen
    who foretell the results of 12 games; T = 2.8."""
    table = np.array([[1, 1, 1], [1, 1, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 0],
                      [0, 0, 1], [0, 1, 0], [1, 1, 1], [1, 1, 1]])  # fmt: skip
    q, df, p = cochran_q(table.astype(bool))
    assert (q, df) == pytest.approx((2.8, 2))
    assert p == pytest.approx(0.2466, abs=1e-4)


def test_cochran_of_two_arms_is_mcnemars_statistic() -> None:
    right = np.array([[True, False]] * 12 + [[False, True]] * 8 + [[True, True]] * 40)
    assert cochran_q(right)[0] == pytest.approx((12 - 8) ** 2 / 20)


def test_cochran_without_a_difference() -> None:
    assert cochran_q(np.ones((10, 3), dtype=bool)) == (0.0, 2, 1.0)


def test_bootstrap_of_a_mean_is_scipys() -> None:
    from scipy.stats import bootstrap  # type: ignore[attr-defined]

    values = np.array([1.0] * 43 + [0.0] * 17)
    expected = bootstrap((values,), np.mean, n_resamples=10_000, method="percentile", rng=1)
    found = bootstrap_ratio(values, np.ones(60))
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=0.017)  # one case of 60


def test_bootstrap_of_a_paired_difference_is_scipys() -> None:
    from scipy.stats import bootstrap  # type: ignore[attr-defined]

    rng = np.random.default_rng(2)
    a, b = rng.uniform(size=(2, 300)) < np.array([[0.8], [0.6]])
    expected = bootstrap(
        (a, b),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        paired=True,
        n_resamples=5000,
        method="percentile",
        rng=1,
    ).confidence_interval
    found = bootstrap_ratio(a.astype(float) - b, np.ones(300))
    assert found == pytest.approx(tuple(expected), abs=0.008)


def test_cluster_bootstrap_of_a_ratio_is_scipys() -> None:
    from scipy.stats import bootstrap  # type: ignore[attr-defined]

    rng = np.random.default_rng(4)
    asked = rng.integers(1, 13, 60).astype(float)
    right = np.where(rng.uniform(size=60) < 0.8, asked, 0.0)
    expected = bootstrap(
        (right, asked),
        lambda x, y, axis: x.sum(axis) / y.sum(axis),
        paired=True,
        n_resamples=20_000,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert bootstrap_ratio(right, asked) == pytest.approx(tuple(expected), abs=0.01)


def test_repeats_of_a_case_are_no_more_evidence() -> None:
    once = bootstrap_ratio([1.0] * 43 + [0.0] * 17, [1.0] * 60)
    five_times = bootstrap_ratio([5.0] * 43 + [0.0] * 17, [5.0] * 60)
    assert once == five_times


def test_bootstrap_does_not_depend_on_order_or_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(6).integers(0, 3, (50, 2)).astype(float)
    whole = draw(rows, 500, seed=7)
    assert (whole == draw(rows[::-1], 500, seed=7)).all()
    assert (whole != draw(rows, 500, seed=8)).any()
    monkeypatch.setattr(paired, "CELLS", 100)
    assert draw(rows, 500, seed=7).shape == whole.shape


def test_what_is_undefined_may_have_been_anything() -> None:
    """So with some of it the interval is no narrower than without."""
    known = np.linspace(0, 1, 980)
    found, all_known = middle(np.concatenate([known, [np.nan] * 20])), middle(known)
    assert found
    assert all_known
    assert found[0] < all_known[0]
    assert found[1] > all_known[1]


def test_what_has_no_interval() -> None:
    assert bootstrap_ratio([1.0], [1.0]) is None
    assert middle(np.array([np.nan, np.nan])) is None
    assert middle(np.array([np.nan] * 3 + [0.5] * 97)) is None
    assert bootstrap_ratio([1.0, 1.0], [1.0, 1.0]) == (1.0, 1.0)


def test_the_smallest_of_one_is_itself_and_what_is_never_the_smallest_does_not_count() -> None:
    one = np.random.default_rng(2).normal(0.1, 0.05, 1001)
    assert smallest(one[:, None]) == pytest.approx(middle(one[1:]))
    assert smallest(np.column_stack([one, one + 1])) == pytest.approx(middle(one[1:]))


def test_the_smallest_of_two_by_hand() -> None:
    figures = np.array([[0.0, 1.0], [-1.0, 3.0], [1.0, 0.0], [0.5, 1.0]])
    assert most_off(figures) == pytest.approx([2.0, 1.0, 0.5])  # off by -1 and 2, 1 and -1, 0.5 and 0
    # Half of the draws in the middle: the lower quartiles are -0.25 and 0.5, the upper one of the above 1.5.
    assert smallest(figures, 0.5) == pytest.approx((-0.25, 1.5))


def test_the_interval_of_the_smallest_holds_it_where_the_smallest_draws_do_not() -> None:
    """Three means that are all 0: the smallest of them is too small, and of draws still smaller."""
    rng, runs = np.random.default_rng(4), 300
    own = plain = 0
    for _ in range(runs):
        means = rng.normal(size=3)
        figures = np.vstack([means, means + rng.normal(size=(400, 3))])
        low, high = smallest(figures) or (np.nan, np.nan)
        own += low <= 0 <= high
        low, high = middle(figures[1:].min(axis=1)) or (np.nan, np.nan)
        plain += low <= 0 <= high
    assert plain / runs < 0.85
    assert own / runs >= 0.95
