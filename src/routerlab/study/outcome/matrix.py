"""The matrix: tasks x models, what each answer scored, cost and took. All analysis starts here."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """Outcomes of `tasks` (rows) by `models` (columns); NaN where nothing is known.

    `score` is 0..1, `cost` in `currency`, `latency_ms` in milliseconds; `tokens_in`, `tokens_out` are counts.
    `labels` are the tasks' gold labels (None where nobody gave one), `difficulty` and `group` likewise;
    `prompt_sha256` finds the labels that routers gave. `good` is the score from which a task's answer is
    good enough. `tiers` (1 the weakest) are the models', None where no table says.
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
