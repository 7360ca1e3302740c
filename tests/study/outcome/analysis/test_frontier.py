"""Curves against examples worked by hand."""

import numpy as np
import pytest

from routerlab.study.outcome.analysis.frontier import aiq, deferral, envelope, mix, mixes


def ar(*values: float) -> np.ndarray:
    return np.array(values)


def test_a_mix_of_two_models_is_the_line_between_them() -> None:
    # A at (1, 0.4), B at (3, 0.8): 2 buys half of each. C at (2, 0.5) lies below the line.
    found = envelope(ar(1, 3, 2), ar(0.4, 0.8, 0.5), ar(1, 2, 2.5, 3, 9))
    assert found == pytest.approx(ar(0.4, 0.6, 0.7, 0.8, 0.8))


def test_what_is_dearer_and_worse_is_not_bought_and_nothing_is_cheaper_than_the_cheapest() -> None:
    assert envelope(ar(1, 2), ar(0.7, 0.5), ar(0.5, 1, 2)) == pytest.approx(ar(0.7, 0.7, 0.7))


def test_the_hull_is_scipys() -> None:
    from scipy.spatial import ConvexHull

    rng = np.random.default_rng(3)
    cost, quality = rng.random(30), rng.random(30)
    best = quality.argmax()
    hull = ConvexHull(np.column_stack([cost, quality]))
    upper = [i for i in hull.vertices if cost[i] <= cost[best]]
    at = np.linspace(cost.min(), cost[best], 50)
    # Of the hull's lines each is an upper bound where its normal points up.
    up = hull.equations[hull.equations[:, 1] > 1e-12]
    bound = (-(up[:, :1] * at + up[:, 2:]) / up[:, 1:2]).min(axis=0)
    assert len(upper) > 2
    assert envelope(cost, quality, at) == pytest.approx(bound)


def test_the_best_mix_of_one_or_two_is_the_hull() -> None:
    rng = np.random.default_rng(5)
    cost, quality = rng.random(6), rng.random(6)
    at = np.append(rng.random(20) * 1.2, [cost.min() / 2, cost.max()])
    bound = envelope(cost, quality, at)
    assert [mixes(cost[None], quality[None], one[None]).max() for one in at] == pytest.approx(bound)
    shares, buys = mix(cost, quality, at)
    assert shares @ quality == pytest.approx(bound)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert (buys > 0).any()
    assert (shares @ cost)[buys > 0] == pytest.approx(at[buys > 0])
    assert buys == pytest.approx((envelope(cost, quality, at + 1e-7) - bound) / 1e-7, abs=1e-6)


def test_mixes_are_those_of_the_first_row_and_end_at_their_points() -> None:
    cost, quality = np.tile(ar(1, 3), (3, 1)), np.tile(ar(0.4, 0.8), (3, 1))
    # The cheap model alone, and both at 2; drawn at 4 it is the dear one, at 0.5 the cheap one.
    assert mixes(cost, quality, ar(2, 4, 0.5)) == pytest.approx(
        np.array([[0.4, 0.6], [0.4, 0.8], [0.4, 0.4]])
    )
    assert mixes(cost, quality, ar(0.5, 2, 4)) == pytest.approx(np.full((3, 1), 0.4))
    # Of the same cost but for rounding: none is left out.
    assert mixes(ar(0.3, 0.3 + 1e-15)[None], ar(0.2, 0.9)[None], ar(0.3)).max() == 0.9


def test_aiq_is_the_area_of_trapezoids() -> None:
    # From 1 to 3 the hull rises from 0.4 to 0.8 (mean 0.6), from 3 to 5 it stays: (2 * 0.6 + 2 * 0.8) / 4.
    assert aiq(ar(1, 3, 5), ar(0.4, 0.8, 0.7), ar(1)[0], ar(5)[0]) == pytest.approx(0.7)
    # Only half of the rise lies within 2 to 4: (0.7 + 0.8) / 2.
    assert aiq(ar(1, 3, 5), ar(0.4, 0.8, 0.7), ar(2)[0], ar(4)[0]) == pytest.approx(0.75)
    assert np.isnan(aiq(ar(1, 1), ar(0.4, 0.8), ar(1)[0], ar(1)[0]))


def test_aiq_of_many_draws_is_that_of_each() -> None:
    rng = np.random.default_rng(1)
    cost, quality = rng.random((5, 4)), rng.random((5, 4))
    low, high = cost.min(axis=1), cost.max(axis=1)
    each = [float(aiq(cost[i], quality[i], low[i], high[i])) for i in range(5)]
    assert aiq(cost, quality, low, high) == pytest.approx(each)
    fine = np.linspace(low[0], high[0], 20_001)
    assert each[0] == pytest.approx(float(envelope(cost[0], quality[0], fine).mean()), abs=1e-3)


def test_deferral_by_hand() -> None:
    # Four tasks: the strong model gains 1, 1, 0, -1 on them; the order is right.
    weak, strong = ar(0, 0, 1, 1), ar(1, 1, 1, 0)
    found = deferral(ar(4, 3, 2, 1), weak, strong)
    assert found.share == pytest.approx(ar(0, 0.25, 0.5, 0.75, 1))
    assert found.score == pytest.approx(ar(0.5, 0.75, 1, 1, 0.75))
    # The gap is 0.25: PGR is 0, 1, 2, 2, 1; its area by trapezoids (0.5 + 1.5 + 2 + 1.5) / 4.
    assert found.pgr == pytest.approx(ar(0, 1, 2, 2, 1))
    assert float(found.apgr) == pytest.approx(5.5 / 4)
    assert found.cpt(0.5) == pytest.approx(0.125)
    assert found.cpt(0.8) == pytest.approx(0.2)


def test_apgr_is_the_area_below_a_curve_of_gains() -> None:
    """Where the weak model is never right, what is recovered are the tasks that the strong one has right, in
    order: the area below them is (1 - p) AUROC + p / 2 for a share p of these. Tied ones count half."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(7)
    strong = (rng.random(80) < 0.4).astype(float)
    priority = np.round(strong + rng.normal(size=80), 1)
    area = (1 - strong.mean()) * roc_auc_score(strong, priority) + strong.mean() / 2
    assert float(deferral(priority, np.zeros(80), strong).apgr) == pytest.approx(area)


def test_random_routing_recovers_half_and_needs_as_many_calls_as_it_recovers() -> None:
    found = deferral(np.zeros(4), ar(0, 0, 1, 0), ar(1, 0, 1, 1))
    assert float(found.apgr) == pytest.approx(0.5)
    assert [found.cpt(0.5), found.cpt(0.8)] == pytest.approx([0.5, 0.8])


def test_without_a_gap_there_is_nothing_to_recover() -> None:
    found = deferral(ar(1, 2), ar(1, 1), ar(0, 1))
    assert np.isnan(found.apgr)
    assert found.cpt(0.5) is None


def test_tasks_that_count_several_times_are_as_copies() -> None:
    priority, weak, strong = ar(3, 2, 2, 1), ar(0, 1, 0, 0), ar(1, 1, 1, 0)
    copies = [0, 0, 1, 3, 3, 3]
    drawn = deferral(priority, weak, strong, ar(2, 1, 0, 3)[None])
    same = deferral(priority[copies], weak[copies], strong[copies])
    assert drawn.share[0] == pytest.approx(same.share)
    assert drawn.score[0] == pytest.approx(same.score)
