"""Tables by labels against random routing over all costs, without hindsight."""

import numpy as np

from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.analysis.draws import FEWEST, Tasks
from routerlab.study.outcome.analysis.frontier import mix
from routerlab.study.outcome.analysis.table import Ints, at_prices, parts, sums_by_label
from routerlab.study.outcome.matrix import Floats, Matrix

COSTS = 20
"""Costs at which both are compared: middles of as many steps from the cheapest model's to the dearest's."""


def gap_over_costs(matrix: Matrix, tasks: Tasks, of: Ints) -> Estimate | None:
    """How much better answers than random mixes of models tables by the labels `of` (numbers) give, mean over
    all costs; None where costs are not known or all the same, or there are no two groups.

    The area below a hull is too large on the tasks whose hull it is, and above that of random mixes even
    if labels say nothing. Here each part of the tasks, in an order by lot, is judged by tables and mixes that
    were fitted to the parts before it, so that what fitting makes of luck is not judged. With the other parts
    all around (cross-fitting) what was lucky in one is unlucky in the others, and intervals are too narrow
    where models are alike (A. Luedtke and M. van der Laan, "Statistical inference for the mean outcome under
    a possibly non-unique optimal treatment strategy", Annals of Statistics 44, 2016, who use such an order).
    """
    if np.isnan(matrix.cost).any() or np.ptp(matrix.cost.mean(axis=0)) == 0 or tasks.n_groups < FEWEST:
        return None
    part, found = parts(tasks), np.zeros((len(of), 2))
    for i in range(1, part.max() + 1):
        past, now = part < i, part == i
        worth, price, rest = _rule(matrix.score[past], matrix.cost[past], of[past], of.max() + 1)
        gap = (worth[of[now]] * matrix.score[now] - price[of[now]] * matrix.cost[now]).sum(axis=1) + rest
        found[now] = np.column_stack([gap, np.ones(len(gap))])
    sums, drawn = found.sum(axis=0), tasks.sums(found)
    return tasks.estimate(sums[0] / sums[1], drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.nan))


def _rule(score: Floats, cost: Floats, of: Ints, n_labels: int) -> tuple[Floats, Floats, float]:
    """What tables get more than random mixes, of what a task with a label scores and costs with each model:
    two (labels, models), and a number to add.

    Tables and models are mixed at random to cost just as much as each other; by as much as other tasks cost
    more than that, random mixes get what it buys.
    """
    n, quality, price = len(of), score.mean(axis=0), cost.mean(axis=0)
    scores, costs = sums_by_label(score, of, n_labels), sums_by_label(cost, of, n_labels)
    times = np.bincount(of, minlength=n_labels)[:, None] + 1e-6
    worths, prices = (scores + 1e-6 * quality) / times, (costs + 1e-6 * price) / times
    tables = np.unique(at_prices(worths, prices, quality, price), axis=0)
    rows, models = np.arange(n_labels), np.eye(len(price))
    good, dear = scores[rows, tables].sum(axis=1) / n, costs[rows, tables].sum(axis=1) / n
    at = price.min() + np.ptp(price) * (np.arange(COSTS) + 0.5) / COSTS
    of_tables, (of_models, buys) = mix(dear, good, at)[0], mix(price, quality, at)
    more = np.tensordot(of_tables, models[tables], 1) - of_models[:, None]
    rest = float((buys * (of_tables @ dear - of_models @ price)).mean())
    return more.mean(axis=0), (buys[:, None, None] * more).mean(axis=0), rest
