"""Matrices of outcomes for tests: by hand, and planted ones."""

from collections.abc import Sequence
from datetime import date

import numpy as np

from routerlab.core.corpus import prompt_sha256
from routerlab.study.outcome.matrix import Floats, Matrix
from routerlab.study.routing_table import Route, Routes, Target

LABELS = ("easy one", "hard one")


def matrix(
    score: Sequence[Sequence[float]] | Floats,
    cost: Sequence[Sequence[float]] | Floats | None = None,
    labels: Sequence[str | None] | None = None,
    models: Sequence[str] = ("small", "large"),
    group: Sequence[str | None] | None = None,
    difficulty: Sequence[str | None] | None = None,
    latency_ms: Floats | None = None,
    source: Sequence[str | None] = (),
) -> Matrix:
    """What is not given: a request to the n-th model costs n, takes 100 n ms."""
    scores = np.asarray(score, dtype=float)
    n, m = scores.shape
    price = np.tile(np.arange(1.0, m + 1), (n, 1))
    names = tuple(f"t{i}" for i in range(n))
    return Matrix(
        name="by hand",
        tasks=names,
        models=tuple(models),
        score=scores,
        cost=price if cost is None else np.asarray(cost, dtype=float),
        latency_ms=100 * price if latency_ms is None else latency_ms,
        tokens_in=np.full((n, m), 10.0),
        tokens_out=np.full((n, m), 20.0),
        labels=tuple(labels) if labels else (None,) * n,
        difficulty=tuple(difficulty) if difficulty else (None,) * n,
        group=tuple(group) if group else (None,) * n,
        prompt_sha256=tuple(prompt_sha256(name) for name in names),
        good=np.ones(n),
        tiers=tuple(range(1, m + 1)),
        source=tuple(source),
    )


def routes(models: Sequence[str] = ("small", "large"), labels: Sequence[str] = LABELS) -> Routes:
    """The first label goes to the first model, the second to the last, which is the default."""
    targets = [Target(name=name, tier=i, hosting="api") for i, name in enumerate(models, 1)]
    goes = [
        Route(label=label, model=models[0 if i == 0 else -1], output_tokens=10)
        for i, label in enumerate(labels)
    ]
    return Routes(
        schema_version=1,
        name="by hand",
        taxonomy="t",
        currency="USD",
        date=date(2026, 11, 28),
        default=models[-1],
        model=tuple(targets),
        route=tuple(goes),
    )


def planted(n: int, effect: float, accuracy: float, seed: int) -> tuple[Matrix, list[str]]:
    """Half easy, half hard tasks that cost the same: the small model is right on easy ones with 0.5 + effect
    / 2 and on hard ones with 0.5 - effect / 2, the large one just the other way; and what a router says."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n) < 0.5
    mine = np.column_stack([~hard, hard])
    score = (rng.random((n, 2)) < np.where(mine, 0.5 + effect / 2, 0.5 - effect / 2)).astype(float)
    gold = [LABELS[int(one)] for one in hard]
    said = [LABELS[int(one)] for one in np.where(rng.random(n) < accuracy, hard, ~hard)]
    return matrix(score, np.ones((n, 2)), gold), said
