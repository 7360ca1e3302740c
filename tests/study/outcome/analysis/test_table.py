"""The learned table against every table there is, and the direct rival against scikit-learn."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.study.figures.arm import Settings
from routerlab.study.outcome.analysis.direct import PENALTIES, components, predicted, ridge
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.table import (
    Wanted,
    cross_fitted,
    fit,
    folds,
    learned_routes,
    on_other_tasks,
)
from routerlab.study.outcome.matrix import Matrix
from tests.study.outcome.analysis.harness import LABELS, matrix, routes


def some(n: int = 60, seed: int = 0) -> tuple[Matrix, NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    m = matrix(rng.random((n, 3)), rng.random((n, 3)) + np.arange(3), models=("a", "b", "c"))
    return m, rng.integers(0, 4, n)


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(cost=1.2), Wanted(quality=0.52)])
def test_the_table_is_the_best_of_all_tables(wanted: Wanted) -> None:
    m, of = some()
    found = fit(m, of, 4, wanted)
    rows = np.arange(60)

    def judge(table: tuple[int, ...]) -> tuple[float, float]:
        columns = np.array(table)[of]
        return float(m.score[rows, columns].mean()), float(m.cost[rows, columns].mean())

    every = [judge(table) for table in product(range(3), repeat=4)]
    quality, cost = judge(tuple(found))
    if wanted.quality is not None:
        assert quality >= wanted.quality - 1e-5
        assert cost == pytest.approx(min(c for q, c in every if q >= wanted.quality))
    else:
        most = wanted.cost if wanted.cost is not None else np.inf
        assert cost <= most * (1 + 1e-6)
        assert quality == pytest.approx(max(q for q, c in every if c <= most))


def test_what_no_table_can_do_is_said() -> None:
    m, of = some()
    with pytest.raises(LabError, match=r"no table is so good: the best has a mean score of 0\.\d+"):
        fit(m, of, 4, Wanted(quality=0.99))
    with pytest.raises(LabError, match=r"no table is so cheap: the cheapest costs \d+"):
        fit(m, of, 4, Wanted(cost=0.001))


def test_of_equal_models_the_cheaper_is_taken_and_a_label_without_tasks_goes_where_most_do() -> None:
    m = matrix([[1, 1], [1, 1], [0, 1]])
    assert fit(m, np.array([0, 0, 1]), 3, Wanted()).tolist() == [0, 1, 1]


def test_a_group_is_never_on_both_sides() -> None:
    groups = tuple(f"g{i // 3}" for i in range(30))
    for train, test in folds(Tasks(groups, Settings())):
        assert not {groups[i] for i in train} & {groups[i] for i in test}
        assert len(train) + len(test) == 30


def test_a_table_is_judged_on_other_tasks_than_it_was_fitted_to() -> None:
    """Labels that each come once fit their own tasks perfectly, and say nothing of others."""
    rng = np.random.default_rng(0)
    score = np.eye(2)[rng.integers(0, 2, 100)]
    m = matrix(score, np.ones((100, 2)))
    shares = cross_fitted(m, Tasks(m.group, Settings()), np.arange(100))
    assert (shares * score).sum(axis=1).mean() < 0.65


def test_a_learned_routes_file_keeps_constraints_and_measured_lengths() -> None:
    m = matrix([[0, 1], [0, 1], [1, 0]], labels=[LABELS[0], LABELS[0], LABELS[1]])
    base = routes()
    found = learned_routes(m, m.labels, base, Wanted(), "mine")
    assert [(r.model, r.output_tokens) for r in found.route] == [("large", 20), ("small", 20)]
    kept = base.route[0].model_copy(update={"regions": ("local",)})
    here = base.model[0].model_copy(update={"region": "local"})
    bound = base.model_copy(update={"route": (kept, base.route[1]), "model": (here, base.model[1])})
    assert learned_routes(m, m.labels, bound, Wanted(), "mine").route[0].model == "small"
    with pytest.raises(LabError, match="no task has a label of table"):
        learned_routes(m, [None] * 3, base, Wanted(), "mine")


def test_a_label_that_may_go_to_no_measured_model_is_named() -> None:
    m = matrix([[0, 1], [1, 0]], labels=LABELS)
    base = routes()
    kept = base.route[0].model_copy(update={"regions": ("local",)})
    bound = base.model_copy(update={"route": (kept, base.route[1])})
    with pytest.raises(LabError, match=r"'easy one' of table .* may go to none of the models .*small, large"):
        learned_routes(m, m.labels, bound, Wanted(), "mine")


def test_what_a_table_gets_on_other_tasks_is_within_its_constraints() -> None:
    """The large model is always right, but what has no label goes to the default and the rest must not."""
    labels = [*LABELS * 20, None]
    m = matrix([[0, 1]] * 41, labels=labels)
    base = routes()
    here = base.model[0].model_copy(update={"region": "local"})
    kept = [route.model_copy(update={"regions": ("local",)}) for route in base.route]
    bound = base.model_copy(update={"route": tuple(kept), "model": (here, base.model[1])})
    shares = on_other_tasks(m, Tasks(m.group, Settings()), labels, bound, Wanted())
    assert (shares.argmax(axis=1) == [0] * 40 + [1]).all()


def test_ridge_is_scikit_learns_with_the_penalty_of_least_error() -> None:
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(1)
    x, others = rng.normal(size=(40, 60)), rng.normal(size=(5, 60))
    y = (x[:, 0] + rng.normal(0, 0.5, 40))[:, None]
    losses = []
    for penalty in PENALTIES:
        left_out = [
            Ridge(alpha=penalty).fit(np.delete(x, i, 0), np.delete(y, i, 0)).predict(x[i : i + 1])
            for i in range(40)
        ]
        losses.append(float(((np.array(left_out).ravel() - y.ravel()) ** 2).sum()))
    # In closed form the penalty is chosen with the intercept's share of leverage: the same, or its neighbour.
    near = [Ridge(alpha=PENALTIES[np.argsort(losses)[k]]).fit(x, y).predict(others).ravel() for k in (0, 1)]
    own = ridge(x, y, others).ravel()
    assert min(np.abs(own - one).max() for one in near) < 1e-6


def test_components_keep_the_distances() -> None:
    x = np.random.default_rng(2).normal(size=(20, 50))
    z = (x - x.mean(0)) / x.std(0)
    found = components(x)
    assert found @ found.T == pytest.approx(z @ z.T, abs=1e-8)


def test_a_direct_router_finds_what_features_say() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 30))
    score = np.column_stack([x[:, 0] > 0, x[:, 0] <= 0]).astype(float)
    m = matrix(score)
    found, _ = predicted(m, Tasks(m.group, Settings()), x)
    assert (score[np.arange(200), found.argmax(axis=1)]).mean() > 0.85
