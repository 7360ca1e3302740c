"""The figures of policies, all from products of their shares with the matrix, with paired intervals."""

from collections.abc import Sequence

import numpy as np

from routerlab.study.figures.arm import Estimate
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.frontier import aiq, deferral, mixes
from routerlab.study.outcome.analysis.policies import Kind, Policy
from routerlab.study.outcome.analysis.result import Curve, Standing
from routerlab.study.outcome.matrix import Floats, Matrix

FEW_DRAWS = 1000
"""Draws for the intervals of areas, which take longer than means."""
JUDGED: tuple[Kind, ...] = ("router", "annotator", "gold", "table", "direct", "oracle")
"""Kinds of policies that choose, and so are held against chance."""


def standings(
    matrix: Matrix, tasks: Tasks, policies: Sequence[Policy], gold: Sequence[str | None]
) -> tuple[Standing, ...]:
    """The figures of every policy; the first is the control. `gold` are the right labels, one a task."""
    n, priced = len(policies), not np.isnan(matrix.cost).any()
    timed = not np.isnan(matrix.latency_ms).any()
    right = (matrix.score >= matrix.good[:, None]).astype(float)
    tables = [matrix.score, right, *([matrix.cost * 1000] if priced else [])]
    tables += [matrix.latency_ms] if timed else []
    columns = np.hstack([expected(policies, table) for table in tables])
    means, draws = columns.mean(axis=0), tasks.means(columns)
    parts = [tasks.estimates(means[i : i + n], draws[:, i : i + n]) for i in range(0, len(means), n)]
    costs = parts[2] if priced else [None] * n
    latencies = parts[-1] if timed else [None] * n
    quality, drawn = means[:n], draws[:, :n]
    outcomes = np.hstack([matrix.score, matrix.cost * 1000])
    of_models = np.vstack([outcomes.mean(axis=0), tasks.means(outcomes)])
    n_models = len(matrix.models)
    found = []
    for i, policy in enumerate(policies):
        judged = policy.kind in JUDGED
        mix = policy.shares.mean(axis=0)
        by_chance = of_models[1:, :n_models] @ mix
        even = None
        if priced and judged:
            spent, spent_drawn = means[2 * n + i], draws[:, 2 * n + i]
            chance = mixes(of_models[:, n_models:], of_models[:, :n_models], np.append(spent, spent_drawn))
            even = tasks.least(np.append(quality[i], drawn[:, i])[:, None] - chance)
        found.append(
            Standing(
                name=policy.name,
                kind=policy.kind,
                quality=parts[0][i],
                good=parts[1][i],
                cost=costs[i],
                latency_ms=latencies[i],
                p95_ms=p95(matrix, tasks, policy) if timed else None,
                vs_control=tasks.estimate(quality[i] - quality[0], drawn[:, i] - drawn[:, 0]) if i else None,
                vs_random=even,
                vs_mix=tasks.estimate(quality[i] - matrix.score.mean(axis=0) @ mix, drawn[:, i] - by_chance)
                if judged
                else None,
                accuracy=accuracy(policy.labels, gold),
                mix={model: float(mix[j]) for j, model in enumerate(matrix.models)},
            )
        )
    return tuple(found)


def expected(policies: Sequence[Policy], table: Floats) -> Floats:
    """(tasks, policies): what each policy gets of a (tasks, models) table."""
    return np.stack([(policy.shares * table).sum(axis=1) for policy in policies], axis=1)


def p95(matrix: Matrix, tasks: Tasks, policy: Policy) -> Estimate:
    """The 95th percentile of its answers' latencies."""
    found = tasks.quantile(matrix.latency_ms, policy.shares, 0.95)
    return tasks.estimate(found[0], found[1:])


def accuracy(labels: Sequence[str | None] | None, gold: Sequence[str | None]) -> float | None:
    """The share of labels that are gold's, where gold is known."""
    known = [(a, b) for a, b in zip(labels or (), gold, strict=False) if b is not None]
    return sum(a == b for a, b in known) / len(known) if known else None


def curve(
    name: str,
    kind: Kind,
    matrix: Matrix,
    tasks: Tasks,
    shares: Sequence[Floats],
    priority: Floats | None,
    ends: tuple[int, int],
    more: Estimate | None = None,
) -> Curve:
    """A way of routing at all prices: `shares` at each of them, and in which order tasks go to the strong
    model instead of the weak one (`ends`: their columns). How much `more` it gets than random mixes is else
    the difference of areas."""
    drawn = tasks.times(FEW_DRAWS)
    area = None
    points: list[tuple[float, float]] = []
    if not np.isnan(matrix.cost).any():
        cost = np.stack([(one * matrix.cost).sum(axis=1) for one in shares], axis=1) * 1000
        quality = np.stack([(one * matrix.score).sum(axis=1) for one in shares], axis=1)
        points = sorted(set(zip(cost.mean(axis=0).tolist(), quality.mean(axis=0).tolist(), strict=True)))
        kept = np.unique(np.column_stack([cost.T, quality.T]), axis=0, return_index=True)[1]
        columns = np.hstack([cost[:, kept], quality[:, kept], matrix.cost * 1000, matrix.score])
        sums = np.vstack([np.ones(len(tasks.of)), drawn]) @ columns
        means = sums / np.concatenate([[len(tasks.of)], drawn.sum(axis=1)])[:, None]
        k = len(kept)
        prices, scores = np.split(means[:, 2 * k :], 2, axis=1)
        least, most = prices.min(axis=1), prices.max(axis=1)
        found = aiq(means[:, :k], means[:, k : 2 * k], least, most)
        if not np.isnan(found[0]):
            area = tasks.estimate(found[0], found[1:])
            gap = found - aiq(prices, scores, least, most)
            more = more or tasks.estimate(gap[0], gap[1:])
    low, high = matrix.score[:, ends[0]], matrix.score[:, ends[1]]
    whole = deferral(priority, low, high) if priority is not None else None
    recovered = None
    if whole is not None and priority is not None and not np.isnan(whole.apgr):
        recovered = tasks.estimate(float(whole.apgr), deferral(priority, low, high, drawn).apgr)
    return Curve(
        name=name,
        kind=kind,
        aiq=area,
        vs_random=more if kind != "random" else None,
        apgr=recovered,
        cpt50=whole.cpt(0.5) if whole else None,
        cpt80=whole.cpt(0.8) if whole else None,
        points=tuple(points),
        deferral=_thinned(whole.share, whole.pgr) if whole and recovered else (),
    )


def _thinned(x: Floats, y: Floats, most: int = 100) -> tuple[tuple[float, float], ...]:
    """At most so many points of a line."""
    kept = np.unique(np.linspace(0, len(x) - 1, most).round().astype(int))
    return tuple((float(x[i]), float(y[i])) for i in kept)
