"""Heads: scikit-learn's own decision, a temperature that is found again, folds that do not leak."""

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from routerlab.core.statistics.calibration import log_loss
from routerlab.engine.contract.scaling import label_shares, softmax
from routerlab.tune.cases import Ints, splits
from routerlab.tune.choose import FOLDS
from routerlab.tune.fit import (
    LBFGS,
    NEVER,
    STRENGTHS,
    Linear,
    calibrated_loss,
    certain,
    fit,
    honest_temperature,
    out_of_fold,
    temperature,
)
from tests.tune.harness import balanced, noise, telling


def reference(features: np.ndarray, gold: Ints, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities, decisions) of the library's own scaler and regression on the same rows. Two labels it
    writes as one contrast, whose penalty is twice that of two rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler: Any = StandardScaler()  # type: ignore[no-untyped-call]
    scaled = scaler.fit_transform(features.astype(np.float64))
    c = strength / features.shape[1] * (2 if len(set(gold)) == 2 else 1)
    model: Any = LogisticRegression(C=c, max_iter=9999, tol=1e-8)  # type: ignore[no-untyped-call]
    model.fit(scaled, gold)
    return np.asarray(model.predict_proba(scaled)), np.asarray(model.predict(scaled))


@pytest.mark.parametrize("labels", [2, 3, 6])
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("columns", [12, 150, 400], ids=["tall", "square", "wide"])
def test_a_head_is_scikit_learns_with_the_scaling_folded_in(
    labels: int, strength: float, columns: int
) -> None:
    """However many features there are for 150 rows."""
    gold = balanced(150, labels)
    features = telling(gold, columns, 1.5, seed=labels) * np.float32(7.0) + np.float32(3.0)
    features[:, 0] *= 100.0
    head = fit(features, certain(gold, labels), strength)
    assert head.weights.shape == (labels, columns)
    shares, decisions = reference(features, gold, strength)
    logits = head.logits(features)
    assert softmax(logits) == pytest.approx(shares, abs=5e-3)
    assert (logits.argmax(axis=1) == decisions).mean() > 0.99


@pytest.mark.parametrize("present", [(0, 2, 3), (1, 3)], ids=["three of five", "two of five"])
def test_a_label_without_a_case_is_never_answered(present: tuple[int, ...]) -> None:
    own = balanced(90, len(present))
    gold, features = np.array(present)[own], telling(own, 8, 2.0, seed=1)
    head = fit(features, certain(gold, 5), 3.0)
    absent = [k for k in range(5) if k not in present]
    assert (head.bias[absent] == NEVER).all()
    assert (head.weights[absent] == 0).all()
    shares, _ = reference(features, gold, 3.0)
    assert softmax(head.logits(features))[:, list(present)] == pytest.approx(shares, abs=5e-3)
    far = noise(1000, 8, seed=2) * np.float32(5.0)
    assert set(head.logits(far).argmax(axis=1)) <= set(present)


def test_a_mixture_tells_labels_that_look_otherwise_in_another_kind() -> None:
    """The same sign of label a in one kind is one of label b in the other."""
    gold, kind = balanced(400, 2), np.repeat([0, 1], 200)
    features = noise(400, 6, seed=9)
    features[:, 0] += np.where(gold == kind, 3.0, -3.0)
    features[:, 1] += np.where(kind == 1, 6.0, 0.0)
    target = np.zeros((400, 2, 3))
    target[np.arange(400), kind, gold] = 1.0
    mixture = fit(features, target, 30.0)
    assert mixture.weights.shape == (2, 3, 6)
    shares = mixture.shares(features)
    assert shares.shape == (400, 3)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert (shares.argmax(axis=1) == gold).mean() > 0.98
    assert shares[:, 2].max() < 1e-9  # of which no kind has a case
    plain = fit(features, certain(gold, 3), 30.0).shares(features)
    assert (plain.argmax(axis=1) == gold).mean() < 0.8
    assert label_shares(mixture.logits(features) / 2) == pytest.approx(mixture.tempered(2.0).shares(features))


def test_kinds_learn_from_each_other() -> None:
    """Of twelve cases a kind learns more where three hundred of another, much like them, stand beside."""
    gold, features = balanced(912, 3), telling(balanced(912, 3), 40, 1.5, seed=10)
    few, many, tested = np.arange(12), np.arange(312), np.arange(312, 912)
    alone = fit(features[few], certain(gold[few], 3), 10.0).shares(features[tested])
    target = np.zeros((312, 2, 3))
    target[many, np.where(many < 12, 0, 1), gold[many]] = 1.0
    mixture = fit(features[many], target, 10.0)
    own = Linear(mixture.weights[0], mixture.bias[0]).shares(features[tested])
    right = [(shares.argmax(axis=1) == gold[tested]).mean() for shares in (alone, own)]
    assert right[1] > right[0] + 0.1


def test_a_feature_that_never_changes_does_no_harm() -> None:
    gold = balanced(60, 3)
    features = telling(gold, 6, 2.0, seed=3)
    features[:, 5] = 4.0
    head = fit(features, certain(gold, 3), 3.0)
    assert np.isfinite(head.weights).all()
    assert (head.logits(features).argmax(axis=1) == gold).mean() > 0.8


@pytest.mark.parametrize("columns", [6, 900], ids=["tall", "wide"])
def test_features_that_say_nothing_make_a_head_all_the_same(columns: int) -> None:
    gold = balanced(60, 3)
    shares = fit(np.ones((60, columns), dtype=np.float32), certain(gold, 3), 3.0).shares(noise(5, columns, 1))
    assert shares == pytest.approx(np.full((5, 3), 1 / 3), abs=1e-3)


@pytest.mark.parametrize("true", [0.2, 0.5, 1.0, 3.0, 8.0])
def test_temperature_is_found_again(true: float) -> None:
    rng = np.random.default_rng(4)
    honest = rng.standard_normal((20000, 4)) * 2.0
    gold = np.array([rng.choice(4, p=row) for row in softmax(honest)])
    assert temperature(honest * true, gold) == pytest.approx(true, rel=0.05)


def test_temperature_stays_within_bounds() -> None:
    logits = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert temperature(logits, np.array([0, 1])) == pytest.approx(0.05, rel=0.01)
    assert temperature(logits, np.array([1, 0])) == pytest.approx(20.0, rel=0.01)


def test_calibrated_loss_is_the_least_of_all_temperatures() -> None:
    gold = balanced(300, 3)
    logits = telling(gold, 3, 1.0, seed=5).astype(np.float64) * 4.0
    loss, best = calibrated_loss(logits, gold)
    assert loss == pytest.approx(log_loss(softmax(logits / best), gold))
    grid = [log_loss(softmax(logits / t), gold) for t in np.geomspace(0.05, 20, 200)]
    assert loss <= min(grid) + 1e-6


def test_rows_count_for_what_they_sum_to() -> None:
    """Nothing tells the labels apart but how heavy they are."""
    gold, features = balanced(200, 2), noise(200, 3, seed=3)
    weight = np.where(gold == 0, 3.0, 1.0)[:, None]
    shares = fit(features, certain(gold, 2) * weight, 3.0).shares(features)
    assert (weight * shares).sum(axis=0) / weight.sum() == pytest.approx([0.75, 0.25], abs=1e-3)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often each fit computed its loss."""
    taken: list[int] = []
    own: Any = minimize

    def counted(*args: Any, **kwargs: Any) -> Any:
        found = own(*args, **kwargs)
        taken.append(found.nfev)
        return found

    monkeypatch.setattr("scipy.optimize.minimize", counted)
    return taken


def correlated(n: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Features as alike as a layer's outputs, and the target of a mixture in which one kind lacks a label."""
    gold, kind = balanced(n, 3), np.repeat([0, 1], n // 2)
    few = telling(gold, 12, 0.5, seed=4) @ noise(12, columns, seed=5)
    target = np.zeros((n, 2, 4))
    target[np.arange(n), kind, gold] = 1.0
    return (few + noise(n, columns, seed=6) * np.float32(0.3)) * np.float32(3.0) + np.float32(2.0), target


@pytest.mark.parametrize("columns", [40, 1500], ids=["tall", "wide"])
def test_a_start_spares_steps_and_finds_the_same(
    columns: int, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the head of another strength."""
    features, target = correlated(300, columns)
    start = fit(features, target, 10.0)
    steps.clear()
    took = np.zeros(2)
    for strength in (3.0, 30.0):
        cold, warm = fit(features, target, strength), fit(features, target, strength, start)
        took += steps
        with monkeypatch.context() as patch:
            patch.setitem(LBFGS, "ftol", 1e-12)
            exact = fit(features, target, strength).shares(features)
            steps.clear()
        off = [abs(head.shares(features) - exact).max() for head in (cold, warm)]
        assert off[1] < max(off[0], 1e-2)
        assert (warm.bias[:, 3] == NEVER).all()
    assert took[1] < took[0]


@pytest.mark.parametrize("columns", [200, 900], ids=["tall", "square"])
def test_a_sample_of_the_rows_spares_steps(
    columns: int, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And finds the same head, closer."""
    features, target = correlated(900, columns)
    heads = []
    for sampled, close in ((300, 1e-5), (1, 1e-5), (1, 1e-12)):
        monkeypatch.setattr("routerlab.tune.fit.SAMPLED", sampled)
        monkeypatch.setitem(LBFGS, "ftol", close)
        heads.append(fit(features, target, 10.0).shares(features))
    assert steps[0] < 0.7 * steps[1]
    off = [abs(shares - heads[2]).max() for shares in heads]
    assert off[0] < max(off[1], 1e-2)


def test_no_row_is_judged_by_a_head_that_saw_it() -> None:
    """Random labels in more dimensions than rows: a head knows its own by heart, no others."""
    gold = np.random.default_rng(6).integers(0, 3, 240)
    features = noise(240, 300, seed=7)
    by_heart = fit(features, certain(gold, 3), STRENGTHS[-1]).logits(features).argmax(axis=1)
    assert (by_heart == gold).mean() == 1.0
    folds = splits(gold, np.arange(240), 5, seed=0)
    unseen = out_of_fold(features, certain(gold, 3), STRENGTHS[-1], folds).argmax(axis=1)
    assert 0.20 < (unseen == gold).mean() < 0.47  # a third, give or take four standard errors


def test_out_of_fold_logits_are_those_of_the_folds_heads() -> None:
    gold, features = balanced(60, 3), telling(balanced(60, 3), 5, 1.0, seed=8)
    folds = splits(gold, np.arange(60), 4, seed=1)
    found = out_of_fold(features, certain(gold, 3), 3.0, folds)
    for fitted, tested in folds:
        expected = fit(features[fitted], certain(gold, 3)[fitted], 3.0).logits(features[tested])
        assert found[tested] == pytest.approx(expected)


def test_what_is_chosen_is_chosen_in_three_seeded_folds() -> None:
    gold, group = balanced(90, 3), np.arange(90) // 2
    folds = splits(gold, group, FOLDS, seed=5)
    assert len(folds) == 3
    again = splits(gold, group, FOLDS, seed=5)
    assert all((a[1] == b[1]).all() for a, b in zip(folds, again, strict=True))
    assert all(not set(group[a]) & set(group[b]) for a, b in folds)


def test_the_temperature_is_that_of_the_cases_on_which_most_is_claimed() -> None:
    rng = np.random.default_rng(5)
    gold, part = rng.integers(0, 3, 600), np.repeat([0, 1, 2], [300, 250, 50])
    logits = rng.normal(size=(600, 3))
    logits[np.arange(600), gold] += np.array([4.0, 1.0, -1.0])[part]
    own = [temperature(logits[part == k], gold[part == k]) for k in range(3)]
    assert own[0] < own[1] < own[2]
    assert honest_temperature(logits, gold, part) == own[1]  # the third has too few to tell
    assert honest_temperature(logits, gold, np.zeros(600, int)) == temperature(logits, gold)
    few = slice(550, 600)
    assert honest_temperature(logits[few], gold[few], part[few]) == own[2]
