import numpy as np
import pytest

from routerlab.study.figures.arm import Settings
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.signal import centred, codes, eta_squared, relative, shuffled_p, signal
from tests.study.outcome.analysis.harness import matrix, planted


def one_block(n: int) -> np.ndarray:
    return np.zeros(n, dtype=int)


def test_eta_squared_is_that_of_an_analysis_of_variance() -> None:
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 60)
    gain = rng.normal(size=60) + labels * 0.4
    score = np.column_stack([np.zeros(60), gain])
    dummies = (labels[:, None] == [1, 2]).astype(float)
    fitted = OLS(gain, np.column_stack([np.ones(60), dummies])).fit()
    assert eta_squared(relative(score), labels) == pytest.approx(fitted.rsquared)


def test_the_shuffled_p_is_about_that_of_f() -> None:
    from scipy import stats

    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 90)
    gain = rng.normal(size=90) + labels * 0.25
    values = relative(np.column_stack([np.zeros(90), gain]))
    own = shuffled_p(values, labels, one_block(90), np.arange(90), 20_000, 0)
    assert own == pytest.approx(stats.f_oneway(*(gain[labels == i] for i in range(3))).pvalue, abs=0.01)


def test_within_sets_what_only_tells_sets_apart_is_no_signal() -> None:
    rng = np.random.default_rng(6)
    sets = np.repeat([0, 1], 100)
    labels = np.where(rng.random(200) < 0.9, sets, 1 - sets)
    values = relative(np.column_stack([np.zeros(200), sets + rng.normal(0, 0.5, 200)]))
    assert shuffled_p(values, labels, one_block(200), np.arange(200), 2000, 0) < 0.01
    assert shuffled_p(centred(values, sets), labels, sets, np.arange(200), 2000, 0) > 0.05


def test_groups_are_shuffled_whole() -> None:
    """Ten copies of each task say no more than the tasks: p stays where it was."""
    m, _ = planted(60, 0.3, 1.0, 8)
    labels, values = codes(m.labels), relative(m.score)
    alone = shuffled_p(values, labels, one_block(60), np.arange(60), 5000, 0)
    again = np.repeat(np.arange(60), 10)
    copied = shuffled_p(values[again], labels[again], one_block(600), again, 5000, 0)
    assert copied == pytest.approx(alone, abs=0.03)


def test_without_signal_p_is_uniform_over_many_runs() -> None:
    ps = []
    for seed in range(2000):
        rng = np.random.default_rng(seed)
        labels, values = rng.integers(0, 2, 40), relative(rng.normal(size=(40, 2)))
        ps.append(shuffled_p(values, labels, one_block(40), np.arange(40), 99, seed))
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_what_a_table_can_reach() -> None:
    m, _ = planted(400, 1.0, 1.0, 0)  # each model answers just its own kind
    found = signal("gold labels", m, Tasks(m.group, Settings(resamples=500)), m.labels)
    assert found.eta_squared > 0.9
    assert found.p < 0.01
    assert found.by_label_cross.value == found.by_task.value == 1.0
    assert found.reach is not None
    assert found.reach.value == pytest.approx(1.0)
    noise, _ = planted(400, 0.0, 1.0, 0)
    none = signal("gold labels", noise, Tasks(noise.group, Settings(resamples=500)), noise.labels)
    assert none.reach is not None
    assert none.reach.value < 0.2
    assert none.by_label.value >= none.by_label_cross.value - 0.01


def test_labels_within_sets_are_told_where_sets_are_known() -> None:
    m = matrix(np.eye(2)[[0, 1] * 10], labels=["a", "b"] * 10, source=["x"] * 10 + ["y"] * 10)
    found = signal("gold labels", m, Tasks(m.group, Settings(resamples=500)), m.labels)
    assert found.within == pytest.approx(1.0)
