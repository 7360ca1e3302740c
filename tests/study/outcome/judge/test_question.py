"""Which pairs are asked about, and how a judge is read."""

from pathlib import Path

import pytest

from routerlab.core.errors import LabError
from routerlab.study.outcome.judge.question import questions, read_verdict
from tests.study.outcome.judge.harness import prompts, session


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("A", "first"),
        (" b.", "second"),
        ("**B**", "second"),
        ("T", "tie"),
        ("Tie.", "tie"),
        ("A tie", "tie"),
        ("Answer A is better because", "first"),
        ("B is clearly the best", "second"),
        ("A is worse than B.", None),
        ("B is not better", None),
        ("B\n\nBoth are", "second"),
        ("A good answer would", None),
        ("Both", None),
        ("The better answer is A", None),
        ("I cannot tell A from B", None),
        ("", None),
    ],
)
def test_a_verdict_is_what_is_said_first(said: str, verdict: str | None) -> None:
    assert read_verdict(said) == verdict


def test_both_orders_of_each_pair_one_of_every_task_first(tmp_path: Path) -> None:
    outcomes = session(tmp_path, [[0, 0, 1]] * 5)
    asked = questions(outcomes, prompts(5), 1000, 7)
    assert len({one.key for one in asked}) == len(asked) == 5 * 3 * 2
    for one, turned in zip(asked[::2], asked[1::2], strict=True):
        assert (one.task, one.first, one.second) == (turned.task, turned.second, turned.first)
    for i in range(3):
        assert len({one.task for one in asked[10 * i : 10 * i + 10]}) == 5
    assert questions(outcomes, prompts(5), 4, 7) == asked[:8]  # more pairs begin with the same ones
    assert questions(outcomes, prompts(5), 1000, 8) != asked
    first = asked[0]
    assert prompts(5)[first.task] in first.prompt
    shown = [f"{name} says {{this}} of {first.task}" for name in (first.first, first.second)]
    assert 0 < first.prompt.index(shown[0]) < first.prompt.index(shown[1])


def test_what_cannot_be_compared_is_not_asked(tmp_path: Path) -> None:
    outcomes = session(tmp_path, [[0, 0, 1]] * 2)
    first, second, third = list(outcomes.of.values())[:3]
    outcomes.add(first.model_copy(update={"answer": second.answer}))  # alike
    outcomes.add(third.model_copy(update={"status": "crashed", "answer": None}))
    assert {one.task for one in questions(outcomes, prompts(2), 9, 0)} == {"T-01"}
    with pytest.raises(LabError, match="task T-01: its prompt"):
        questions(outcomes, {"T-01": "Another prompt."}, 9, 0)
    outcomes.of.clear()
    with pytest.raises(LabError, match="no two answers"):
        questions(outcomes, prompts(2), 9, 0)
