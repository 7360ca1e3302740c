"""Calibration figures, by hand and against scikit-learn."""

from collections.abc import Sequence

import numpy as np
import pytest

from routerlab.core.statistics.calibration import (
    Doubles,
    Ints,
    Kept,
    binned,
    brier,
    gap,
    log_loss,
    reliability,
    risk_coverage,
    surely_wrong,
)

SHARES = np.array([[0.9, 0.1], [0.8, 0.2], [0.85, 0.15], [0.3, 0.7]])
GOLD = np.array([0, 1, 0, 1])
"""Confidence 0.9 right; 0.8 wrong and 0.85 right; 0.7 right."""


def selective(shares: Doubles, gold: Ints, coverages: Sequence[float]) -> list[float]:
    """Accuracy among the most confident share of answers, for each coverage (0..1]."""
    order = np.argsort(-shares.max(axis=1), kind="stable")
    right = (shares.argmax(axis=1) == gold)[order]
    return [float(right[: max(1, round(c * len(right)))].mean()) for c in coverages]


def drawn(n: int, labels: int, seed: int) -> tuple[Doubles, Ints]:
    """Random shares, and gold labels that are drawn from them: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(labels), n)
    gold = np.array([rng.choice(labels, p=row) for row in shares])
    return shares, gold


def test_reliability_by_hand() -> None:
    low, middle, high = reliability(SHARES, GOLD)
    assert (low.n, middle.n, high.n) == (1, 2, 1)
    assert (low.low, low.high) == pytest.approx((0.7, 0.8))
    assert (middle.confidence, middle.accuracy) == pytest.approx((0.825, 0.5))
    assert (high.confidence, high.accuracy) == pytest.approx((0.9, 1.0))


def test_calibration_error_by_hand() -> None:
    expected = (1 * 0.3 + 2 * (0.825 - 0.5) + 1 * 0.1) / 4
    assert gap(reliability(SHARES, GOLD)) == pytest.approx(expected)
    everything = abs((0.9 + 0.8 + 0.85 + 0.7) / 4 - 3 / 4)
    assert gap(reliability(SHARES, GOLD, bins=1)) == pytest.approx(everything)


def test_surely_wrong_by_hand() -> None:
    """Of four answers one is wrong and above 0.95; one at it is not above it, and one is right."""
    confidence, right = np.array([0.96, 0.95, 0.99, 0.5]), np.array([False, False, True, False])
    assert surely_wrong(confidence, right) == 1 / 4
    assert surely_wrong(confidence[:0], right[:0]) is None


def test_full_confidence_falls_into_the_last_bin() -> None:
    shares, gold = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 0])
    (only,) = reliability(shares, gold)
    assert (only.low, only.high, only.n, only.accuracy) == (0.9, 1.0, 2, 0.5)
    assert gap(reliability(shares, gold)) == 0.5


@pytest.mark.parametrize("bins", [1, 5, 10, 15])
def test_bins_add_up(bins: int) -> None:
    shares, gold = drawn(500, 4, seed=1)
    found = reliability(shares, gold, bins)
    assert sum(b.n for b in found) == 500
    right = sum(b.n * b.accuracy for b in found) / 500
    assert right == pytest.approx((shares.argmax(axis=1) == gold).mean())
    assert sum(b.n * b.confidence for b in found) / 500 == pytest.approx(shares.max(axis=1).mean())
    assert all(b.low <= b.confidence <= b.high for b in found)


def test_bins_are_scikit_learns() -> None:
    from sklearn.calibration import calibration_curve

    shares, gold = drawn(400, 3, seed=2)
    right = shares.argmax(axis=1) == gold
    accuracies, confidences = calibration_curve(right, shares.max(axis=1), n_bins=10)
    found = reliability(shares, gold)
    assert [b.accuracy for b in found] == pytest.approx(accuracies)
    assert [b.confidence for b in found] == pytest.approx(confidences)


def test_calibration_error_tells_honest_from_boasting() -> None:
    shares, gold = drawn(4000, 3, seed=3)
    honest = gap(reliability(shares, gold))
    boasting = shares**3 / (shares**3).sum(axis=1, keepdims=True)
    assert honest < 0.03
    assert gap(reliability(boasting, gold)) > 0.1


def test_brier_by_hand_and_by_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss

    by_hand = np.mean([2 * 0.1**2, 2 * 0.8**2, 2 * 0.15**2, 2 * 0.3**2])
    assert brier(SHARES, GOLD) == pytest.approx(by_hand)
    assert brier(np.array([[0.0, 1.0]]), np.array([0])) == 2.0
    assert brier(SHARES, GOLD) == pytest.approx(2 * brier_score_loss(GOLD, SHARES[:, 1]))


def test_log_loss_is_scikit_learns() -> None:
    from sklearn.metrics import log_loss as sklearn_log_loss

    assert log_loss(SHARES, GOLD) == pytest.approx(-np.log([0.9, 0.2, 0.85, 0.7]).mean())
    shares, gold = drawn(300, 5, seed=4)
    assert log_loss(shares, gold) == pytest.approx(sklearn_log_loss(gold, shares, labels=range(5)))


def test_log_loss_of_the_impossible_is_finite() -> None:
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-12))


def test_selective_accuracy_by_hand() -> None:
    """Most confident first: right (0.9), right (0.85), wrong (0.8), right (0.7)."""
    assert selective(SHARES, GOLD, [1.0, 0.75, 0.5, 0.25]) == pytest.approx([3 / 4, 2 / 3, 1.0, 1.0])
    assert selective(SHARES, GOLD, [0.01]) == [1.0]


def test_selective_accuracy_rises_where_confidence_means_something() -> None:
    shares, gold = drawn(3000, 3, seed=5)
    all_of_them, half, few = selective(shares, gold, [1.0, 0.5, 0.1])
    assert all_of_them == pytest.approx((shares.argmax(axis=1) == gold).mean())
    assert all_of_them + 0.05 < half < few - 0.05


def test_claimed_confidence_is_binned_like_probabilities() -> None:
    found = binned(SHARES.max(axis=1), SHARES.argmax(axis=1) == GOLD)
    assert found == reliability(SHARES, GOLD)
    assert gap(found) == gap(reliability(SHARES, GOLD))


def test_coverage_by_hand() -> None:
    """Answers of one confidence come together: between 0.9 (right) and 0.8 (one of two right) is nothing."""
    confidence, right = np.array([0.8, 0.9, 0.8]), np.array([True, True, False])
    assert risk_coverage(confidence, right) == [Kept(0.9, 1 / 3, 1.0), Kept(0.8, 1.0, 2 / 3)]
    assert risk_coverage(confidence, right, total=6)[-1] == Kept(0.8, 0.5, 2 / 3)
    assert risk_coverage(np.array([]), np.array([], dtype=bool)) == []


def test_constant_confidence_has_one_point() -> None:
    right = np.array([True] * 47 + [False] * 13)
    assert risk_coverage(np.ones(60), right) == [Kept(1.0, 1.0, 47 / 60)]


def test_coverage_goes_with_selective_accuracy() -> None:
    shares, gold = drawn(200, 3, seed=6)
    points = risk_coverage(shares.max(axis=1), shares.argmax(axis=1) == gold)
    assert [p.accuracy for p in points] == pytest.approx(
        selective(shares, gold, [p.coverage for p in points])
    )
