"""Exemplar sets drawn from the corpus: two a label, hard and other, short enough, the same for a seed."""

from collections import Counter
from collections.abc import Sequence

import pytest

from routerlab.tune.cases import Training, training
from routerlab.tune.exemplars import A_LABEL, TOKEN_BUDGET, draw, exemplars
from tests.tune.harness import case, pool, taxonomy


def mixed(a_label: int = 12, names: str = "abc", hard_every: int = 3) -> Training:
    """Labels in turn; every third case of a label is hard."""
    cases = tuple(
        case(i, names[i % len(names)], difficulty="hard" if i // len(names) % hard_every == 0 else "easy")
        for i in range(a_label * len(names))
    )
    return training(pool([], case=cases), taxonomy(names), "mine.toml")


def labels_of(part: Training, rows: Sequence[int]) -> list[str]:
    return [part.cases[i].label or "" for i in rows]


@pytest.mark.parametrize("seed", range(6))
def test_two_a_label_one_hard_and_one_other(seed: int) -> None:
    part = mixed()
    rows = draw(part, [20] * 36, seed)
    assert Counter(labels_of(part, rows)) == {"a": A_LABEL, "b": A_LABEL, "c": A_LABEL}
    assert len(set(rows)) == len(rows)
    for label in "abc":
        kinds = {bool(part.hard[i]) for i in rows if part.cases[i].label == label}
        assert kinds == {True, False}


def test_labels_alternate() -> None:
    part = mixed()
    for seed in range(6):
        found = labels_of(part, draw(part, [20] * 36, seed))
        assert set(found[:3]) == set(found[3:]) == {"a", "b", "c"}
    first = {tuple(labels_of(part, draw(part, [20] * 36, seed))[:3]) for seed in range(12)}
    assert len(first) > 1  # not always in the same order


def test_the_seed_decides() -> None:
    part = mixed()
    assert draw(part, [20] * 36, 5) == draw(part, [20] * 36, 5)
    assert len({tuple(draw(part, [20] * 36, seed)) for seed in range(5)}) > 1


def test_without_hard_cases_there_are_two_others() -> None:
    part = mixed(hard_every=100)  # only the first case of each label is hard
    tokens = [10_000 if part.hard[i] else 20 for i in range(36)]
    rows = draw(part, tokens, 0)
    assert Counter(labels_of(part, rows)) == {"a": 2, "b": 2, "c": 2}
    assert not part.hard[rows].any()


def test_long_cases_are_left_out() -> None:
    part = mixed()
    tokens = [30 if i % 4 else 400 for i in range(36)]
    for seed in range(6):
        rows = draw(part, tokens, seed)
        assert all(tokens[i] == 30 for i in rows)
        assert sum(tokens[i] for i in rows) <= TOKEN_BUDGET


def test_where_all_are_long_the_shortest_stands_alone() -> None:
    part = mixed()
    tokens = [1000 + i for i in range(36)]
    rows = draw(part, tokens, 0)
    assert sorted(rows) == [0, 1, 2]


def test_a_set_keeps_to_its_budget() -> None:
    part = mixed()
    share = TOKEN_BUDGET / 6
    rows = draw(part, [int(share * 1.4)] * 36, 0)
    assert sum(int(share * 1.4) for _ in rows) <= TOKEN_BUDGET


def test_rows_become_exemplars() -> None:
    part = mixed()
    found = exemplars(part, [4, 0])
    assert [(e.prompt, e.label) for e in found] == [
        (part.cases[4].prompt, "b"),
        (part.cases[0].prompt, "a"),
    ]
