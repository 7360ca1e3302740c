"""Intervals against statsmodels and the numbers of the study."""

import pytest
from statsmodels.stats.proportion import proportion_confint

from routerlab.core.intervals import wilson


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [1, 2, 10, 60, 400])
def test_wilson_is_that_of_statsmodels(n: int, confidence: float) -> None:
    for k in {0, 1, n // 3, n // 2, n - 1, n}:
        expected = proportion_confint(k, n, alpha=1 - confidence, method="wilson")
        assert wilson(k, n, confidence) == pytest.approx(expected, abs=1e-12)


def test_wilson_of_averaged_repeats() -> None:
    assert wilson(12.5, 60) == pytest.approx(proportion_confint(12.5, 60, method="wilson"))


@pytest.mark.parametrize(("k", "n"), [(57, 60), (110, 120), (180, 200), (354, 400)])
def test_what_it_takes_to_show_85_percent(k: int, n: int) -> None:
    assert wilson(k, n)[0] >= 0.85 > wilson(k - 1, n)[0]


def test_nothing_is_known_without_cases() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
