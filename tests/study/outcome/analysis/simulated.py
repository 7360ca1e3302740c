"""The whole analysis on planted matrices, from draw to verdict: how often it says what."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

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


def dearer(seed: int, effect: float = 0.0, prices: tuple[float, float] = (1.0, 2.0)) -> Drawn:
    """The large model is better on all tasks alike, and dearer: 0.7 against 0.3 (0.3 + effect on the tasks of
    its label). Gold labels and the router's are right or wrong by 0.7."""
    rng = np.random.default_rng(seed)
    hard = rng.random(TASKS) < 0.5
    chance = np.column_stack([np.where(hard, 0.3, 0.3 + effect), np.full(TASKS, 0.7)])
    score = (rng.random((TASKS, 2)) < chance).astype(float)
    said = np.where(rng.random(TASKS) < 0.7, hard, ~hard)
    gold = [LABELS[int(one)] for one in hard]
    return matrix(score, np.tile(prices, (TASKS, 1)), gold), [LABELS[int(one)] for one in said]


def cheaper(seed: int) -> Drawn:
    """Two models that are as good as each other on every task; the large one is dearer for nothing."""
    m, said = planted(TASKS, 0.0, 0.7, seed)
    return matrix(m.score, np.tile([1.0, 2.0], (TASKS, 1)), m.labels), said


WORLDS = {
    "no effect": World(lambda seed: planted(TASKS, 0.0, 0.7, seed)),
    "no effect, the better model is dearer": World(dearer),
    "no effect, a dearer model for nothing": World(cheaper),
    "a right label is worth 0.02": World(lambda seed: planted(TASKS, 0.02, 0.7, seed)),
    "routing is worth 0.02": World(lambda seed: planted(TASKS, 0.1, 0.7, seed)),
    "an effect of 0.6": World(lambda seed: planted(TASKS, 0.6, 0.7, seed)),
    "no effect, no table": World(lambda seed: planted(TASKS, 0.0, 0.7, seed), table=False),
    "no effect, no table, the better model is dearer": World(dearer, table=False),
    "an effect of 0.6, no table": World(lambda seed: planted(TASKS, 0.6, 0.7, seed), table=False),
}
"""What is planted; 0.02 is the difference that matters, on which a statement may hardly ever be refuted."""


def shares(world: World, seeds: range) -> dict[str, float]:
    """How often the verdict and each of its statements (by their keys) are what, and how often tests of no
    effect have p <= 0.05."""
    said: Counter[str] = Counter()
    for seed in seeds:
        m, labels = world.draw(seed)
        router = Labelled("r", "router", {prompt_sha256(t): x for t, x in zip(m.tasks, labels, strict=True)})
        settings = Settings(resamples=500, seed=seed)
        result = analyse(m, "s", [router], routes() if world.table else None, settings=settings)
        said[f"verdict {result.verdict.finding}"] += 1
        said.update(f"{one.key} {one.finding}" for one in result.verdict.statements)
        said["labels explain, p <= 0.05"] += result.signals[0].p <= 0.05
        said["a right label, p <= 0.05"] += any((one.p or 1) <= 0.05 for one in result.effects)
    return {key: n / len(seeds) for key, n in sorted(said.items())}
