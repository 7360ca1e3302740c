"""The alarm: hardly ever without drift, and soon with it."""

import numpy as np
import pytest

from routerlab.core.prediction import Prediction
from routerlab.serve.drift import Drift, told

LABELS = ("code/simple", "code/complex", "CoT/simple")
MIX = (0.6, 0.3, 0.1)
SIZE, WINDOWS, RATE = 40, 4, 0.05


def decisions(
    rng: np.random.Generator, n: int, mix: tuple[float, ...] = MIX, sure: float = 8.0, known: float = 1.0
) -> list[Prediction]:
    labels, shares, near = rng.choice(3, n, p=mix), rng.beta(sure, 2, n), rng.beta(known, 1, n)
    return [
        Prediction.model_construct(
            status="ok", label=LABELS[k], probabilities={LABELS[k]: share}, familiarity=f
        )
        for k, share, f in zip(labels, shares.tolist(), near.tolist(), strict=True)
    ]


def looks_until_alarm(drift: Drift, made: list[Prediction]) -> int | None:
    for one in made:
        if any(figure.alarm for figure in drift.add(one)):
            return drift.looks
    return None


def test_without_drift_an_alarm_is_as_rare_as_stated() -> None:
    rng = np.random.default_rng(21)
    runs = [
        looks_until_alarm(Drift(SIZE, RATE), decisions(rng, SIZE * (1 + WINDOWS))) for _ in range(2000)
    ]
    false = sum(run is not None for run in runs)
    assert 0 < false <= RATE * len(runs)  # some: else the alarm would be good for nothing


@pytest.mark.parametrize(
    ("figure", "change"),
    [
        ("labels", {"mix": (0.4, 0.3, 0.3)}),
        ("confidence", {"sure": 4.0}),
        ("familiarity", {"known": 0.5}),
    ],
)
def test_planted_drift_is_found_in_the_first_window_after_it(figure: str, change: dict[str, float]) -> None:
    found = 0
    for seed in range(20):
        rng, drift = np.random.default_rng(seed), Drift(500)
        for one in decisions(rng, 1500):
            drift.add(one)
        before = drift.figures
        assert drift.looks == 2
        for one in decisions(rng, 500, **change):  # type: ignore[arg-type]
            drift.add(one)
        alarms = [f.name for f in drift.figures if f.alarm]
        assert set(alarms) <= {figure}
        found += alarms == [figure]
        assert len(told("main", before, drift.figures)) == len(alarms)
    assert found >= 19


def test_it_says_what_moved_and_when_that_is_over() -> None:
    rng, drift = np.random.default_rng(1), Drift(100)
    for one in decisions(rng, 100) + decisions(rng, 100, mix=(0.0, 0.0, 1.0)):
        drift.add(one)
    moved = drift.figures
    (line,) = told("main", (), moved)
    assert line.startswith("drift: main: labels: CoT/simple ")
    assert "-> 100%" in line
    for one in decisions(rng, 100):
        drift.add(one)
    (over,) = told("main", moved, drift.figures)
    assert over.startswith("drift is over: main: labels: ")


def test_what_has_no_label_or_no_familiarity_is_not_looked_at() -> None:
    drift = Drift(10)
    for _ in range(30):
        assert drift.add(Prediction(status="timeout")) == ()
    for _ in range(20):
        drift.add(Prediction(status="ok", label=LABELS[0], probabilities={LABELS[0]: 0.9}))
    assert [figure.name for figure in drift.figures] == ["labels", "confidence"]
    assert not any(figure.alarm for figure in drift.figures)
    assert Drift(0).add(Prediction(status="ok", label=LABELS[0])) == ()
