"""The whole analysis on planted matrices, from draw to verdict: how often it says what."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from routerlab.core.corpus import prompt_sha256
from routerlab.study.figures.arm import Settings
from routerlab.study.outcome.analysis.analysis import analyse
from routerlab.study.outcome.analysis.labels import Labelled
from routerlab.study.outcome.matrix import Matrix
from tests.study.outcome.analysis.harness import LABELS, matrix, planted, routes

TASKS = 150
Drawn = tuple[Matrix, list[str]]
"""A matrix, and the labels that a router gave."""


@dataclass(frozen=True)
class World:
    """How a matrix is drawn from a seed, and whether there is a routing table."""

    draw: Callable[[int], Drawn]
    table: bool = True


def dearer(seed: int, effect: float = 0.0) -> Drawn:
    """The large model is right on 0.7 of all tasks and costs 2; the small one, for 1, on 0.3 of the hard
    tasks and 0.3 + effect of the easy ones. The router is right about 0.7 of them."""
    rng = np.random.default_rng(seed)
    hard = rng.random(TASKS) < 0.5
    chance = np.column_stack([np.where(hard, 0.3, 0.3 + effect), np.full(TASKS, 0.7)])
    score = (rng.random((TASKS, 2)) < chance).astype(float)
    said = np.where(rng.random(TASKS) < 0.7, hard, ~hard)
    return matrix(score, labels=[LABELS[int(x)] for x in hard]), [LABELS[int(x)] for x in said]


WORLDS = {
    "no effect": World(lambda seed: planted(TASKS, 0.0, 0.7, seed)),
    "no effect, the better model is dearer": World(dearer),
    "a right label is worth 0.02": World(lambda seed: planted(TASKS, 0.02, 0.7, seed)),
    "routing is worth 0.02": World(lambda seed: planted(TASKS, 0.1, 0.7, seed)),
    "routing is worth 0.02, the better model is dearer": World(lambda seed: dearer(seed, 0.2)),
    "no effect, no table": World(lambda seed: planted(TASKS, 0.0, 0.7, seed), table=False),
    "no effect, no table, the better model is dearer": World(dearer, table=False),
    "an effect of 0.4, no table, the better model is dearer": World(lambda s: dearer(s, 0.4), table=False),
    "an effect of 0.8": World(lambda seed: planted(TASKS, 0.8, 0.7, seed)),
    "an effect of 0.8, no table": World(lambda seed: planted(TASKS, 0.8, 0.7, seed), table=False),
}
"""What is planted; 0.02 is the difference that matters, on which a statement may hardly ever be refuted."""


def shares(world: World, seeds: range) -> dict[str, float]:
    """How often the verdict and each of its statements (by their keys) are what, and how often tests of no
    effect have p <= 0.05."""
    said: Counter[str] = Counter()
    for seed in seeds:
        m, labels = world.draw(seed)
        m = replace(m, latency_ms=np.full_like(m.cost, np.nan))  # of no interest, and takes long
        router = Labelled("r", "router", {prompt_sha256(t): x for t, x in zip(m.tasks, labels, strict=True)})
        settings = Settings(resamples=300, seed=seed)
        result = analyse(m, "s", [router], routes() if world.table else None, settings=settings)
        said[f"verdict {result.verdict.finding}"] += 1
        said.update(f"{one.key} {one.finding}" for one in result.verdict.statements)
        said["labels explain, p <= 0.05"] += result.signals[0].p <= 0.05
        said["a right label, p <= 0.05"] += any((one.p or 1) <= 0.05 for one in result.effects)
    return {key: n / len(seeds) for key, n in sorted(said.items())}
