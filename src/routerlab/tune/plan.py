"""What is to be tuned, and how long it may take."""

import time
from dataclasses import dataclass
from pathlib import Path

from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.cluster.arm import Cluster
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.names import INSTRUCTIONS, Instruction
from routerlab.settings import Settings
from routerlab.tune.answers import WINDOWS
from routerlab.tune.cases import Training


@dataclass(frozen=True)
class Plan:
    """What is to be tuned. `shots` are the exemplars that ship; `sets` more are drawn from the corpus.
    With `files`, the same model in several quantizations, those are tried instead of `spec`, and the quickest
    of them under every one of the `instructions`. With `layer`, that one is read and no other tried.

    `budget_s` bounds the time: what does not fit is left out and said. `limit_ms` is the P95 a window may
    have, `max_error` the share of answers that may be wrong (see tune/promise.py). `command` is written into
    the router, so that others can do it again. The `cluster` reads prompts; what is timed is asked here.
    """

    name: str
    spec: ArmSpec
    taxonomy: Taxonomy
    training: Training
    shots: tuple[Exemplar, ...]
    settings: Settings
    out: Path
    store: Path
    command: str
    files: tuple[ArmSpec, ...] = ()
    instructions: tuple[Instruction, ...] = INSTRUCTIONS
    sets: int = 0
    windows: tuple[int, ...] = WINDOWS
    layer: int | None = None
    seed: int = 0
    budget_s: float | None = None
    limit_ms: float = 2000.0
    baselines: bool = True
    max_error: float | None = None
    cluster: Cluster | None = None


class Clock:
    """How much of the budget is left."""

    def __init__(self, budget_s: float | None) -> None:
        self._end = None if budget_s is None else time.monotonic() + budget_s

    def allows(self, seconds: float = 0.0) -> bool:
        """Whether so many seconds are left."""
        return self._end is None or time.monotonic() + seconds < self._end
