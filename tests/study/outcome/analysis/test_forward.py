"""Tables against random mixes over all costs: by hand, and what is unknown."""

import numpy as np
import numpy.typing as npt
import pytest

from routerlab.study.figures.arm import Settings
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.forward import gap_over_costs
from tests.study.outcome.analysis.harness import matrix

QUICK = Settings(resamples=300)
HARD: npt.NDArray[np.intp] = np.arange(400) % 2
"""Every other task is hard: the small model, for 1, fails it; the large one, for 2, never does."""


def test_the_gap_by_hand() -> None:
    m, tasks = matrix(np.column_stack([1.0 - HARD, np.ones(400)])), Tasks((None,) * 400, QUICK)
    found = gap_over_costs(m, tasks, HARD)
    # At 1.5 all is right with the labels, 0.75 at random; at 1 and 2 they are alike: a triangle.
    assert found is not None
    assert found.value == pytest.approx(0.125, abs=0.01)
    assert found.low is not None
    assert found.low > 0.1
    blind = gap_over_costs(m, tasks, np.zeros(400, dtype=np.intp))
    assert blind is not None
    assert blind.value == pytest.approx(0, abs=1e-9)


def test_money_that_is_not_spent_buys_nothing() -> None:
    """Tables never pay for the large model where it is no better: from 1.5 on they stay as they are."""
    m = matrix(np.column_stack([1.0 - HARD, 1.0 * HARD]))
    found = gap_over_costs(m, Tasks((None,) * 400, QUICK), HARD)
    # The best table has 1 at 1.5, the models 0.5 each: it gains half of that up to there, and all beyond.
    assert found is not None
    assert found.value == pytest.approx(0.5 * 0.25 + 0.5 * 0.5, abs=0.02)


def test_without_costs_that_differ_there_is_none() -> None:
    score = np.column_stack([1.0 - HARD, 1.0 * HARD])
    tasks = Tasks((None,) * 400, QUICK)
    assert gap_over_costs(matrix(score, np.ones((400, 2))), tasks, HARD) is None
    assert gap_over_costs(matrix(score, np.full((400, 2), np.nan)), tasks, HARD) is None
    assert gap_over_costs(matrix(score), Tasks(("one",) * 400, QUICK), HARD) is None
