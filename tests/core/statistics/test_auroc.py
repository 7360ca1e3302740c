"""The area under the ROC curve, against scikit-learn and DeLong's definition written out."""

import numpy as np
import pytest

from routerlab.core.statistics.auroc import Doubles, auroc


def drawn(m: int, n: int, seed: int) -> tuple[Doubles, Doubles]:
    """Two kinds that overlap, with ties."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 1, m).round(1), rng.normal(0.8, 1.5, n).round(1)


@pytest.mark.parametrize("seed", range(5))
def test_area_is_that_of_scikit_learn(seed: int) -> None:
    from sklearn.metrics import roc_auc_score

    low, high = drawn(37, 111, seed)
    gold = [0] * len(low) + [1] * len(high)
    assert auroc(low, high)[0] == pytest.approx(roc_auc_score(gold, np.concatenate([low, high])))


def test_area_by_hand() -> None:
    """Of six pairs four are in order and one is a tie."""
    assert auroc(np.array([0.1, 0.5]), np.array([0.5, 0.3, 0.9]))[0] == pytest.approx(4.5 / 6)


def test_interval_is_delongs() -> None:
    """Placements one by one, as in the paper, and back from the logit scale."""
    low, high = drawn(30, 50, 1)
    order = (high[:, None] > low) + 0.5 * (high[:, None] == low)
    error = np.sqrt(order.mean(axis=1).var(ddof=1) / 50 + order.mean(axis=0).var(ddof=1) / 30)
    area, ends = auroc(low, high)
    assert ends is not None
    reach = 1.959964 * error / (area * (1 - area))
    assert [np.log(end / (1 - end)) - np.log(area / (1 - area)) for end in ends] == pytest.approx(
        [-reach, reach], abs=1e-5
    )


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Normal kinds, one standard deviation apart: the area is Phi(1 / sqrt 2)."""
    truth, rng = 0.7602, np.random.default_rng(0)
    found = [auroc(rng.normal(0, 1, 40), rng.normal(1, 1, 60))[1] for _ in range(400)]
    assert sum(ends is not None and ends[0] < truth < ends[1] for ends in found) / 400 >= 0.93


def test_no_interval_where_the_variance_is_nothing_or_unknown() -> None:
    assert auroc(np.array([0.1, 0.2]), np.array([0.3, 0.4])) == (1.0, None)
    assert auroc(np.array([0.3, 0.4]), np.array([0.1, 0.2])) == (0.0, None)
    assert auroc(np.array([0.2]), np.array([0.1, 0.3]))[1] is None
    assert auroc(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == (0.5, None)
