"""From draw to verdict: what is planted is found, and what is not there is not; with few runs, and as
`python -m benchmarks errors` found it with more."""

import json
from math import sqrt

import pytest

from tests.conftest import REPO
from tests.study.outcome.analysis.simulated import WORLDS, shares

pytestmark = pytest.mark.whole  # whole studies

FOUND = json.loads((REPO / "benchmarks" / "results" / "errors.json").read_text())


def test_a_planted_effect_is_found_from_draw_to_verdict() -> None:
    told = shares(WORLDS["an effect of 0.8"], range(10))
    assert told["verdict supported"] >= 0.5
    assert told["label supported"] == 1.0
    assert told["labels explain, p <= 0.05"] == told["a right label, p <= 0.05"] == 1.0


@pytest.mark.parametrize("world", ["no effect", "no effect, the better model is dearer"])
def test_no_effect_is_not_found(world: str) -> None:
    told = shares(WORLDS[world], range(20))
    assert told.get("verdict supported", 0) == 0
    assert told.get("label supported", 0) <= 0.1
    assert told.get("random supported", 0) <= 0.1


def test_errors_were_at_their_rate_over_2000_runs() -> None:
    """A statement may be wrong on one side in 0.025 of the runs, a p in 0.05, and three standard errors."""
    for world in (name for name in WORLDS if name.startswith("no effect")):
        told = FOUND[f"outcome, {world}"]
        assert told["runs"] == 2000
        for key in ("label supported", "random supported", "table supported", "verdict supported"):
            assert told.get(key, 0) <= at_most(0.025, told["runs"]), (world, key)
        for key in ("labels explain, p <= 0.05", "a right label, p <= 0.05"):
            assert told[key] <= at_most(0.05, told["runs"]), (world, key)
    for world, key in (
        ("routing is worth 0.02", "random refuted"),
        ("routing is worth 0.02, the better model is dearer", "random refuted"),
        ("a right label is worth 0.02", "label refuted"),
    ):
        assert FOUND[f"outcome, {world}"][key] <= at_most(0.025, 2000), world
    assert FOUND["outcome, an effect of 0.8"]["label supported"] == 1.0
    assert FOUND["outcome, an effect of 0.8, no table"]["verdict supported"] > 0.9


def at_most(rate: float, runs: int) -> float:
    return rate + 3 * sqrt(rate * (1 - rate) / runs)
