"""Measured answers to a trial's cases: a session of outcomes whose tasks are these prompts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from routerlab.core.corpus import Case, prompt_sha256
from routerlab.core.errors import LabError
from routerlab.study.outcome.analysis.policies import check_models
from routerlab.study.outcome.load import load_matrix
from routerlab.study.outcome.matrix import Matrix
from routerlab.study.routing_table import Routes
from routerlab.study.trial.protocol.protocol import Protocol


def load_outcomes(protocol: Protocol, cases: Sequence[Case], routes: Routes | None) -> Matrix | None:
    """The outcomes that the protocol names, a row a case, whose id is the task's; None where it names none.

    LabError where an answer is missing that a hypothesis could be about: in a trial nothing is left out.
    """
    if protocol.outcomes is None:
        return None
    path = Path(protocol.outcomes)
    if routes is None:
        raise LabError(f"{path}: a label leads to an answer by a routing table; name one as `routes`")
    matrix = of_cases(path, load_matrix(path), cases)
    check_models(matrix, routes)
    _check_known(path, "score", matrix, matrix.score)
    if any(h.endpoint in ("cost:measured", "quality:random") for h in protocol.hypothesis):
        _check_known(path, "cost", matrix, matrix.cost)
        if matrix.currency != routes.currency:
            raise LabError(f"{path}: costs are in {matrix.currency}, the table's prices in {routes.currency}")
    return matrix


def of_cases(path: Path, matrix: Matrix, cases: Sequence[Case]) -> Matrix:
    """The rows of these cases, known by their prompts (where the session has no hashes, by their ids), under
    the cases' ids; LabError with the cases that are no task of it."""
    known: dict[str, int] = {}
    for i, (task, sha256) in enumerate(zip(matrix.tasks, matrix.prompt_sha256, strict=True)):
        known[sha256 or task] = i
    rows = [known.get(prompt_sha256(case.prompt), known.get(case.id)) for case in cases]
    if missing := [case.id for case, row in zip(cases, rows, strict=True) if row is None]:
        raise LabError(
            f"{path}: {_some(missing, len(cases))} no task there: ask the models these prompts too, or leave "
            "the cases out with [[exclude]]"
        )
    found = matrix.take(np.array(rows, dtype=np.intp))
    return replace(found, tasks=tuple(case.id for case in cases))


def _check_known(path: Path, what: str, matrix: Matrix, values: np.ndarray) -> None:
    """LabError unless every answer has it."""
    unknown = np.isnan(values)
    if unknown.any():
        cases = [matrix.tasks[i] for i in np.flatnonzero(unknown.any(axis=1))]
        models = ", ".join(matrix.models[j] for j in np.flatnonzero(unknown.any(axis=0)))
        raise LabError(
            f"{path}: {_some(cases, len(matrix.tasks))} without a {what} of {models}: go on with `routerlab "
            "outcome run ... --resume`, or leave the cases out with [[exclude]]"
        )


def _some(cases: Sequence[str], n: int) -> str:
    """Such as "case c1 and 3 others of 60 are"."""
    more = len(cases) - 1
    return f"case {cases[0]} is" if not more else f"case {cases[0]} and {more} others of {n} are"
