"""Percentiles under every convention, against numpy and the study's literal definition."""

import random

import numpy as np
import pytest

from routerlab.core.statistics.quantiles import Convention, of_sorted, percentile


@pytest.mark.parametrize("q", [0.0, 0.5, 0.9, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("n", [1, 2, 3, 19, 20, 60, 400])
def test_the_studys_convention(n: int, q: float) -> None:
    rng = random.Random(n)
    values = [rng.random() for _ in range(n)]
    expected = sorted(values)[int(q * n)] if q < 1 else max(values)
    assert percentile(values, q) == expected


def test_by_hand() -> None:
    """Hyndman and Fan's types on four values: the upper, the lower and the mean of the middle two."""
    values = [3.0, 1.0, 2.0, 4.0]
    assert percentile(values, 0.5) == 3
    assert percentile(values, 0.5, "nearest-rank") == 2
    assert percentile(values, 0.5, "linear") == 2.5
    assert percentile(list(map(float, range(60))), 0.95) == 57
    assert percentile(list(map(float, range(60))), 0.95, "nearest-rank") == 56
    assert percentile(list(map(float, range(60))), 0.95, "linear") == pytest.approx(0.95 * 59)
    assert percentile(list(map(float, range(60))), 0.95, "weibull") == pytest.approx(0.95 * 61 - 1)
    assert percentile(list(map(float, range(60))), 0.95, "median-unbiased") == pytest.approx(
        0.95 * (60 + 1 / 3) + 1 / 3 - 1
    )


@pytest.mark.parametrize(
    ("convention", "method"),
    [
        ("nearest-rank", "inverted_cdf"),
        ("linear", "linear"),
        ("weibull", "weibull"),
        ("median-unbiased", "median_unbiased"),
    ],
)
def test_others_are_numpys(convention: Convention, method: str) -> None:
    values = list(np.random.default_rng(3).exponential(size=137))
    for q in (0.5, 0.95, 0.99):
        expected = np.quantile(values, q, method=method)  # type: ignore[call-overload]
        assert percentile(values, q, convention) == pytest.approx(expected)


def test_nothing_has_no_percentile_and_order_is_the_callers() -> None:
    assert percentile([], 0.5) is None
    assert of_sorted([], 0.95, "linear") is None
    assert of_sorted([1.0, 2.0, 9.0], 0.5) == 2
