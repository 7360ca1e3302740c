"""The bootstrap over tasks that all figures share: groups of variants are drawn together, and every policy
with the same tasks, so that differences are paired."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from routerlab.core.statistics.paired import CELLS, drawn, middle, smallest
from routerlab.study.figures.arm import Estimate, Settings
from routerlab.study.outcome.matrix import Floats

KEPT = 20_000_000
"""Counts up to which draws are kept, 160 MB: more are drawn anew for each figure."""
FEWEST = 2
"""Groups from which there is an interval."""


@dataclass(frozen=True)
class Tasks:
    """Which group each task is in, and how is drawn."""

    groups: tuple[str | None, ...]
    settings: Settings

    @cached_property
    def of(self) -> npt.NDArray[np.intp]:
        """The number of each task's group; a task without one is its own."""
        names = [(g,) if g is not None else i for i, g in enumerate(self.groups)]
        at = {name: i for i, name in enumerate(dict.fromkeys(names))}
        return np.array([at[name] for name in names], dtype=np.intp)

    @property
    def n_groups(self) -> int:
        """How many are drawn from."""
        return int(self.of.max()) + 1 if len(self.of) else 0

    def sums(self, values: Floats) -> Floats:
        """(resamples, columns): sums of (tasks, columns) over tasks that were drawn again."""
        by_group = np.zeros((self.n_groups, values.shape[1]))
        np.add.at(by_group, self.of, values)
        return np.concatenate([counts @ by_group for counts in self._counts()])

    def means(self, values: Floats) -> Floats:
        """(resamples, columns): means of (tasks, columns)."""
        drawn_sums = self.sums(np.column_stack([values, np.ones(len(values))]))
        found: Floats = drawn_sums[:, :-1] / drawn_sums[:, -1:]
        return found

    def times(self, most: int) -> Floats:
        """(draws, tasks): how often each task was drawn, of at most `most` draws, and as there is room."""
        most = min(most, max(100, 10 * CELLS // max(1, len(self.of))))
        found: list[Floats] = []
        for counts in self._counts():
            found.append(counts[:most, self.of])
            most -= len(found[-1])
            if most <= 0:
                break
        return np.concatenate(found)

    def _counts(self) -> Iterator[Floats]:
        """How often each group was drawn, (draws, groups) in blocks: the same draws for every figure."""
        if self.n_groups * self.settings.resamples <= KEPT:
            yield self._kept
            return
        once = np.ones(self.n_groups, dtype=np.int64)
        for counts in drawn(once, self.settings.resamples, self.settings.seed):
            yield counts.astype(float)

    @cached_property
    def _kept(self) -> Floats:
        once = np.ones(self.n_groups, dtype=np.int64)
        return np.concatenate(list(drawn(once, self.settings.resamples, self.settings.seed))).astype(float)

    def quantile(self, values: Floats, shares: Floats, q: float) -> Floats:
        """(1 + resamples,): the q-quantile of (tasks, models) values that come as often as `shares` say: of
        the tasks as they are, then of those drawn. It is the smallest value that q of all do not exceed."""
        task, model = np.nonzero(shares > 0)
        order = np.argsort(values[task, model], kind="stable")
        task, model = task[order], model[order]
        sorted_values, weights = values[task, model], shares[task, model]
        groups, found = self.of[task], [_at(sorted_values, weights[None], q)]
        step = max(1, CELLS // max(1, len(task)))
        for counts in self._counts():
            for start in range(0, len(counts), step):
                part = counts[start : start + step, groups] * weights
                found += [_at(sorted_values, part, q)]
        return np.concatenate(found)

    def estimate(self, value: float, draws: Floats) -> Estimate:
        """The figure with the percentile interval of what was drawn."""
        ends = middle(draws, self.settings.confidence) if self.n_groups >= FEWEST else None
        low, high = ends or (None, None)
        return Estimate(value=float(value), low=low, high=high)

    def least(self, figures: Floats) -> Estimate:
        """The smallest of figures, (1 + resamples, k): as they are, then drawn; with the interval that allows
        for its being the smallest."""
        low, high = (smallest(figures, self.settings.confidence) if self.n_groups >= FEWEST else None) or (
            None,
            None,
        )
        return Estimate(value=float(figures[0].min()), low=low, high=high)

    def estimates(self, values: Sequence[float] | Floats, draws: Floats) -> list[Estimate]:
        """The same of every column."""
        return [self.estimate(value, draws[:, i]) for i, value in enumerate(values)]


def _at(values: Floats, weights: Floats, q: float) -> Floats:
    total = np.cumsum(weights, axis=1)
    found: Floats = values[(total >= q * total[:, -1:] * (1 - 1e-12)).argmax(axis=1)]
    return found
