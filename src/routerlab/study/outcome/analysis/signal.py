"""Whether labels say anything about which model is best: before any table, whatever a router gets right."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from routerlab.core.statistics.paired import CELLS
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.policies import best_single, one_hot
from routerlab.study.outcome.analysis.result import Signal
from routerlab.study.outcome.analysis.table import by_label, cross_fitted
from routerlab.study.outcome.matrix import Floats, Matrix

Ints = npt.NDArray[np.intp]


def signal(name: str, matrix: Matrix, tasks: Tasks, labels: Sequence[str | None]) -> Signal:
    """What these labels, one a task, say of the models (see Signal). No label is a label of its own."""
    of, values, settings = codes(labels), relative(matrix.score), tasks.settings
    whole = np.zeros(len(of), dtype=np.intp)
    sets = codes(matrix.source) if len(set(matrix.source)) > 1 else None
    within = centred(values, sets) if sets is not None else None
    shares = [
        one_hot(matrix, [best_single(matrix)] * len(of)),
        by_label(matrix, of),
        cross_fitted(matrix, tasks, of),
        one_hot(matrix, matrix.score.argmax(axis=1)),
    ]
    scores = np.column_stack([*((one * matrix.score).sum(axis=1) for one in shares), matrix.score])
    means, draws = scores.mean(axis=0), tasks.means(scores)
    single, same, cross, each = tasks.estimates(means[:4], draws)
    whole_and_drawn = np.vstack([means, draws])
    gap = draws[:, 3] - draws[:, 0]
    reach = (draws[:, 2] - draws[:, 0]) / np.where(gap > 1e-9, gap, np.nan)
    room = each.value - single.value
    return Signal(
        labels=name,
        n=len(of),
        eta_squared=eta_squared(values, of),
        p=shuffled_p(values, of, whole, tasks.of, settings.resamples, settings.seed),
        within=eta_squared(within, of) if within is not None else None,
        p_within=None
        if within is None or sets is None
        else shuffled_p(within, of, sets, tasks.of, settings.resamples, settings.seed),
        best_single=single,
        by_label=same,
        by_label_cross=cross,
        by_task=each,
        gain=tasks.least(whole_and_drawn[:, [2]] - whole_and_drawn[:, 4:]),
        reach=tasks.estimate((cross.value - single.value) / room, reach) if room > 1e-9 else None,
    )


def relative(score: Floats) -> Floats:
    """What is left of scores for a choice between models: without what a task is easy, and a model good, for
    all: (tasks, models)."""
    left = score - score.mean(axis=1, keepdims=True)
    found: Floats = left - left.mean(axis=0)
    return found


def codes(names: Sequence[str | None]) -> Ints:
    """Names as numbers from 0."""
    at = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([at[name] for name in names], dtype=np.intp)


def eta_squared(values: Floats, labels: Ints) -> float:
    """The share of the variance of (tasks, k) values that labels (numbers) explain: the sum of squares
    between labels over that of all, of centred columns; 0 where nothing varies."""
    total = float((values**2).sum())
    columns = np.column_stack([values, np.ones(len(values))])
    return float(_explained(labels[None], columns, labels.max() + 1)[0]) / total if total > 1e-12 else 0.0


def shuffled_p(values: Floats, labels: Ints, blocks: Ints, groups: Ints, times: int, seed: int) -> float:
    """The p that labels say nothing of the values: how often labels explain as much that were shuffled among
    the tasks of the same block (numbers).

    Tasks of a group keep theirs together, as they were drawn together: where all of it have one label and
    one block, groups are shuffled and count with their sums; where not, tasks. The one-sided permutation
    test of a multivariate analysis of variance; (hits + 1) / (times + 1).
    """
    first = np.unique(groups, return_index=True)[1]
    if (labels[first][groups] == labels).all() and (blocks[first][groups] == blocks).all():
        sums = np.zeros((len(first), values.shape[1]))
        np.add.at(sums, groups, values)
        values, labels, blocks, sizes = sums, labels[first], blocks[first], np.bincount(groups)
    else:
        sizes = np.ones(len(values), dtype=np.intp)
    n_labels, n = labels.max() + 1, len(labels)
    rng, hits = np.random.default_rng(seed), 0
    order = np.argsort(blocks, kind="stable")
    in_blocks, lots = labels[order], blocks[order].astype(float)
    columns = np.column_stack([values, sizes])[order]
    step = max(1, CELLS // n)
    seen = float(_explained(in_blocks[None], columns, n_labels)[0])
    for start in range(0, times, step):
        keys = rng.random((min(step, times - start), n)) + lots * 2
        drawn = in_blocks[np.argsort(keys, axis=1)]
        hits += int((_explained(drawn, columns, n_labels) >= seen - 1e-9).sum())
    return (hits + 1) / (times + 1)


def _explained(labels: Ints, columns: Floats, n_labels: int) -> Floats:
    """(b,): sums of squares between labels, of (b, tasks) labels; the last column is how many tasks it is."""
    found = np.zeros(len(labels))
    for label in range(n_labels):
        sums = (labels == label).astype(float) @ columns
        found += (sums[:, :-1] ** 2).sum(axis=1) / np.maximum(sums[:, -1], 1)
    return found


def centred(values: Floats, blocks: Ints) -> Floats:
    """The values without the mean of their block."""
    sums = np.zeros((blocks.max() + 1, values.shape[1]))
    np.add.at(sums, blocks, values)
    found: Floats = values - (sums / np.bincount(blocks)[:, None])[blocks]
    return found
