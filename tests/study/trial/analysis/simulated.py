"""Hypotheses about quality on planted outcomes, three arms and a look half way: how often they find what.

Runs are drawn again together, with the same draws of cases, which is what makes thousands of them cheap.
"""

from collections import Counter

import numpy as np

from routerlab.study.figures.arm import Settings
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.matrix import Floats
from routerlab.study.trial.analysis.quality import Gap, decide, gap, of_means
from routerlab.study.trial.protocol.interim import Pair

ARMS, CASES = 3, 120
INFORMATION = (0.5, 1.0)
COSTS = np.array([1.0, 2.0])
AT_ONCE = 100
"""Runs that are drawn again together."""
QUICK = Settings(resamples=1000)

World = tuple[tuple[float, float], float, str, float]
"""Chances of the models to be right: on all tasks alike, or where arms' accuracy is not a half on the other's
tasks and on their own; the accuracy, with which an arm knows whose a task is; against what; at what."""
WORLDS: dict[str, World] = {
    "no better than the control, models alike": ((0.5, 0.5), 0.5, "control", 0.0),
    "worse than the control by the margin 0.1": ((0.5, 0.7), 0.5, "control", -0.1),
    "no better than random, models alike": ((0.5, 0.5), 0.5, "random", 0.0),
    "no better than random, the better model is dearer": ((0.3, 0.7), 0.5, "random", 0.0),
    "better than random by 0.24": ((0.2, 0.8), 0.9, "random", 0.0),
}


def drawn(seed: int, world: World) -> tuple[Floats, Floats]:
    """(cases, models) of right or not, and (arms, cases) of the model that each arm sends them to. The large
    model, which is the second, is the default."""
    chances, accuracy, _, _ = world
    rng = np.random.default_rng(seed)
    hard = rng.random(CASES) < 0.5
    own = np.column_stack([~hard, hard])
    chance = np.tile(chances, (CASES, 1)) if accuracy == 0.5 else np.where(own, chances[1], chances[0])
    score = (rng.random((CASES, 2)) < chance).astype(float)
    return score, np.where(rng.random((ARMS, CASES)) < accuracy, hard, ~hard).astype(int)


def tables(score: Floats, went: Floats) -> list[Floats]:
    """What `of_means` takes of every arm, (cases, 8)."""
    cost = np.tile(COSTS, (CASES, 1))
    rows = np.arange(CASES)
    ends = np.column_stack([score[:, 1], cost[:, 1], score, cost])
    return [np.column_stack([score[rows, one], cost[rows, one], ends]) for one in went]


def found(seeds: range, name: str) -> list[list[bool]]:
    """Of each run the sides, above or not, on which arms were found."""
    world = WORLDS[name]
    _, _, other, at = world
    wide = np.hstack([table for seed in seeds for table in tables(*drawn(seed, world))])
    looks: list[dict[int, dict[Pair, Gap]]] = [{} for _ in seeds]
    for number, share in enumerate(INFORMATION, 1):
        n = int(share * CASES)
        means = np.vstack([wide[:n].mean(axis=0), Tasks((None,) * n, QUICK).means(wide[:n])])
        worths = [of_means(one, n, True) for one in np.split(means, len(seeds) * ARMS, axis=1)]
        for i, look in enumerate(looks):
            own = enumerate(worths[i * ARMS : (i + 1) * ARMS])
            look[number] = {(f"a{arm}", other): gap(one, other, at, 0.95) for arm, one in own}
    return [[one.above for one in decide(run, INFORMATION, 0.05, True).values()] for run in looks]


def shares(name: str, seeds: range) -> dict[str, float]:
    """How often at least one arm is said to be above or below, or all are said to be above."""
    said: Counter[str] = Counter()
    for start in range(seeds.start, seeds.stop, AT_ONCE):
        for sides in found(range(start, min(start + AT_ONCE, seeds.stop)), name):
            said["above"] += any(sides)
            said["below"] += not all(sides)
            said["all above"] += len(sides) == ARMS and all(sides)
    return {key: n / len(seeds) for key, n in said.items()}
