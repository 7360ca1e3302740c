"""Which prompts are near duplicates: they must not be on both sides of a split."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from routerlab.core.corpus import Case

NEAR = 0.35
"""Token Jaccard from which two prompts are near duplicates, for a split: keeping too much together costs
little, and a leak costs the test."""

NEAR_REPORT = 0.8
"""Token Jaccard from which people are told. One word in ten replaced gives 0.82; two prompts from one short
template ("write a function that sorts a list", "... a dict") 0.71, and those are two prompts."""

_CELLS = 1_000_000
"""Pairs compared at once, which bounds the memory."""

Pair = tuple[int, int, float]
"""Two prompts by their number, the lower first, and the Jaccard of their tokens."""


def words(prompt: str) -> list[str]:
    """Words (letters, digits and the marks on them), and characters of scripts written without spaces."""
    kept = (ch if unicodedata.category(ch)[0] in "LNM" else " " for ch in prompt.casefold())
    return re.sub(r"([\u3040-\u30ff\u4e00-\u9fff])", r" \1 ", "".join(kept)).split()


def near_pairs(prompts: Sequence[str], near: float = NEAR, since: int = 0) -> Iterator[Pair]:
    """Pairs whose Jaccard is at least `near`, by their higher number and then the lower.

    All pairs are compared, a few seconds for 10,000 prompts; with `since` only prompts from that number on
    with those before them.
    """
    import numpy as np

    for start, block in _similarities(prompts, since):
        rows, columns = np.nonzero(block >= near)
        similarity = block[rows, columns]
        yield from zip(columns.tolist(), (rows + start).tolist(), similarity.tolist(), strict=True)


def nearest(prompts: Sequence[str], k: int) -> list[Pair]:
    """The `k` most similar pairs, the most similar first, of those that share a token."""
    import numpy as np

    best: list[Pair] = []
    for start, block in _similarities(prompts):
        flat = block.ravel()
        least = np.partition(flat, -k)[-k] if k < flat.size else 0.0
        found = np.flatnonzero((flat >= least) & (flat > 0.0))
        found = found[np.argsort(-flat[found], kind="stable")[:k]]
        rows, columns = np.unravel_index(found, block.shape)
        best += zip(columns.tolist(), (rows + start).tolist(), flat[found].tolist(), strict=True)
        best = sorted(best, key=lambda pair: -pair[2])[:k]
    return best


def groups(cases: "Sequence[Case]", near: float = NEAR) -> list[int]:
    """A group number for each case: near duplicates, and cases of the same `group`, share one."""
    parent = list(range(len(cases)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    pairs = near_pairs([case.prompt for case in cases], near)
    pair = next(pairs, None)
    named: dict[str, int] = {}
    for i, case in enumerate(cases):
        if case.group is not None:
            parent[root(i)] = root(named.setdefault(case.group, i))
        while pair and pair[1] == i:
            parent[root(i)] = root(pair[0])
            pair = next(pairs, None)
    return [root(i) for i in range(len(cases))]


def _similarities(prompts: Sequence[str], since: int = 0) -> "Iterator[tuple[int, NDArray[np.float64]]]":
    """The Jaccard of each prompt from number `since` on with those before it, in blocks of rows: (number of
    the first row, block).

    Row and column are the pair's higher and lower number; a cell that is no pair holds -1. Shared tokens are
    counted by the product of the table prompts x tokens with itself, which is exact: they are small integers.
    """
    import numpy as np
    from scipy.sparse import csr_array

    sets = [frozenset(words(prompt)) for prompt in prompts]
    number: dict[str, int] = {}
    columns = [number.setdefault(word, len(number)) for own in sets for word in own]
    size = np.array([len(own) for own in sets], dtype=np.int64)
    bounds = np.concatenate([[0], np.cumsum(size)])
    ones = np.ones(len(columns), dtype=np.float32)
    table = csr_array((ones, columns, bounds), shape=(len(sets), len(number)))  # type: ignore[no-untyped-call]
    rows = max(1, _CELLS // max(1, len(sets)))
    for start in range(since, len(sets), rows):
        stop = min(start + rows, len(sets))
        shared = (table[start:stop] @ table[:stop].T).toarray().astype(np.float64)
        either = size[start:stop, None] + size[None, :stop] - shared
        block = np.divide(shared, either, out=np.ones_like(shared), where=either > 0)
        block[np.arange(stop)[None, :] >= np.arange(start, stop)[:, None]] = -1.0
        yield start, block
