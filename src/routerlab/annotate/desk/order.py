"""In which order a queue is worked through. Pure functions: the same items and seed give the same order."""

from collections.abc import Callable, Sequence
from itertools import chain, zip_longest
from math import inf
from random import Random
from typing import Literal, get_args

from routerlab.annotate.desk.item import QueueItem
from routerlab.core.errors import LabError
from routerlab.core.statistics.agreement import vote

Order = Literal["file", "random", "disagreement", "confidence", "familiarity", "errors", "mix"]
ORDERS: tuple[Order, ...] = get_args(Order)


def ordered(items: Sequence[QueueItem], order: Order, seed: int) -> list[int]:
    """Indices of `items` in the order to be worked through; ties are broken at random, by `seed`.

    file: as they stand. random: shuffled. disagreement: the models' votes with the highest entropy first.
    confidence: the least confident first, by the mean probability that the models give their own answer.
    familiarity: the least familiar first, by its mean over the models that tell it, for what is unlike all
    that they were fitted to teaches them most. errors: only those that a model got wrong, the most often
    wrong first. mix: by turns, disagreement, confidence, familiarity if a model tells it, random. LabError
    where an order needs what no item has.
    """
    shuffled = list(range(len(items)))
    if order == "file":
        return shuffled
    Random(seed).shuffle(shuffled)
    if order == "random":
        return shuffled
    if order == "mix":
        turns: list[Order] = ["disagreement", "confidence"]
        turns += ["familiarity"] if any(item.familiar for item in items) else []
        parts = [*(ordered(items, turn, seed) for turn in turns), shuffled]
        return list(dict.fromkeys(i for i in chain.from_iterable(zip_longest(*parts)) if i is not None))
    rank, needs = _RANKS[order]
    ranks = [rank(item) for item in items]
    if all(known is None for known in ranks):
        raise LabError(
            f"--order {order} needs {needs}: annotate a session that has them, or name one with --answers"
        )
    wanted = [i for i in shuffled if ranks[i]] if order == "errors" else shuffled
    return sorted(wanted, key=lambda i: inf if (known := ranks[i]) is None else known)


def _disagreement(item: QueueItem) -> float | None:
    return -vote(label for label, _ in item.models.values()).entropy if item.models else None


def _confidence(item: QueueItem) -> float | None:
    known = [p for _, p in item.models.values() if p is not None]
    return sum(known) / len(known) if known else None


def _familiarity(item: QueueItem) -> float | None:
    known = item.familiar.values()
    return sum(known) / len(known) if known else None


def _errors(item: QueueItem) -> float | None:
    right = [label == item.gold for label, _ in item.models.values()]
    return -right.count(False) if right and item.gold else None


_RANKS: dict[Order, tuple[Callable[[QueueItem], float | None], str]] = {
    "disagreement": (_disagreement, "models' answers"),
    "confidence": (_confidence, "models' probabilities"),
    "familiarity": (_familiarity, "models' familiarity, which tuned routers tell"),
    "errors": (_errors, "models' answers and gold labels"),
}
"""What an item is ranked by, the lowest first (an item that has none comes last), and what that needs."""
