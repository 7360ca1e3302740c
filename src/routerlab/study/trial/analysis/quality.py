"""What the answers are worth that an arm's labels lead to: its measured quality and cost, and tests of them.

A label leads to a model by the routing table, and its answer to the case was measured before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from routerlab.core.statistics.paired import most_off, nearest, smallest
from routerlab.core.text import plural
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.figures.rows import Row, grouped
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.frontier import mixes
from routerlab.study.outcome.matrix import Floats, Matrix
from routerlab.study.routing_table import Routes
from routerlab.study.trial.protocol.interim import Pair, step_down

FEWEST = 20
"""Different cases that a bootstrap test needs; with fewer its error rate is far from what it says."""


@dataclass(frozen=True)
class Worth:
    """Means over the cases of an arm, repeats averaged; then over each draw of them: (1 + resamples,) each.

    `quality` is the mean score, `spent` what the answers cost and the router too where its price is known
    (`priced`); `control` and `control_cost` are those of the table's default, `random` the quality of every
    random mix of models for what was spent, (1 + resamples, mixes). `n` are the cases, groups as one.
    """

    n: int
    priced: bool
    quality: Floats
    spent: Floats
    control: Floats
    control_cost: Floats
    random: Floats


def worth(rows: Sequence[Row], outcomes: Matrix, routes: Routes, settings: Settings) -> Worth:
    """An arm's, of one row at least. A row without a label, or whose arm abstained, went to the default."""
    at = {case: i for i, case in enumerate(outcomes.tasks)}
    column = {model: j for j, model in enumerate(outcomes.models)}
    default = column[routes.default]
    score, cost = outcomes.score, outcomes.cost
    columns, cases = [], []
    for case, own in grouped((row.case, row) for row in rows).items():
        i = at[case]
        went = [column[routes.target(row.routed).name] for row in own]
        spent = cost[i, went].mean() + sum(row.cost or 0.0 for row in own) / len(own)
        mine = (score[i, went].mean(), spent, score[i, default], cost[i, default])
        columns.append([*mine, *score[i], *cost[i]])
        cases.append(i)
    tasks, table = Tasks(tuple(outcomes.group[i] for i in cases), settings), np.array(columns, dtype=float)
    means = np.vstack([table.mean(axis=0), tasks.means(table)])
    return of_means(means, tasks.n_groups, any(row.cost is not None for row in rows))


def of_means(means: Floats, n: int, priced: bool) -> Worth:
    """The same from (1 + resamples, 4 + 2 models) means: quality, spent, the control's score and cost, every
    model's score, every model's cost."""
    m = (means.shape[1] - 4) // 2
    return Worth(
        n=n,
        priced=priced,
        quality=means[:, 0],
        spent=means[:, 1],
        control=means[:, 2],
        control_cost=means[:, 3],
        random=mixes(means[:, 4 + m :], means[:, 4 : 4 + m], means[:, 1]),
    )


@dataclass(frozen=True)
class Gap:
    """How much better answers are than others, with its interval, and the two-sided p of its being at what it
    is tested against; None with too few cases. `above`: whether it is found above that."""

    value: Estimate
    p: float | None
    above: bool
    note: str


def gap(found: Worth, other: str, at: float, confidence: float) -> Gap:
    """The quality against that of the "control", or of the best "random" routing at the same cost."""
    theirs = found.control[:, None] if other == "control" else found.random
    differences = found.quality[:, None] - theirs
    low, high = smallest(differences, confidence) or (None, None)
    value, few = float(differences[0].min()), found.n < FEWEST
    note = f"mean score {found.quality[0]:.3f} against {theirs[0].max():.3f} on {plural(found.n, 'case')}"
    if other == "random" and not found.priced:
        note += "; the router itself has no price"
    return Gap(
        value=Estimate(value=value, low=low, high=high),
        p=None if few else smallest_p(differences, at),
        above=value > at,
        note=note + (", too few for a bootstrap" if few else ""),
    )


def drawn_p(drawn: Floats, limit: float) -> float | None:
    """Two-sided p of "the figure is at the limit": twice the smaller share of draws beyond it, counting one
    more of each, and those where it is undefined on both sides (A. C. Davison and D. V. Hinkley, Bootstrap
    Methods and their Application, 1997, 4.2)."""
    if np.isnan(drawn).all():
        return None
    least = min(int((~(drawn < limit)).sum()), int((~(drawn > limit)).sum()))
    return min(1.0, 2 * (least + 1) / (len(drawn) + 1))


def smallest_p(figures: Floats, limit: float) -> float:
    """The same of the smallest of figures, (1 + draws, k), with the ends of `smallest`."""
    near = nearest(figures)
    least = min(int((near[1:] <= limit).sum(axis=0).max()), int((most_off(near) >= limit).sum()))
    return min(1.0, 2 * (least + 1) / len(figures))


@dataclass(frozen=True)
class Decided:
    """A pair that was found to be apart from the margin: at which look, the last number being the end, and on
    which side."""

    look: int
    above: bool


def decide(
    looks: Mapping[int, Mapping[Pair, Gap]], information: Sequence[float], alpha: float, holm: bool
) -> dict[Pair, Decided]:
    """The group sequential Holm procedure over these looks (number -> what is seen then), the end among them;
    without correction each pair has alpha for itself. `information` is that of all looks that are planned."""
    pairs = list(dict.fromkeys(pair for gaps in looks.values() for pair in gaps))
    found: dict[Pair, Decided] = {}
    for family in [pairs] if holm else [[pair] for pair in pairs]:
        rejected: dict[Pair, int] = {}
        for number, gaps in looks.items():
            p = {pair: one.p for pair in family if (one := gaps.get(pair)) and one.p is not None}
            step_down(p, rejected, tuple(information[:number]), alpha)
            found |= {pair: Decided(number, gaps[pair].above) for pair in p if rejected.get(pair) == number}
    return found
