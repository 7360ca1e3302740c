"""In which order a queue is worked through. Pure functions: the same items and seed give the same order."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, zip_longest
from random import Random
from typing import Literal, get_args

from routerlab.annotate.desk.item import QueueItem
from routerlab.core.errors import LabError
from routerlab.core.statistics.agreement import vote

Order = Literal["file", "random", "disagreement", "confidence", "errors", "mix"]
ORDERS: tuple[Order, ...] = get_args(Order)


def ordered(items: Sequence[QueueItem], order: Order, seed: int) -> list[int]:
    """Indices of `items` in the order to be worked through; ties are broken at random, by `seed`.

    file: as they stand. random: shuffled. disagreement: the models' votes with the highest entropy first.
    confidence: the least confident first, by the mean probability that the models give their own answer.
    errors: only those that a model got wrong, the most often wrong first. mix: the three by turns
    (disagreement, confidence, random). LabError where an order needs what no item has.
    """
    shuffled = list(range(len(items)))
    Random(seed).shuffle(shuffled)
    match order:
        case "file":
            return list(range(len(items)))
        case "random":
            return shuffled
        case "disagreement":
            _need(any(item.models for item in items), order, "models' answers")
            return _by(shuffled, lambda i: -_entropy(items[i]))
        case "confidence":
            _need(any(_confidence(item) is not None for item in items), order, "models' probabilities")
            return _by(shuffled, lambda i: _sure(items[i]))
        case "errors":
            _need(any(item.models and item.gold for item in items), order, "models' answers and gold labels")
            wrong = [i for i in shuffled if _errors(items[i])]
            return _by(wrong, lambda i: -_errors(items[i]))
        case "mix":
            parts = (ordered(items, "disagreement", seed), ordered(items, "confidence", seed), shuffled)
            return list(dict.fromkeys(_in_turns(*parts)))


def _need(there: bool, order: Order, what: str) -> None:
    if not there:
        raise LabError(
            f"--order {order} needs {what}: annotate a session that has them, or name one with --answers"
        )


def _by(indices: list[int], key: Callable[[int], float]) -> list[int]:
    return sorted(indices, key=key)


def _in_turns(*parts: list[int]) -> Iterator[int]:
    return (i for i in chain.from_iterable(zip_longest(*parts)) if i is not None)


def _entropy(item: QueueItem) -> float:
    """Bits; below zero without an answer, so that such items come last."""
    return vote(label for label, _ in item.models.values()).entropy if item.models else -1.0


def _confidence(item: QueueItem) -> float | None:
    known = [p for _, p in item.models.values() if p is not None]
    return sum(known) / len(known) if known else None


def _sure(item: QueueItem) -> float:
    """The confidence; above one without any, so that such items come last."""
    confidence = _confidence(item)
    return 2.0 if confidence is None else confidence


def _errors(item: QueueItem) -> int:
    return sum(label != item.gold for label, _ in item.models.values()) if item.gold else 0
