"""Hypotheses about quality on planted outcomes, three arms and a look half way: how often they find what."""

from collections import Counter

import numpy as np

from routerlab.study.figures.arm import Settings
from routerlab.study.figures.rows import Row
from routerlab.study.trial.analysis.quality import decide, gap, worth
from tests.study.outcome.analysis.harness import LABELS, matrix, routes

ARMS, CASES = 3, 120
INFORMATION = (0.5, 1.0)


def decided(
    seed: int, chances: tuple[float, float], other: str, at: float = 0.0, accuracy: float = 0.5
) -> dict[str, int]:
    """What is said of at least one arm: "above", "below". The small model costs 1 and the large one, which is
    the default, 2; they are right on the other's tasks with `chances`, on their own with as much for both in
    turn. Arms are right with `accuracy` about whose tasks these are: with a half they route at random."""
    rng = np.random.default_rng(seed)
    hard = rng.random(CASES) < 0.5
    own, others = max(chances), min(chances)
    swap = accuracy != 0.5
    chance = np.where(np.column_stack([~hard, hard]), own, others) if swap else np.tile(chances, (CASES, 1))
    m = matrix((rng.random((CASES, 2)) < chance).astype(float))
    settings = Settings(resamples=1000, seed=seed)
    looks = {}
    rows = [
        [
            Row(f"a{arm}", task, 1, LABELS[int(is_hard)], LABELS[int(is_hard == right)], "ok")
            for task, is_hard, right in zip(m.tasks, hard, rng.random(CASES) < accuracy, strict=True)
        ]
        for arm in range(ARMS)
    ]
    for number, share in enumerate(INFORMATION, 1):
        until = int(share * CASES)
        looks[number] = {
            (f"a{arm}", other): gap(worth(own_rows[:until], m, routes(), settings), other, at, 0.95)
            for arm, own_rows in enumerate(rows)
        }
    found = decide(looks, INFORMATION, 0.05, True).values()
    above = [one.above for one in found]
    return {
        "above": int(any(above)),
        "below": int(not all(above)),
        "all above": int(len(above) == ARMS and all(above)),
    }


WORLDS = {
    "no better than the control, models alike": ((0.5, 0.5), "control", 0.0, 0.5),
    "worse than the control by the margin 0.1": ((0.5, 0.7), "control", -0.1, 0.5),
    "no better than random, models alike": ((0.5, 0.5), "random", 0.0, 0.5),
    "no better than random, the better model is dearer": ((0.3, 0.7), "random", 0.0, 0.5),
    "better than random by 0.24": ((0.2, 0.8), "random", 0.0, 0.9),
}
"""Name -> chances, against what, the difference that is tested, the arms' accuracy."""


def shares(world: str, seeds: range) -> dict[str, float]:
    """How often that is said."""
    chances, other, at, accuracy = WORLDS[world]
    said: Counter[str] = Counter()
    for seed in seeds:
        said.update(decided(seed, chances, other, at, accuracy))
    return {key: n / len(seeds) for key, n in said.items()}
