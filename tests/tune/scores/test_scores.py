"""Calibrating scores, and the learning curve."""

from collections.abc import Callable

import numpy as np
import pytest

from routerlab.core.prediction import Prediction
from routerlab.core.statistics.calibration import gap, log_loss, reliability
from routerlab.engine.contract.names import Encoding
from routerlab.engine.contract.router import Calibration, Row
from routerlab.engine.contract.scaling import Calibrator, log_shares, softmax
from routerlab.tune.answers import Answer
from routerlab.tune.cases import Ints, splits
from routerlab.tune.curve import REPEATS, learning_curve
from routerlab.tune.fit import Doubles
from routerlab.tune.rows import row
from routerlab.tune.scores.fit import cross_validated, debiased, fit_scores
from routerlab.tune.scores.run import best
from routerlab.tune.scores.untuned import logs
from tests.tune.harness import balanced, judged, noise, telling

quiet: Callable[[int, int], None] = lambda done, total: None  # noqa: E731
BIAS = np.array([3.0, 0.0, -2.0])


def biased(n: int, seed: int) -> tuple[Doubles, Ints]:
    """Log p of a model that knows something, prefers the first label whatever is asked, and boasts."""
    gold = balanced(n, 3)
    honest = telling(gold, 3, 1.5, seed).astype(np.float64)
    return log_shares(honest * 3.0 + BIAS), gold


def test_calibration_is_found_again() -> None:
    rng = np.random.default_rng(0)
    logs = log_shares(rng.standard_normal((6000, 3)) * 3)
    shares = softmax(logs / 2.0 + np.array([1.0, 0.0, -1.0]))
    gold = np.array([rng.choice(3, p=p) for p in shares])
    t, bias = fit_scores(logs, gold)
    assert t == pytest.approx(2.0, rel=0.1)
    assert bias - bias.mean() == pytest.approx([1.0, 0.0, -1.0], abs=0.15)


def test_calibration_helps_on_cases_it_was_not_fitted_to() -> None:
    logs, gold = biased(300, seed=1)
    raw = softmax(logs)
    shares = cross_validated(logs, gold, splits(gold, np.arange(300), 5, seed=0))
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert log_loss(shares, gold) < log_loss(raw, gold) - 0.3
    assert (shares.argmax(axis=1) == gold).mean() > (raw.argmax(axis=1) == gold).mean() + 0.05
    assert gap(reliability(shares, gold)) < gap(reliability(raw, gold))


def test_no_row_is_calibrated_by_itself() -> None:
    logs, gold = biased(60, seed=2)
    folds = splits(gold, np.arange(60), 5, seed=0)
    before = cross_validated(logs, gold, folds)
    fitted, tested = folds[0]
    changed = gold.copy()
    changed[tested] = (changed[tested] + 1) % 3
    after = cross_validated(logs, changed, folds)
    assert (before[tested] == after[tested]).all()
    assert not (before[fitted] == after[fitted]).all()


def test_few_cases_give_finite_numbers() -> None:
    logs, gold = np.log(np.array([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01]])), np.array([0, 1])
    t, bias = fit_scores(logs, gold)
    assert 0.01 < t < 100
    assert np.abs(bias).max() < 20


def test_debiasing_takes_off_what_a_label_gets_anyway() -> None:
    """It knows no gold label, only the scores."""
    logs, gold = biased(300, seed=3)
    shares = debiased(logs)
    assert (shares.argmax(axis=1) == gold).mean() > (logs.argmax(axis=1) == gold).mean() + 0.05
    shifted = debiased(logs + np.array([5.0, -7.0, 1.0]))
    assert shifted == pytest.approx(shares)
    assert debiased(logs[[0, 0]]) == pytest.approx(np.full((2, 3), 1 / 3))


def test_logs_are_in_the_labels_order_and_finite() -> None:
    given = ({"b": 0.75, "a": 0.25}, {"a": 1.0, "b": 0.0})
    answers = [Answer(Prediction(status="ok", probabilities=own), None) for own in given]
    found = logs(judged(np.array([0, 1]), 2), answers)
    assert np.exp(found[0]) == pytest.approx([0.25, 0.75])
    assert np.isfinite(found).all()
    assert found[1, 0] == pytest.approx(0.0)


def test_the_calibrator_of_a_router_does_the_same() -> None:
    logs, _ = biased(20, seed=4)
    bias = {"a": 0.5, "c": -1.0}
    calibrator = Calibrator(Calibration(temperature=1.7, bias=bias), ("a", "b", "c"))
    expected = softmax(logs / 1.7 + np.array([0.5, 0.0, -1.0]))
    for score, shares in zip(logs - 4.0, expected, strict=True):  # a constant off every label is nothing
        assert calibrator.probabilities(score) == pytest.approx(shares)


def test_debiasing_by_recent_prompts_forgets_the_older() -> None:
    logs, _ = biased(12, seed=5)
    calibrator = Calibrator(Calibration(recent=4), ("a", "b", "c"))
    found = [calibrator.probabilities(score) for score in logs]
    assert found[0] == pytest.approx([1 / 3] * 3)
    for i in range(12):
        recent = logs[max(0, i - 3) : i + 1]
        assert found[i] == pytest.approx(softmax(logs[i] - recent.mean(axis=0))), i


# --- the learning curve ------------------------------------------------------------------------------------


def test_sizes_double_up_to_all_that_can_be_fitted_to() -> None:
    gold = balanced(300, 3)
    told: list[tuple[int, int]] = []
    tell: Callable[[int, int], None] = lambda d, n: told.append((d, n))  # noqa: E731
    points = learning_curve(telling(gold, 6, 1.0, 1), judged(gold), 3.0, 0, tell)
    assert [p.n for p in points] == [10, 20, 40, 80, 160, 240]
    assert told == [(i, 6) for i in range(1, 7)]
    small = learning_curve(telling(gold[:12], 6, 1.0, 1), judged(gold[:12]), 3.0, 0, quiet)
    assert [p.n for p in small] == [9]


def test_accuracy_rises_where_there_is_something_to_learn() -> None:
    gold = balanced(600, 3)
    points = learning_curve(telling(gold, 60, 3.0, 2), judged(gold), 3.0, 0, quiet)
    assert points[0].accuracy + 0.1 < points[-1].accuracy
    assert points[-1].accuracy > 0.85
    assert all(0 <= p.low <= p.accuracy <= p.high <= 1 for p in points)


def test_it_stays_at_chance_where_there_is_nothing() -> None:
    gold = np.random.default_rng(3).integers(0, 3, 300)
    points = learning_curve(noise(300, 400, 3), judged(gold), 3.0, 0, quiet)
    standard_error = (2 / 9 / (REPEATS * 60)) ** 0.5
    assert points[-1].accuracy == pytest.approx(1 / 3, abs=4 * standard_error)


def test_ten_cases_hold_every_label_and_the_seed_decides_which() -> None:
    gold = np.array([0] * 200 + [1] * 8 + [2] * 8)
    features = telling(gold, 6, 8.0, 4)
    first = learning_curve(features, judged(gold), 3.0, 0, quiet)
    assert first[0].accuracy > 0.9  # a label that was not among the ten could not be answered
    assert first == learning_curve(features, judged(gold), 3.0, 0, quiet)


# --- rows of the table ------------------------------------------------------------------------------------


def test_a_row_by_hand() -> None:
    gold, answered = np.array([0, 1, 0, 1]), np.array([0, 1, 1, -1])
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]])
    hard = np.array([False, True, True, False])
    found = row("m", gold, hard, answered, shares, [30.04, 10.0, 20.0, 40.0])
    assert (found.n, found.accuracy, found.hard) == (4, 0.5, 0.5)
    assert found.low < 0.5 < found.high
    assert found.cross_validated
    assert (found.p50, found.p95) == (30.0, 40.0)
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.5]).mean(), abs=1e-4)
    plain = row("m", gold, np.zeros(4, dtype=bool), answered, None, [])
    assert (plain.hard, plain.log_loss, plain.ece, plain.p50, plain.p95) == (None,) * 5


@pytest.mark.parametrize(
    ("figures", "chosen"),
    [
        ({"json-name": (0.80, 300), "name": (0.79, 280), "code": (0.70, 200)}, "name"),
        ({"json-name": (0.80, 300), "name": (0.70, 280), "code": (0.78, 200)}, "code"),
        ({"json-name": (0.90, 300), "name": (0.70, 280), "code": (0.70, 200)}, "json-name"),
    ],
)
def test_the_quickest_of_the_good_encodings_is_taken(
    figures: dict[Encoding, tuple[float, float]], chosen: Encoding
) -> None:
    """A standard error of 0.80 from 100 cases is 0.04."""
    rows = {
        encoding: Row(method="m", n=100, accuracy=a, low=0, high=1, p50=ms, cross_validated=True)
        for encoding, (a, ms) in figures.items()
    }
    assert best(rows) == chosen
