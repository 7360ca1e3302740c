"""Exact tests of two samples, held against scipy's, and what endless looks may spend."""

import numpy as np
import pytest

from routerlab.core.statistics.drift import same_share, smirnov, spent


@pytest.mark.parametrize("n", [1, 5, 40])
def test_smirnov_is_exact(n: int) -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(n)
    for shift in (0.0, 0.5, 3.0):
        a, b = rng.normal(size=n), rng.normal(shift, size=n)
        theirs = ks_2samp(a, b, method="exact")
        assert smirnov(a, b) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


def test_smirnov_with_ties_and_in_the_tail() -> None:
    assert smirnov([1, 1, 2], [1, 1, 2]) == (0.0, 1.0)
    assert smirnov([0] * 500, [1] * 500)[1] == pytest.approx(2 * 3.7e-300, rel=0.01)  # 2 / C(1000, 500)
    assert smirnov([0, 0, 1, 1], [0, 1, 1, 1])[0] == 0.25
    with pytest.raises(ValueError, match="one size"):
        smirnov([1], [1, 2])


def test_same_share_is_fishers() -> None:
    from scipy.stats import fisher_exact

    for a, b in ((0, 0), (3, 3), (0, 20), (5, 17), (20, 20)):
        theirs = fisher_exact([[a, 20 - a], [b, 20 - b]]).pvalue
        assert same_share(a, b, 20) == pytest.approx(theirs, rel=1e-9)


def test_what_is_spent_adds_up_to_the_rate() -> None:
    assert sum(spent(0.05, look) for look in range(1, 10_000)) == pytest.approx(0.05, rel=1e-3)
