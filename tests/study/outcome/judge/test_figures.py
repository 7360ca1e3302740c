"""A judge's figures by hand, and kappa against scikit-learn."""

from pathlib import Path

import pytest

from routerlab.core.statistics.intervals import wilson
from routerlab.study.outcome.analysis.result import Judged
from routerlab.study.outcome.judge.figures import judged
from routerlab.study.outcome.judge.record import Judgement, Judgements, Verdict
from tests.study.outcome.judge.harness import NOW, header, session

SCORES = [[0, 1], [1, 0], [0, 1], [0, 1], [0, 0], [0, 1], [0, 1]]


def told(folder: Path, says: list[tuple[Verdict | None, Verdict | None]]) -> Judged:
    """Figures of a judge that says these of (small, large) and (large, small), a task each."""
    outcomes = session(folder, SCORES, ("small", "large"))
    found = Judgements(header(folder / "s.toml"))
    for i, verdicts in enumerate(says):
        for pair, verdict in zip((("small", "large"), ("large", "small")), verdicts, strict=True):
            found.add(
                Judgement(
                    at=NOW, task=f"T-{i:02}", first=pair[0], second=pair[1], status="ok", verdict=verdict
                )
            )
    return judged(found, outcomes)


def test_by_hand(tmp_path: Path) -> None:
    """Right, right, wrong, turns with the order, prefers one of equals, says tie twice, is not read once."""
    from sklearn.metrics import cohen_kappa_score

    one = told(
        tmp_path,
        [
            ("second", "first"),
            ("first", "second"),
            ("first", "second"),
            ("first", "first"),
            ("second", "first"),
            ("tie", "tie"),
            ("second", None),
        ],
    )
    assert (one.pairs, one.unread, one.apart) == (7, 1, 5)
    assert one.consistent is not None
    assert one.first is not None
    assert one.better is not None
    assert one.worse is not None
    assert one.kappa is not None
    assert one.consistent.value == pytest.approx(5 / 6)
    assert (one.consistent.low, one.consistent.high) == pytest.approx(wilson(5, 6))
    assert one.first.value == pytest.approx(6 / 12)
    assert one.better.value == pytest.approx(2 / 5)
    assert one.worse.value == pytest.approx(1 / 5)
    assert one.kappa.value == pytest.approx(cohen_kappa_score([1, 0, 1, 1, 1], [1, 0, 0, 2, 2]))
    assert [(win.model, win.pairs, win.share.value) for win in one.wins] == [
        ("small", 6, 0.5),
        ("large", 6, 0.5),
    ]


def test_a_judge_that_always_says_the_first_knows_nothing(tmp_path: Path) -> None:
    one = told(tmp_path, [("first", "first")] * 7)
    assert one.first is not None
    assert one.consistent is not None
    assert one.better is not None
    assert (one.first.value, one.consistent.value, one.better.value) == (1.0, 0.0, 0.0)
    assert one.consistent.high == pytest.approx(wilson(0, 7)[1])
    assert [win.share.value for win in one.wins] == [0.5, 0.5]


def test_half_judged_pairs_are_in_no_figure(tmp_path: Path) -> None:
    one = told(tmp_path, [])
    assert (one.pairs, one.consistent, one.better, one.kappa, one.wins) == (0, None, None, None, ())
