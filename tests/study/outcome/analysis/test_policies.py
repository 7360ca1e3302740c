import numpy as np
import pytest

from routerlab.core.errors import LabError
from routerlab.study.outcome.analysis import policies as p
from tests.study.outcome.analysis.harness import LABELS, matrix, routes

EASY, HARD = LABELS


def test_only_tasks_that_every_model_answered_are_judged() -> None:
    found, left_out = p.complete(matrix([[1, 0], [np.nan, 1], [0, 1]], labels=["a", "b", "c"]))
    assert (found.tasks, found.labels, left_out) == (("t0", "t2"), ("a", "c"), 1)
    assert found.score.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(LabError, match="no task that every model"):
        p.complete(matrix([[1, np.nan], [np.nan, 1]]))


def test_the_control_is_the_tables_default_or_the_best_model() -> None:
    m = matrix([[1, 0, 1], [1, 0, 1]], models=("small", "medium", "large"))
    table = routes(("medium", "large"))
    assert p.control(m, table).shares.tolist() == [[0, 0, 1]] * 2
    assert p.control(m, None).shares.tolist() == [[1, 0, 0]] * 2  # as good as large, and cheaper


def test_labels_lead_where_the_table_says_and_none_to_the_default() -> None:
    m = matrix([[1, 0], [1, 0], [1, 0]])
    found = p.by_labels("r", "router", m, [EASY, HARD, None], routes())
    assert found.shares.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert p.like(found, m).shares == pytest.approx(np.full((3, 2), [1 / 3, 2 / 3]))


def test_a_label_or_model_that_does_not_fit_is_named() -> None:
    m = matrix([[1, 0]])
    with pytest.raises(LabError, match=r"r: label 'other' has no \[\[route\]\].*easy one, hard one"):
        p.by_labels("r", "router", m, ["other"], routes())
    with pytest.raises(LabError, match=r"model 'huge' of the routing table has no outcomes.*small, large"):
        p.check_models(m, routes(("small", "huge")))


def test_the_oracle_takes_the_cheapest_right_answer_and_else_the_best() -> None:
    score = np.array([[1, 1, 1], [0, 1, 1], [0.2, 0.2, 0.1], [0.2, 0.5, 0.6]])
    m = matrix(score, models=("a", "b", "c"))
    assert p.oracle(m).shares.argmax(axis=1).tolist() == [0, 1, 0, 2]


def test_shares_of_every_policy_sum_to_one() -> None:
    m = matrix(np.random.default_rng(0).random((20, 2)), labels=[EASY, HARD] * 10)
    own = p.by_labels("gold", "gold", m, m.labels, routes())
    for one in (p.control(m, routes()), p.single(m, "small"), own, p.like(own, m), p.oracle(m)):
        assert one.shares.sum(axis=1) == pytest.approx(np.ones(20))
