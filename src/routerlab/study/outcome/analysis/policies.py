"""Policies: rules that send every task to a model. Each is a distribution over models for every task, so that
what a policy would have got is a product with the matrix, random ones exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from routerlab.core.errors import LabError
from routerlab.study.outcome.matrix import Floats, Matrix
from routerlab.study.routing_table import Routes

Kind = Literal["control", "model", "random", "router", "annotator", "gold", "table", "direct", "oracle"]


@dataclass(frozen=True)
class Policy:
    """`shares` is (tasks, models), what part of a task's traffic goes where: rows sum to 1. `labels` are
    those that it acts on, where it acts on labels; None in them is one that abstained or failed."""

    name: str
    kind: Kind
    shares: Floats
    labels: tuple[str | None, ...] | None = None


def complete(matrix: Matrix) -> tuple[Matrix, int]:
    """The tasks of which every model's answer has a score, and how many others there were; LabError for none.

    Leaving out a task for one model only would compare models on different tasks.
    """
    whole = np.flatnonzero(~np.isnan(matrix.score).any(axis=1))
    if not len(whole):
        raise LabError(
            f"{matrix.name}: there is no task that every model was asked and whose answers have scores; "
            "go on with `routerlab outcome run ... --resume`"
        )
    return matrix.take(whole), len(matrix.tasks) - len(whole)


def one_hot(matrix: Matrix, columns: Sequence[int] | np.ndarray) -> Floats:
    """Shares that send every task to the model of that column."""
    found: Floats = np.eye(len(matrix.models))[np.asarray(columns, dtype=int)]
    return found


def single(matrix: Matrix, model: str) -> Policy:
    """Everything to one model."""
    return Policy(model, "model", one_hot(matrix, [_column(matrix, model)] * len(matrix.tasks)))


def control(matrix: Matrix, routes: Routes | None) -> Policy:
    """What happens without a router: all to the table's default; without a table, to the model that answers
    best, of equal ones the cheaper."""
    model = routes.default if routes else matrix.models[best_single(matrix)]
    return Policy("control", "control", single(matrix, model).shares)


def best_single(matrix: Matrix) -> int:
    """The column of the model that answers best; of equal ones the cheapest."""
    order = np.lexsort((known_mean(matrix.cost), -matrix.score.mean(axis=0)))
    return int(order[0])


def at_random(name: str, matrix: Matrix, mix: Floats) -> Policy:
    """Each task to a model drawn with these shares, whatever it says: the expectation of it."""
    return Policy(name, "random", np.broadcast_to(mix, matrix.score.shape).astype(float))


def like(policy: Policy, matrix: Matrix) -> Policy:
    """Random routing with the policy's own mix of models: what is left of it without its choice of tasks."""
    return at_random(f"random as {policy.name}", matrix, policy.shares.mean(axis=0))


def by_labels(name: str, kind: Kind, matrix: Matrix, labels: Sequence[str | None], routes: Routes) -> Policy:
    """Where a table sends tasks with these labels; without one, to its default. An answer stands as it is,
    whatever the table says of misroutes: its score is measured."""
    if strange := sorted({label for label in labels if label is not None} - set(routes.routes)):
        raise LabError(
            f"{name}: label {strange[0]!r} has no [[route]] in table {routes.name!r}, which has "
            f"{', '.join(routes.routes)}"
        )
    column = {label: _column(matrix, routes.target(label).name) for label in {*labels, None}}
    return Policy(name, kind, one_hot(matrix, [column[label] for label in labels]), tuple(labels))


def oracle(matrix: Matrix) -> Policy:
    """The cheapest model whose answer is good enough; where none is, the cheapest of the best ones. It knows
    the answers beforehand: nothing is better at its cost, and nothing can be like it."""
    cost = known_mean(matrix.cost) if np.isnan(matrix.cost).any() else matrix.cost
    cost = np.broadcast_to(cost, matrix.score.shape)
    right = matrix.score >= matrix.good[:, None]
    best = matrix.score == matrix.score.max(axis=1, keepdims=True)
    fit = np.where(right.any(axis=1, keepdims=True), right, best)
    return Policy("oracle", "oracle", one_hot(matrix, np.where(fit, cost, np.inf).argmin(axis=1)))


def check_models(matrix: Matrix, routes: Routes) -> None:
    """LabError unless the matrix has outcomes of every model that the table may send a prompt to."""
    for name in {routes.default, *(route.model for route in routes.route)}:
        _column(matrix, name)


def known_mean(values: Floats) -> Floats:
    """The mean of each column over what is known; 0 where nothing is."""
    known = ~np.isnan(values)
    found: Floats = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return found


def _column(matrix: Matrix, model: str) -> int:
    if model not in matrix.models:
        raise LabError(
            f"model {model!r} of the routing table has no outcomes in {matrix.name!r}, which has "
            f"{', '.join(matrix.models)}"
        )
    return matrix.models.index(model)
