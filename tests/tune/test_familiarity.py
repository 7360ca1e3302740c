"""How familiar a prompt is: a calibrated share, fitted without a single outlier."""

import numpy as np
import pytest

from routerlab.engine.contract.head import PARTS
from routerlab.tune.cases import Ints
from routerlab.tune.familiarity import familiarity
from routerlab.tune.fit import Floats
from tests.tune.harness import balanced, noise

WIDTH = 16


def drawn(n: int, seed: int) -> tuple[Floats, Ints, Ints]:
    """Features of usual prompts that lie somewhere and have a scale of their own; labels; groups."""
    place = np.linspace(-3, 5, PARTS * WIDTH).astype(np.float32)
    return noise(n, PARTS * WIDTH, seed) * np.float32(4) + place, balanced(n, 3), np.arange(n)


def test_of_prompts_like_those_fitted_to_p_are_below_p() -> None:
    """New ones, and those fitted to themselves: for what it is measured by has not seen the prompt."""
    known, own = familiarity(*drawn(300, seed=1), seed=0)
    new = np.array([known.of(f) for f in drawn(1000, seed=2)[0]])
    for p in (0.02, 0.1, 0.5):
        assert (own < p).mean() == pytest.approx(p, abs=0.005)
        assert (new < p).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) * (1 / 1000 + 1 / 300)))


def test_what_is_far_off_is_as_unfamiliar_as_can_be_and_the_usual_is_not() -> None:
    features, gold, group = drawn(100, seed=3)
    known, own = familiarity(features, gold, group, seed=0)
    assert known.of(features[0] + np.float32(40)) == pytest.approx(1 / 101)
    assert known.of(features.mean(axis=0)) == 1.0
    assert own.min() == pytest.approx(1 / 100)
    assert own.max() == 1.0


def test_only_the_last_third_of_the_prompt_is_read() -> None:
    features, gold, group = drawn(60, seed=4)
    known, _ = familiarity(features, gold, group, seed=0)
    other = features[0].copy()
    other[:-WIDTH] += 100
    assert known.of(other) == known.of(features[0])
    assert len(known.mean) == len(known.scale) == WIDTH


def test_of_a_large_corpus_no_more_than_a_table_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerlab.tune.familiarity.MOST", 60)
    features, gold, group = drawn(180, seed=5)
    known, own = familiarity(features, gold, group, seed=0)
    assert len(known.distances) == 60
    new = np.array([known.of(f) for f in drawn(180, seed=7)[0]])
    assert np.abs(np.quantile(new, (0.25, 0.5, 0.75)) - (0.25, 0.5, 0.75)).max() < 0.15
    assert 0 < own.min() <= own.max() == 1


def test_distances_of_a_case_are_measured_without_its_near_duplicates() -> None:
    """Cases of one group stand apart from all others, and none tells that another of them is usual."""
    features, gold, group = drawn(60, seed=6)
    features[:6] += np.float32(60)
    group[:6] = 0
    gold[:6] = 0
    _, together = familiarity(features, gold, group, seed=0)
    assert (together[:6] <= 0.1).all()
