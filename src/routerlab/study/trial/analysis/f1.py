"""Tests of an F1 against a limit, by simulation of trials in which it is at the limit.

A bootstrap of answers that are all right draws right answers only, and would call any limit kept for certain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerlab.core.statistics.paired import Doubles
from routerlab.study.figures.rows import Row


@dataclass(frozen=True)
class Confusion:
    """Answers by gold label: `cases` is (labels,) how many cases have it, `shares` (labels, labels + 1) how
    they were answered, the last column without a label. `of` is the label whose F1 is meant, None for macro
    F1."""

    cases: NDArray[np.int64]
    shares: Doubles
    of: int | None

    def f1(self, tables: Doubles) -> Doubles:
        """The F1 of each of (n, labels, labels + 1) tables of answers; macro F1 over labels that are gold."""
        k = len(self.cases)
        hits = np.einsum("nii->ni", tables[:, :, :k])
        both = tables[:, :, :k].sum(axis=1) + self.cases
        scores: Doubles = 2 * hits / np.maximum(both, 1e-12)
        mean: Doubles = scores[:, self.cases > 0].mean(axis=1)
        return mean if self.of is None else scores[:, self.of]

    def expected(self, shares: Doubles) -> float:
        """The F1 when cases are answered just so."""
        return float(self.f1((shares * self.cases[:, None])[None])[0])


def confusion(
    cases: Mapping[str, Sequence[Row]], labels: Sequence[str], label: str | None
) -> Confusion | None:
    """How cases were answered, repeats averaged; None without a case of `label` (any case, for macro F1)."""
    at, k = {name: i for i, name in enumerate(labels)}, len(labels)
    counts = np.zeros((k, k + 1))
    for rows in cases.values():
        for row in rows:
            counts[at[row.gold or ""], at.get(row.label or "", k)] += 1 / len(rows)
    n = counts.sum(axis=1)
    of = None if label is None else at.get(label)
    if (label is None and not n.any()) or (label is not None and (of is None or n[of] == 0)):
        return None
    return Confusion(np.rint(n).astype(np.int64), counts / np.maximum(n, 1)[:, None], of)


def p_at_limit(found: Confusion, limit: float, draws: int, seed: int) -> float:
    """Two-sided p of "F1 is at the limit" (0..1): how often trials in which it is are as far from it.

    In those trials every label is answered as it was, but for a share of its cases, the same for all labels,
    that go wrong as its mistakes do (or right, where the limit is above what was found).
    """
    value = found.expected(found.shares)
    shares = _at_limit(found, value, limit)
    rng = np.random.default_rng([seed, 2])
    tables = np.stack(
        [rng.multinomial(n, row, draws) for n, row in zip(found.cases, shares, strict=True)], axis=1
    )
    drawn = found.f1(tables.astype(float))
    least = min(int((drawn >= value - 1e-9).sum()), int((drawn <= value + 1e-9).sum()))
    return min(1.0, 2 * (least + 1) / (draws + 1))


def _at_limit(found: Confusion, value: float, limit: float) -> Doubles:
    """The shares, moved towards mistakes or right answers until the F1 is at the limit."""
    k = len(found.cases)
    right = np.eye(k, k + 1)
    wrong = (found.shares * found.cases[:, None] + 1 / k) * (1 - right)
    goal: Doubles = right if limit > value else wrong / wrong.sum(axis=1, keepdims=True)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        near = found.expected((1 - middle) * found.shares + middle * goal)
        low, high = (middle, high) if (near < limit) == (limit > value) else (low, middle)
    shares: Doubles = (1 - low) * found.shares + low * goal
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
    return shares
