"""A session of outcomes as a matrix."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from routerlab.core.errors import LabError
from routerlab.core.files.toml import read_text, validate
from routerlab.core.prediction import Record
from routerlab.study.outcome.matrix import Matrix
from routerlab.study.outcome.record import Outcome, OutcomeHeader


class _Outcomes(Record):
    outcome: tuple[Outcome, ...] = ()


def load_matrix(path: Path) -> Matrix:
    """The matrix of the outcomes in `path`; LabError when it is no session of outcomes."""
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as e:
        raise LabError(f"{path}: not valid TOML: {e}") from None
    if data.get("kind") != "outcomes":
        raise LabError(f"{path}: not a session of outcomes; `routerlab outcome run` and `import` make one")
    events = {"outcome": data.pop("outcome", [])}
    header = validate(path, OutcomeHeader, data, "")
    return matrix_of(header, validate(path, _Outcomes, events, "").outcome)


def matrix_of(header: OutcomeHeader, outcomes: Sequence[Outcome]) -> Matrix:
    """The matrix of these; a later outcome replaces an earlier one of the same task and model."""
    rows = {task.id: i for i, task in enumerate(header.task)}
    columns = {model.name: i for i, model in enumerate(header.model)}
    tables = {
        name: np.full((len(rows), len(columns)), np.nan)
        for name in ("score", "cost", "latency_ms", "tokens_in", "tokens_out")
    }
    for one in outcomes:
        if one.task in rows and one.model in columns and one.status != "cancelled":
            for name, table in tables.items():
                value = getattr(one, name)
                table[rows[one.task], columns[one.model]] = np.nan if value is None else value
    return Matrix(
        name=header.name,
        tasks=tuple(rows),
        models=tuple(columns),
        labels=tuple(task.label for task in header.task),
        difficulty=tuple(task.difficulty for task in header.task),
        group=tuple(task.group for task in header.task),
        prompt_sha256=tuple(task.prompt_sha256 for task in header.task),
        good=np.array([task.good for task in header.task]),
        tiers=tuple(model.tier for model in header.model),
        currency=header.currency,
        source=tuple(task.source for task in header.task),
        **tables,
    )
