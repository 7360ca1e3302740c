"""Tests of an F1 against a limit: never certain from a few right answers, and true to their level."""

import numpy as np
import pytest

from routerlab.study.figures.arm import Settings
from routerlab.study.figures.labels import label_scores
from routerlab.study.figures.rows import Row, judged
from routerlab.study.trial.analysis.f1 import confusion, p_at_limit
from tests.study.figures.harness import LABELS, answers


def p_of(rows: list[Row], limit: float, label: str | None = None, draws: int = 1000) -> float:
    table = confusion(judged(rows), LABELS, label)
    assert table is not None
    return p_at_limit(table, limit, draws, seed=1)


def test_it_is_about_the_f1_that_is_reported() -> None:
    rows = answers("a", [i % 4 != 0 for i in range(50)])
    scores, macro = label_scores(judged(rows), LABELS, Settings(resamples=100))
    table = confusion(judged(rows), LABELS, None)
    assert table is not None
    assert macro is not None
    assert table.expected(table.shares) == pytest.approx(macro.value)
    for score in scores:
        one = confusion(judged(rows), LABELS, score.label)
        assert one is not None
        assert one.expected(one.shares) == pytest.approx(score.f1)


def test_six_right_answers_do_not_show_that_f1_is_high_and_sixty_do() -> None:
    few, many = p_of(answers("a", [True] * 6), 0.82), p_of(answers("a", [True] * 60), 0.82)
    assert few == pytest.approx(2 * 0.82**6, abs=0.15)  # about the chance that all are right
    assert few > 0.3
    assert many < 0.005


def test_a_limit_that_is_clearly_missed_has_a_small_p_too() -> None:
    rows = answers("a", [i % 12 < 6 for i in range(120)])  # half of each label
    assert p_of(rows, 0.82) < 0.01
    assert p_of(answers("a", [False] * 12), 0.82) < 0.01
    assert p_of(rows, 0.5) > 0.05


def test_repeats_of_a_case_are_no_further_cases() -> None:
    once = answers("a", [True] * 10)
    thrice = [row for n in (1, 2, 3) for row in answers("a", [True] * 10, repeat=n)]
    assert p_of(once, 0.82) == p_of(thrice, 0.82)


def test_without_a_case_of_the_label_there_is_no_test() -> None:
    rows = judged(answers("a", [True, True]))
    assert confusion(rows, LABELS, "hybrid/agentic") is None
    assert confusion(rows, LABELS, "nonsense") is None
    assert confusion({}, LABELS, None) is None
    assert confusion(rows, LABELS, None) is not None


@pytest.mark.parametrize("label", [None, "hybrid/agentic"])
def test_trials_at_the_limit_are_told_from_it_as_seldom_as_promised(label: str | None) -> None:
    """Six hundred trials of sixty cases, each right with a chance of 0.8: then F1 is 0.8 but for a little."""
    rng = np.random.default_rng(3)
    ps = [p_of(answers("a", (rng.random(60) < 0.8).tolist()), 0.8, label, 400) for _ in range(600)]
    assert np.mean(np.array(ps) <= 0.05) < 0.05 + 3 * (0.05 * 0.95 / 600) ** 0.5
    assert np.mean(np.array(ps) <= 0.05) > 0.002
