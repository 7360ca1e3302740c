"""The alarm: hardly ever without drift, and soon with it."""

import numpy as np
import pytest

from routerlab.api import Decision
from routerlab.core.prediction import Prediction
from routerlab.serve.drift import Drift, Seen, compare, told
from routerlab.serve.metrics import Metrics

LABELS = ("code/simple", "code/complex", "CoT/simple")
MIX = (0.6, 0.3, 0.1)


def made(
    rng: np.random.Generator, n: int, mix: tuple[float, ...] = MIX, sure: float = 8.0, known: float = 1.0
) -> list[Seen]:
    labels, shares, near = rng.choice(3, n, p=mix), rng.beta(sure, 2, n), rng.beta(known, 1, n)
    columns = (labels.tolist(), shares.tolist(), near.tolist())
    return [Seen(LABELS[k], share, f) for k, share, f in zip(*columns, strict=True)]


def decided(sample: list[Seen]) -> list[Prediction]:
    return [
        Prediction(
            status="ok", label=s.label, probabilities={s.label: s.confidence or 0}, familiarity=s.familiarity
        )
        for s in sample
    ]


def test_without_drift_an_alarm_is_as_rare_as_stated() -> None:
    """2,000 arms that never drift, each looked at three times against its one reference."""
    rng, size, rate, false = np.random.default_rng(21), 40, 0.05, 0
    for _ in range(2000):
        reference = made(rng, size)
        found = (compare(reference, made(rng, size), look, rate) for look in (1, 2, 3))
        false += any(figure.alarm for figures in found for figure in figures)
    assert 0 < false <= rate * 2000  # some: an alarm that never comes would be good for nothing


@pytest.mark.parametrize(
    ("figure", "change"),
    [
        ("labels", {"mix": (0.4, 0.3, 0.3)}),
        ("confidence", {"sure": 4.0}),
        ("familiarity", {"known": 0.5}),
    ],
)
def test_planted_drift_is_found_in_the_first_window_after_it(figure: str, change: dict[str, float]) -> None:
    found = others = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        figures = compare(made(rng, 500), made(rng, 500, **change), look=3)  # type: ignore[arg-type]
        alarms = {f.name for f in figures if f.alarm}
        found += figure in alarms
        others += bool(alarms - {figure})
    assert found >= 19
    assert others <= 1  # what did not drift


def test_windows_follow_the_reference_and_it_says_what_moved_and_when_that_is_over() -> None:
    rng, drift = np.random.default_rng(1), Drift(100)
    sample = decided(made(rng, 100) + made(rng, 100, mix=(0.0, 0.0, 1.0)))
    assert not any(map(drift.add, sample[:199]))
    moved = drift.add(sample[199])
    assert moved == drift.figures
    (line,) = told("main", (), moved)
    assert line.startswith("drift: main: labels: CoT/simple ")
    assert "-> 100% (p " in line
    for one in decided(made(rng, 100)):
        drift.add(one)
    (over,) = told("main", moved, drift.figures)
    assert over.startswith("drift is over: main: labels: ")
    assert drift.looks == 2


def test_what_has_no_label_or_no_familiarity_is_not_looked_at() -> None:
    drift = Drift(10)
    for _ in range(30):
        assert drift.add(Prediction(status="timeout")) == ()
    for _ in range(20):
        drift.add(Prediction(status="ok", label=LABELS[0], probabilities={LABELS[0]: 0.9}))
    assert [figure.name for figure in drift.figures] == ["labels", "confidence"]
    assert not any(figure.alarm for figure in drift.figures)
    off = Drift(0)
    assert not any(map(off.add, decided(made(np.random.default_rng(0), 30))))


def test_metrics_and_the_log_have_it_until_arms_are_loaded_anew() -> None:
    lines: list[str] = []
    metrics = Metrics(50, lines.append)
    rng = np.random.default_rng(3)
    for one in decided(made(rng, 50) + made(rng, 50, mix=(0.0, 0.0, 1.0))):
        metrics.decided(Decision(**one.model_dump(), arm="main"), None)
    assert len(lines) == 1
    assert lines[0].startswith("drift: main: labels: ")
    text = metrics.text().decode()
    assert 'routerlab_drift{arm="main",figure="labels"} 1.0' in text
    assert 'routerlab_drift{arm="main",figure="familiarity"} 0.0' in text
    assert 'routerlab_drift_distance{arm="main",figure="labels"}' in text
    metrics.begin()
    assert "routerlab_drift{" not in metrics.text().decode()
