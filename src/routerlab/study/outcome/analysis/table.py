"""The table learned from outcomes: which model each label should go to, for a wanted cost or quality."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from routerlab.core.errors import LabError
from routerlab.study.outcome.analysis.draws import Tasks
from routerlab.study.outcome.analysis.policies import by_labels, known_mean, one_hot
from routerlab.study.outcome.matrix import Floats, Matrix
from routerlab.study.routing_table import Routes

FOLDS = 10
"""Parts of the tasks; each is routed by a table that was fitted to the others."""
PRICES = np.concatenate([[0.0], np.logspace(-2.5, 2.5, 21), [1e9]])
"""What a unit of cost is taken to be worth in quality, in units of the models' own trade: from nothing to
everything."""

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Wanted:
    """A cost of one task at most, or a quality at least (then the cheapest); neither: the best quality."""

    cost: float | None = None
    quality: float | None = None


BEST = Wanted()


def by_label(matrix: Matrix, of: Ints, wanted: Wanted = BEST) -> Floats:
    """Shares of the table that is fitted to these very tasks, whose labels are the numbers `of`."""
    return one_hot(matrix, fit(matrix, of, of.max() + 1, wanted)[of])


def cross_fitted(matrix: Matrix, tasks: Tasks, of: Ints, wanted: Wanted = BEST) -> Floats:
    """Shares where every task is routed by a table that was fitted to other groups of tasks.

    LabError where the tables cannot be as wanted.
    """
    columns = np.zeros(len(of), dtype=np.intp)
    for train, test in folds(tasks):
        columns[test] = fit(matrix.take(train), of[train], of.max() + 1, wanted)[of[test]]
    return one_hot(matrix, columns)


def folds(tasks: Tasks) -> list[tuple[Ints, Ints]]:
    """(train, test) indices of tasks; a group is on one side. One task or group has no other: it is both."""
    n = tasks.n_groups
    if n < 2:
        everything = np.arange(len(tasks.of))
        return [(everything, everything)]
    part = parts(tasks)
    return [(np.flatnonzero(part != i), np.flatnonzero(part == i)) for i in range(min(FOLDS, n))]


def parts(tasks: Tasks) -> Ints:
    """(tasks,): which of FOLDS parts, or as many as there are groups, each task is in by lot."""
    n = tasks.n_groups
    found: Ints = (np.random.default_rng(tasks.settings.seed).permutation(n) % min(FOLDS, n))[tasks.of]
    return found


def fit(
    matrix: Matrix, of: Ints, n_labels: int, wanted: Wanted, allowed: npt.NDArray[np.bool_] | None = None
) -> Ints:
    """The column that each label goes to, exactly the best table: an integer program, solved by HiGHS.

    A label without tasks goes where tasks in general do best. `allowed` is (labels, models). LabError when no
    table is as good or as cheap as wanted, with what can be had.
    """
    score = sums_by_label(matrix.score, of, n_labels)
    cost = sums_by_label(_prices(matrix, wanted), of, n_labels)
    never = np.bincount(of, minlength=n_labels)[:, None] == 0
    # A label that was never seen: as all tasks; of equal models the cheaper. Both far below what is counted.
    score = np.where(never, 1e-6 * matrix.score.mean(axis=0), score) - 1e-9 * cost / max(cost.max(), 1e-300)
    may = np.ones(score.shape, dtype=bool) if allowed is None else allowed
    if wanted == BEST:
        best: Ints = np.where(may, score, -np.inf).argmax(axis=1)
        return best
    return _program(score, cost, may, len(of), wanted)


def _program(score: Floats, cost: Floats, may: npt.NDArray[np.bool_], n: int, wanted: Wanted) -> Ints:
    from scipy.optimize import Bounds, LinearConstraint, milp  # type: ignore[attr-defined]

    labels, models = score.shape
    each = LinearConstraint(np.kron(np.eye(labels), np.ones(models)), 1, 1)
    if wanted.quality is None:
        assert wanted.cost is not None
        aim, limit = -score, LinearConstraint(cost.ravel(), -np.inf, wanted.cost * n * (1 + 1e-9))
    else:
        scale = max(float(cost.max()), 1e-300)
        aim = cost / scale - 1e-9 * score
        limit = LinearConstraint(score.ravel(), wanted.quality * n - 1e-4, np.inf)
    found = milp(
        aim.ravel(), constraints=[each, limit], integrality=np.ones(score.size), bounds=Bounds(0, may.ravel())
    )
    if found.x is None:
        if wanted.quality is None:
            least = np.where(may, cost, np.inf).min(axis=1).sum() / n
            raise LabError(f"no table is so cheap: the cheapest costs {1000 * least:.6g} per 1,000 tasks")
        most = np.where(may, score, -np.inf).max(axis=1).sum() / n
        raise LabError(
            f"no table is so good: the best has a mean score of {most:.4f} on the tasks it is fitted to"
        )
    chosen: Ints = found.x.reshape(labels, models).argmax(axis=1)
    return chosen


def _prices(matrix: Matrix, wanted: Wanted) -> Floats:
    """The costs; where some are unknown and nothing depends on them, the models' means of what is known."""
    if not np.isnan(matrix.cost).any():
        return matrix.cost
    if wanted == BEST:
        return np.broadcast_to(known_mean(matrix.cost), matrix.cost.shape)
    raise LabError(f"{matrix.name}: the costs of some answers are not known, so none can be aimed at")


def sums_by_label(values: Floats, of: Ints, n_labels: int) -> Floats:
    """(labels, k): sums of (tasks, k)."""
    return np.stack([np.bincount(of, weights=column, minlength=n_labels) for column in values.T], axis=1)


def swept(matrix: Matrix, tasks: Tasks, of: Ints) -> tuple[list[Floats], Floats]:
    """Cross-fitted shares at each of PRICES, and what the labels say each model's score will be: (tasks,
    models)."""
    expected = np.zeros((2, *matrix.score.shape))
    for train, test in folds(tasks):
        n_labels = of.max() + 1
        times = np.bincount(of[train], minlength=n_labels)[:, None] + 1e-6
        for i, values in enumerate((matrix.score[train], matrix.cost[train])):
            sums = sums_by_label(values, of[train], n_labels) + 1e-6 * values.mean(axis=0)
            expected[i, test] = (sums / times)[of[test]]
    return priced(matrix, *expected), expected[0]


def priced(matrix: Matrix, score: Floats, cost: Floats) -> list[Floats]:
    """Shares that send each task to the model with the most expected score minus expected cost, at each of
    PRICES."""
    quality, price = matrix.score.mean(axis=0), known_mean(matrix.cost)
    return [one_hot(matrix, one) for one in at_prices(score, cost, quality, price)]


def at_prices(score: Floats, cost: Floats, quality: Floats, price: Floats) -> Ints:
    """(prices, n): the column with the most score minus cost of (n, models), at each of PRICES; the models'
    means, (models,), say what a unit of cost is in `quality`."""
    unit = (np.ptp(quality) or 1.0) / (np.ptp(price) or 1.0)
    return np.stack([(score - one * unit * cost).argmax(axis=1) for one in PRICES])


def learned_routes(
    matrix: Matrix, labels: Sequence[str | None], base: Routes, wanted: Wanted, name: str
) -> Routes:
    """The base table with the models that suit its labels, of those that the label's constraints allow, and
    with the length of answers as measured; LabError when no table is as wanted."""
    order = [route.label for route in base.route]
    columns = [base.targets.get(m) for m in matrix.models]
    if unknown := [m for m in matrix.models if m not in base.targets]:
        raise LabError(
            f"model {unknown[0]!r} of the outcomes is no [[model]] of table {base.name!r}; add it there"
        )
    rows = np.array([i for i, label in enumerate(labels) if label in base.routes], dtype=np.intp)
    if not len(rows):
        raise LabError(
            f"no task has a label of table {base.name!r}, so nothing can be learned; give --labels"
        )
    own, of = matrix.take(rows), np.array([order.index(str(labels[i])) for i in rows], dtype=np.intp)
    allowed = np.array([[t is not None and route.allows(t) for t in columns] for route in base.route])
    if nowhere := [label for label, may in zip(order, allowed, strict=True) if not may.any()]:
        raise LabError(
            f"label {nowhere[0]!r} of table {base.name!r} may go to none of the models with outcomes "
            f"({', '.join(matrix.models)}); ask one that it may go to, or change its [[route]]"
        )
    chosen = fit(own, of, len(order), wanted, allowed)
    routes = []
    for i, route in enumerate(base.route):
        lengths = own.tokens_out[of == i, chosen[i]]
        lengths = lengths[~np.isnan(lengths)]
        tokens = max(1.0, round(float(lengths.mean()))) if len(lengths) else route.output_tokens
        routes.append(route.model_copy(update={"model": matrix.models[chosen[i]], "output_tokens": tokens}))
    update = {"name": name, "date": date.today(), "route": tuple(routes)}
    return Routes.model_validate(base.model_copy(update=update).model_dump())


def on_other_tasks(
    matrix: Matrix, tasks: Tasks, labels: Sequence[str | None], base: Routes, wanted: Wanted
) -> Floats:
    """Shares where every task is routed by a table that was learned so from other groups of tasks.

    LabError where these do not suffice for a table as wanted.
    """
    shares = np.zeros(matrix.score.shape)
    for train, test in folds(tasks):
        learned = learned_routes(matrix.take(train), [labels[i] for i in train], base, wanted, base.name)
        own = [labels[i] for i in test]
        shares[test] = by_labels(base.name, "table", matrix.take(test), own, learned).shares
    return shares
