"""The matrix: tasks x models, what each answer scored, cost and took. All analysis starts here."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """Outcomes of `tasks` (rows) by `models` (columns); NaN where nothing is known.

    `score` is 0..1, `cost` in `currency`, `latency_ms` in milliseconds; `tokens_in`, `tokens_out` are counts.
    `labels` are the tasks' gold labels (None where nobody gave one), `difficulty` and `group` likewise;
    `prompt_sha256` finds the labels that routers gave. `good` is the score from which a task's answer is
    good enough. `tiers` (1 the weakest) are the models', None where no table says. `source` says which set a
    task is from (empty where nothing is known of any).
    """

    name: str
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    score: Floats
    cost: Floats
    latency_ms: Floats
    tokens_in: Floats
    tokens_out: Floats
    labels: tuple[str | None, ...]
    difficulty: tuple[str | None, ...]
    group: tuple[str | None, ...]
    prompt_sha256: tuple[str | None, ...]
    good: Floats
    tiers: tuple[int | None, ...]
    currency: str = "USD"
    source: tuple[str | None, ...] = ()

    def take(self, rows: npt.NDArray[np.intp]) -> Self:
        """The same with these tasks (indices) only."""
        n = len(self.tasks)
        found: dict[str, Any] = {}
        at = rows.tolist()
        for name in (field.name for field in fields(self) if field.name not in _OF_MODELS):
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                found[name] = value[rows]
            elif isinstance(value, tuple) and len(value) == n:
                found[name] = tuple(map(value.__getitem__, at))
        return replace(self, **found)


_OF_MODELS = ("name", "currency", "models", "tiers")
