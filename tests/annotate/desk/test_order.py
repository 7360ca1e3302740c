"""In which order a queue is worked through."""

from dataclasses import replace

import pytest

from routerlab.annotate.desk.item import QueueItem
from routerlab.annotate.desk.order import ORDERS, Order, ordered
from routerlab.core.errors import LabError


def item(name: str, gold: str | None = None, **models: tuple[str, float | None]) -> QueueItem:
    return QueueItem(name, f"prompt {name}", "line 1", gold, dict(models))


ITEMS = [
    item("same", "x", a=("x", 0.9), b=("x", 0.9), c=("x", 0.9)),
    item("split", "x", a=("x", 0.8), b=("y", 0.8), c=("z", 0.8)),
    item("pair", "x", a=("y", 0.5), b=("x", 0.3), c=("y", 0.1)),
    item("unasked", "x"),
    item("claims", "x", a=("x", None), b=("x", None), c=("x", 0.6)),
]


def names(order: Order, seed: int = 0) -> list[str]:
    return [ITEMS[i].id for i in ordered(ITEMS, order, seed)]


def test_file_is_the_file() -> None:
    assert names("file") == [i.id for i in ITEMS]


def test_random_is_a_permutation_that_the_seed_decides() -> None:
    orders = {tuple(names("random", seed)) for seed in range(20)}
    assert names("random", 3) == names("random", 3)
    assert len(orders) > 10
    assert all(sorted(order) == sorted(i.id for i in ITEMS) for order in orders)


def test_the_most_disagreement_comes_first_and_the_unasked_last() -> None:
    found = names("disagreement")
    assert found[:2] == ["split", "pair"]
    assert found[-1] == "unasked"


def test_ties_are_broken_by_the_seed() -> None:
    assert {tuple(names("disagreement", s)[2:4]) for s in range(20)} == {
        ("same", "claims"),
        ("claims", "same"),
    }


def test_the_least_confident_comes_first_and_the_unasked_last() -> None:
    assert names("confidence") == ["pair", "claims", "split", "same", "unasked"]


def test_the_least_familiar_comes_first_and_what_nobody_knows_last() -> None:
    known = {"pair": {"a": 0.9, "b": 0.4}, "same": {"a": 0.003}, "split": {"b": 0.6}}
    items = [replace(one, familiar=known.get(one.id, {})) for one in ITEMS]
    found = [items[i].id for i in ordered(items, "familiarity", 0)]
    assert found[:3] == ["same", "split", "pair"]
    assert set(found[3:]) == {"unasked", "claims"}
    mixed = [items[i].id for i in ordered(items, "mix", 5)]
    assert mixed[:3] == [names("disagreement", 5)[0], names("confidence", 5)[0], "same"]
    assert sorted(mixed) == sorted(i.id for i in items)


def test_only_errors_the_most_often_wrong_first() -> None:
    assert set(names("errors")[:2]) == {"split", "pair"}
    assert len(names("errors")) == 2
    worse = [*ITEMS, item("all wrong", "x", a=("y", 0.9), b=("y", 0.9), c=("y", 0.9))]
    assert worse[ordered(worse, "errors", 0)[0]].id == "all wrong"


def test_a_mixture_takes_turns_and_names_nobody_twice() -> None:
    found = names("mix", 5)
    assert sorted(found) == sorted(i.id for i in ITEMS)
    assert found[:2] == [names("disagreement", 5)[0], names("confidence", 5)[0]]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_that_needs_what_is_not_there_says_so(order: Order) -> None:
    bare = [QueueItem("a", "p", "line 1"), QueueItem("b", "q", "line 2")]
    if order in ("file", "random"):
        assert sorted(ordered(bare, order, 0)) == [0, 1]
        return
    with pytest.raises(LabError, match=r"--order .* needs models' .*--answers"):
        ordered(bare, order, 0)


def test_errors_need_gold() -> None:
    with pytest.raises(LabError, match="gold"):
        ordered([item("a", None, m=("x", 0.5))], "errors", 0)
