"""Hypotheses about quality in simulated trials: few here, 2,000 by `python -m benchmarks errors`."""

import json

import numpy as np
import pytest

from routerlab.study.figures.rows import Row
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.trial.analysis.quality import of_means, worth
from tests.conftest import REPO
from tests.study.outcome.analysis.harness import LABELS, matrix, routes
from tests.study.trial.analysis.simulated import CASES, QUICK, WORLDS, drawn, shares, tables

FOUND = json.loads((REPO / "benchmarks" / "results" / "errors.json").read_text())
PLANTED = "better than random by 0.24"


def test_what_is_simulated_is_what_is_analysed() -> None:
    score, went = drawn(3, WORLDS[PLANTED])
    outcomes = matrix(score)
    rows = [
        Row("a", task, 1, LABELS[0], LABELS[int(model)], "ok", cost=0.0)
        for task, model in zip(outcomes.tasks, went[0], strict=True)
    ]
    own, table = worth(rows, outcomes, routes(), QUICK), tables(score, went)[0]
    means = np.vstack([table.mean(axis=0), Tasks((None,) * CASES, QUICK).means(table)])
    theirs = of_means(means, CASES, True)
    assert (own.n, own.priced) == (theirs.n, theirs.priced)
    for name in ("quality", "spent", "control", "control_cost", "random"):
        assert getattr(own, name) == pytest.approx(getattr(theirs, name))


def test_a_planted_effect_is_found_for_every_arm() -> None:
    assert shares(PLANTED, range(20))["all above"] >= 0.9
    assert FOUND[f"trial, {PLANTED}"]["all above"] > 0.9


@pytest.mark.parametrize("world", [name for name in WORLDS if name != PLANTED])
def test_none_is_found_within_the_error_rate_of_all_arms_and_looks(world: str) -> None:
    few, told = shares(world, range(100)), FOUND[f"trial, {world}"]
    assert few["above"] + few["below"] <= 0.12
    assert told["runs"] == 2000
    assert told["above"] + told["below"] <= 0.065  # 0.05, and three standard errors
