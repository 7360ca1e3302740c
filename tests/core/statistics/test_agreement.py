"""Votes on one question, and pairs of arms over many."""

from datetime import UTC, datetime
from math import log2

import pytest

from routerlab.core.prediction import Status, Trial
from routerlab.core.statistics.agreement import Pair, Vote, pairwise, vote


def trial(
    arm: str, case: str, label: str | None, gold: str | None = "x", repeat: int = 1, status: Status = "ok"
) -> Trial:
    return Trial(
        id="t",
        at=datetime(2026, 11, 23, tzinfo=UTC),
        arm=arm,
        case=case,
        label=label,
        gold=gold,
        repeat=repeat,
        status=status if label else "unparsed",
        contended=False,
    )


def test_votes_by_hand() -> None:
    assert vote([]) == Vote(None, 0, 0.0)
    assert vote([None, None]) == Vote(None, 0, 0.0)
    assert vote(["x", "x", "x"]) == Vote("x", 3, 0.0)
    two_to_one = vote(["x", None, "x", "y"])
    assert (two_to_one.label, two_to_one.votes) == ("x", 2)
    assert two_to_one.entropy == pytest.approx(0.9182958)
    assert vote(["x", "y"]) == Vote(None, 1, 1.0)
    assert vote(["x", "y", "x", "y", "z"]).label is None
    assert vote("abcdef").entropy == pytest.approx(log2(6))


@pytest.mark.parametrize("labels", ["aab", "aabbc", "abcd", "aaaaaab"])
def test_entropy_is_scipys(labels: str) -> None:
    from scipy.stats import entropy

    counts = [labels.count(c) for c in set(labels)]
    assert vote(labels).entropy == pytest.approx(entropy(counts, base=2))


def test_pairs_by_hand() -> None:
    trials = [
        trial("a", "c1", "x"), trial("b", "c1", "x"), trial("c", "c1", "y"),
        trial("a", "c2", "y"), trial("b", "c2", "y"), trial("c", "c2", None),
        trial("a", "c3", "x", gold=None), trial("b", "c3", "x", gold=None),
        trial("a", "c4", "x"), trial("b", "c4", "y"), trial("c", "c4", "x"),
    ]  # fmt: skip
    ab, ac, bc = pairwise(trials)
    assert ab == Pair("a", "b", n=4, agreed=3, scored=2, right=1)
    assert (ab.agree_rate, ab.right_rate) == (0.75, 0.5)
    assert ac == Pair("a", "c", n=2, agreed=1, scored=1, right=1)
    assert bc == Pair("b", "c", n=2, agreed=0, scored=0, right=0)
    assert (bc.agree_rate, bc.right_rate) == (0.0, None)


def test_repeats_are_questions_of_their_own_and_the_later_answer_counts() -> None:
    trials = [trial("a", "c1", "x"), trial("b", "c1", "x", repeat=2)]
    assert pairwise(trials) == [Pair("a", "b", 0, 0, 0, 0)]
    assert pairwise(trials)[0].agree_rate is None
    trials += [trial("b", "c1", "y"), trial("b", "c1", "x"), trial("b", "c1", None)]
    assert pairwise(trials) == [Pair("a", "b", 1, 1, 1, 1)]
    assert pairwise(trials[:1]) == []


def test_agreement_over_many_is_scikit_learns_accuracy_of_one_against_the_other() -> None:
    from sklearn.metrics import accuracy_score

    a = [f"l{i % 3}" for i in range(60)]
    b = [f"l{i % 4 % 3}" for i in range(60)]
    trials = [trial(arm, f"c{i}", labels[i]) for arm, labels in (("a", a), ("b", b)) for i in range(60)]
    assert pairwise(trials)[0].agree_rate == pytest.approx(accuracy_score(a, b))
