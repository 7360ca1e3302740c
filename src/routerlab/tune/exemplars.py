"""Candidate sets of exemplars, drawn from the pool: two a label, within a token budget, in a seeded order."""

from collections.abc import Sequence

import numpy as np

from routerlab.engine.contract.contract import Exemplar
from routerlab.tune.cases import Training

A_LABEL = 2
TOKEN_BUDGET = 700
"""Prompt tokens a set may have: each costs cache, and time when the model is loaded."""


def draw(training: Training, tokens: Sequence[int], seed: int, budget: int = TOKEN_BUDGET) -> list[int]:
    """Row numbers of a set: for each label one hard case and one other, where there are such, short enough to
    share the budget fairly; labels alternate, so that the last exemplars do not all say the same."""
    rng = np.random.default_rng(seed)
    present = sorted(set(training.gold))
    share = budget / (A_LABEL * len(present))
    chosen: dict[int, list[int]] = {}
    for label in present:
        own = np.flatnonzero(training.gold == label).tolist()
        short = [i for i in own if tokens[i] <= share] or [min(own, key=lambda i: tokens[i])]
        order = rng.permutation(short).tolist()
        hard = [i for i in order if training.hard[i]]
        other = [i for i in order if not training.hard[i]]
        first = [*hard[:1], *other[:1]]
        chosen[label] = (first + [i for i in order if i not in first])[:A_LABEL]
    rounds = [[own[r] for own in chosen.values() if r < len(own)] for r in range(A_LABEL)]
    return [group[j] for group in rounds for j in rng.permutation(len(group))]


def exemplars(training: Training, rows: Sequence[int]) -> tuple[Exemplar, ...]:
    """The cases of those rows as exemplars."""
    return tuple(Exemplar(prompt=training.cases[i].prompt, label=training.cases[i].label) for i in rows)
