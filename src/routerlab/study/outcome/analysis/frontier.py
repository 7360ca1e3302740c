"""Curves of quality: against cost (hull, AIQ) and against the share of tasks that the strong model gets."""

from dataclasses import dataclass

import numpy as np

from routerlab.study.outcome.matrix import Floats

Ends = Floats | np.float64


def envelope(cost: Floats, quality: Floats, at: Floats) -> Floats:
    """The best quality that random mixes of points get for at most the cost `at`: (..., k) from (..., n)
    points.

    It is the upper hull of the points, not decreasing: what dearer mixes get worse is not bought. That is
    what RouterBench's "Zero router" gets (Q. J. Hu et al., "RouterBench", arXiv 2403.12031, section 3). Below
    the cheapest point it is the quality of that one: there is nothing cheaper.
    """
    c, q, x = cost[..., None, :], quality[..., None, :], at[..., None]
    cheapest = np.take_along_axis(quality, cost.argmin(axis=-1)[..., None], axis=-1)
    # Of points that are affordable the best; and of a cheaper and a dearer one, the mix that costs just `at`.
    found: Floats = np.where(c <= x, q, -np.inf).max(axis=-1)
    found = np.where(np.isneginf(found), cheapest, found)
    for i in range(cost.shape[-1]):
        ci, qi = c[..., i : i + 1], q[..., i : i + 1]
        between = (ci <= x) & (c > x)
        part = np.where(between, (x - ci) / np.where(between, c - ci, 1.0), 0.0)
        found = np.maximum(found, np.where(between, qi + part * (q - qi), -np.inf).max(axis=-1))
    return found


def mixes(cost: Floats, quality: Floats, at: Floats) -> Floats:
    """The quality of every random mix of one or two points that costs `at`, (draws, k) from (draws, n) and
    (draws,): `envelope` is the best of them.

    Which they are is said by the first row's costs, so that they are the same in all; where a draw is beyond
    the dearer point, or below the cheaper one, it is that point alone.
    """
    near = at[0] * (1 + 1e-9)  # means of equal costs may be a rounding apart
    level, dearer = np.flatnonzero(cost[0] <= near), np.flatnonzero(cost[0] > near)
    if not len(level):
        return quality[:, [int(cost[0].argmin())]]
    found = [quality[:, level]]
    for i in level:
        width = cost[:, dearer] - cost[:, [i]]
        part = np.clip((at[:, None] - cost[:, [i]]) / np.where(width > 0, width, np.inf), 0.0, 1.0)
        found.append(quality[:, [i]] + part * (quality[:, dearer] - quality[:, [i]]))
    return np.hstack(found)


def mix(cost: Floats, quality: Floats, at: Floats) -> tuple[Floats, Floats]:
    """The best of these mixes of (n,) points at each of the costs `at`, (k,): shares, (k, n), and how much
    quality a unit of cost more buys there, (k,)."""
    one, level = np.eye(len(cost)), cost <= at[:, None] * (1 + 1e-9)
    best = np.where(level.any(axis=1), np.where(level, quality, -np.inf).argmax(axis=1), cost.argmin())
    run = cost - cost[:, None]
    slope = (quality - quality[:, None]) / np.where(run > 0, run, np.inf)
    reached = quality[:, None] + (at[:, None, None] - cost[:, None]) * slope
    reached = np.where(level[:, :, None] & ~level[:, None, :], reached, -np.inf)
    i, j = np.unravel_index(reached.reshape(len(at), -1).argmax(axis=1), run.shape)
    mixed = reached.max(axis=(1, 2)) > quality[best]
    part = np.where(mixed, at - cost[i], 0.0) / np.where(mixed, run[i, j], 1.0)
    shares = (1 - part)[:, None] * one[np.where(mixed, i, best)] + part[:, None] * one[j]
    return shares, np.where(mixed, slope[i, j], 0.0)


def aiq(cost: Floats, quality: Floats, low: Ends, high: Ends) -> Floats:
    """RouterBench's average improvement in quality: the area below the hull of a router's points from the
    cost `low` to `high`, over high - low (arXiv 2403.12031, section 3). `cost` and `quality` are (..., n),
    the ends (...); NaN where they are not apart.

    Exact: the hull is straight between the costs of points.
    """
    ends = np.stack([low, high], axis=-1)
    at = np.sort(np.concatenate([np.clip(cost, ends[..., :1], ends[..., 1:]), ends], axis=-1), axis=-1)
    height = envelope(cost, quality, at)
    area = (np.diff(at, axis=-1) * (height[..., 1:] + height[..., :-1]) / 2).sum(axis=-1)
    width = high - low
    found: Floats = np.where(width > 0, area / np.where(width > 0, width, 1.0), np.nan)
    return found


@dataclass(frozen=True)
class Deferral:
    """The share of tasks that go to the strong model, from 0 to 1 along the last axis, and the mean score
    then."""

    share: Floats
    score: Floats

    @property
    def pgr(self) -> Floats:
        """Performance gap recovered: (score - weak) / (strong - weak), 0 with the weak model alone, 1 with
        the strong one (I. Ong et al., "RouteLLM", arXiv 2406.18665, section 3). NaN where the strong one is
        not better."""
        weak, strong = self.score[..., :1], self.score[..., -1:]
        gap = strong - weak
        found: Floats = (self.score - weak) / np.where(gap > 1e-9, gap, np.nan)
        return found

    @property
    def apgr(self) -> Floats:
        """The mean PGR over all shares of strong calls (RouteLLM, section 3, which sums over ten of them;
        this is the exact area). Random routing gets 0.5."""
        found: Floats = np.asarray(np.trapezoid(self.pgr, self.share, axis=-1))
        return found

    def cpt(self, level: float) -> float | None:
        """Call-performance threshold: the least share of strong calls with a PGR of `level` (RouteLLM,
        section 3: CPT(50 %), CPT(80 %)), of a single curve; `level` itself for random routing. None where
        the strong model is not better."""
        pgr = self.pgr
        if np.isnan(pgr).any():
            return None
        i = int((pgr >= level - 1e-12).argmax())
        if i == 0:
            return 0.0
        rise = (level - pgr[i - 1]) / (pgr[i] - pgr[i - 1])
        return float(self.share[i - 1] + rise * (self.share[i] - self.share[i - 1]))


def deferral(priority: Floats, weak: Floats, strong: Floats, times: Floats | None = None) -> Deferral:
    """Tasks go to the strong model in the order of `priority`, the highest first, tied ones together in
    random order (a straight line); `weak`, `strong` are the models' scores, (tasks,). `times` is how often
    each task counts, (..., tasks); once where it is not given."""
    order = np.argsort(-priority, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(priority[order]) != 0, True))
    weights = (np.ones(len(order)) if times is None else times)[..., order]
    n = weights.sum(axis=-1, keepdims=True)

    def running(values: Floats) -> Floats:
        sums = np.cumsum(weights * values, axis=-1)[..., ends] / n
        return np.concatenate([np.zeros_like(n), sums], axis=-1)

    start = (weights @ weak[order])[..., None] / n
    return Deferral(running(np.ones(len(order))), start + running((strong - weak)[order]))
