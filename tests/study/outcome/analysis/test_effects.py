"""The effect of a right label: by hand, against scipy, and in simulations of many seeded runs."""

import numpy as np
import pytest

from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.effects import break_even, flipped, right_label
from routerlab.study.outcome.analysis.policies import by_labels, control
from tests.study.outcome.analysis.harness import LABELS, matrix, planted, routes

EASY, HARD = LABELS
QUICK = Settings(resamples=500)


def test_the_matched_effect_by_hand() -> None:
    # Small answers easy ones, large hard ones. Four of six labels are right; the wrong ones lose 1 and 0.
    score = [[1, 0], [1, 0], [0, 1], [0, 1], [1, 0], [1, 1]]
    gold = [EASY, EASY, HARD, HARD, EASY, HARD]
    said = [EASY, EASY, HARD, HARD, HARD, EASY]
    m = matrix(score, labels=gold, difficulty=["easy"] * 6)
    tasks, table = Tasks(m.group, QUICK), routes()
    router = by_labels("r", "router", m, said, table)
    right = by_labels("gold", "gold", m, gold, table)
    found = right_label(m, tasks, router, right, control(m, table))
    assert found is not None
    assert (found.tasks, found.wrong, found.strayed) == (6, 2, 2)
    assert found.matched is not None
    assert found.matched.value == pytest.approx(0.5)
    assert found.per_point == pytest.approx(0.005)
    # Cost by hand: task 4 is 1 instead of 2, task 5 is 2 instead of 1: nothing between them.
    assert found.matched_cost is not None
    assert found.matched_cost.value == pytest.approx(0.0)
    # Easy: right 1, 1 against wrong 0; hard: right 1, 1 against wrong 1. Weights 2/3 each.
    assert found.apart is not None
    assert found.apart.value == pytest.approx(0.5)
    # Gold scores 1, the control (large) 0.5: at 1 - a = 0.5 / 0.5 it is as good, so at any accuracy.
    assert found.break_even == pytest.approx(0.0)


def test_a_wrong_label_that_leads_to_a_dearer_model_is_judged_at_equal_cost() -> None:
    # Small is right on half, large on all, at 1 and 2: money buys 0.5 a unit. Two easy ones are sent to large
    # by mistake: each scores 0.5 more for 1 more, just what it is worth, so nothing is left at equal cost.
    score = [[1, 1], [0, 1], [1, 1], [0, 1]]
    m = matrix(score, labels=[EASY, EASY, HARD, HARD])
    router = by_labels("r", "router", m, [HARD, HARD, HARD, HARD], routes())
    right = by_labels("gold", "gold", m, m.labels, routes())
    found = right_label(m, Tasks(m.group, QUICK), router, right, control(m, routes()))
    assert found is not None
    assert found.matched is not None
    assert found.net is not None
    assert found.matched_cost is not None
    assert [found.matched.value, found.matched_cost.value] == pytest.approx([-0.5, -1000])
    assert found.net.value == pytest.approx(0.0)


def test_break_even_is_where_the_line_of_quality_meets_the_other() -> None:
    # Right labels give 0.8, the other 0.7; a wrong label costs 0.4: a quarter may be wrong.
    def cost(value: float) -> Estimate:
        return Estimate(value=value, low=None, high=None)

    point, says = break_even(0.8, 0.7, cost(0.4), 10, "the control")
    assert point == pytest.approx(0.75)
    assert says == "as good as the control from an accuracy of 0.750 on"
    assert break_even(0.6, 0.7, cost(0.4), 10, "it")[0] is None
    assert break_even(0.8, 0.7, cost(-0.1), 10, "it")[0] == 0.0
    assert break_even(0.8, 0.7, None, 0, "it")[0] is None


def test_flipped_signs_are_scipys_permutation_test() -> None:
    from scipy.stats import permutation_test  # type: ignore[attr-defined]

    rng = np.random.default_rng(5)
    differences = rng.normal(0.3, 1, 40)
    own = flipped(differences, np.arange(40), 20_000, 0)
    theirs = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=1
    ).pvalue
    assert own == pytest.approx(theirs, abs=0.01)


def test_differences_of_a_group_are_flipped_together() -> None:
    # Ten tasks of one group say no more than one: its sign alone is p = 1.
    assert flipped(np.ones(10), np.zeros(10, dtype=int), 999, 0) == 1.0
    assert flipped(np.zeros(5), np.arange(5), 999, 0) == 1.0


def simulated(effect: float, runs: int, n: int = 150) -> tuple[float, float]:
    """The share of planted runs in which the matched effect's interval lies above 0, and below it.

    Every run is two columns, so that one bootstrap serves all: what `right_label` does, many times at once.
    """
    rng = np.random.default_rng(11)
    wrong = rng.random((n, runs)) > 0.7
    right, strayed = (rng.random((2, n, runs)) < 0.5 + np.array([effect, -effect])[:, None, None] / 2) * 1.0
    sums = Tasks((None,) * n, QUICK).sums(np.hstack([wrong * (right - strayed), wrong * 1.0]))
    low, high = np.quantile(sums[:, :runs] / sums[:, runs:], [0.025, 0.975], axis=0)
    return float((low > 0).mean()), float((high < 0).mean())


def test_a_planted_effect_is_found_and_none_is_within_its_error_rate() -> None:
    above, below = simulated(0.0, 2000)
    assert above + below == pytest.approx(0.05, abs=0.02)
    assert simulated(0.6, 2000)[0] > 0.95


def test_the_analysis_finds_what_is_planted() -> None:
    table = routes()
    m, said = planted(300, 0.6, 0.7, 1)
    router, right = (by_labels("r", "router", m, labels, table) for labels in (said, m.labels))
    found = right_label(m, Tasks(m.group, QUICK), router, right, control(m, table))
    assert found is not None
    assert found.matched is not None
    assert found.matched.low is not None
    assert 0 < found.matched.low < 0.6 < (found.matched.high or 0)
    assert found.p is not None
    assert found.p < 0.01
