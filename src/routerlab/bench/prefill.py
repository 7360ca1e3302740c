"""How long models take to read, each in a process of its own, in rounds: what else runs hits all alike."""

import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable

PROGRAM = "routerlab.engine.worker.prefill"
"""Started by its name: only there is the library imported."""
TOKENS = 192
"""What is read: the window of a tuned router, about."""
TIMES = 3
BUSY = 0.2
"""CPUs of which others take more than this share are too busy to be measured."""

Tell = Callable[[str, int, int], None]
"""Takes what is measured, how many measurements are done, and of how many."""


@dataclass(frozen=True)
class Setup:
    """A model file, and how it is computed; pinned to `cpus` if there are any."""

    model: Path
    threads: int
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True)
class Times:
    """Milliseconds of reading TOKENS, and of one token more: the median of TIMES, for each round."""

    prefill: tuple[float, ...]
    step: tuple[float, ...]

    @property
    def ms(self) -> float:
        """The median of the rounds' prefills."""
        return median(self.prefill)


def busy_share(cpus: Collection[int]) -> float:
    """How much of these CPUs' time, from 0 to 1, others take in a second."""
    import psutil

    shares: list[float] = psutil.cpu_percent(interval=1.0, percpu=True)
    return sum(shares[n] for n in cpus if n < len(shares)) / 100.0 / max(1, len(cpus))


def measure(setups: Sequence[Setup], rounds: int, tell: Tell) -> list[Times]:
    """The times of each setup, in their order. LabError (exit 3) when a model cannot be loaded."""
    found: list[list[tuple[float, float]]] = [[] for _ in setups]
    done, total = 0, rounds * len(setups)
    for _ in range(rounds):
        for own, setup in zip(found, setups, strict=True):
            own.append(_once(setup))
            done += 1
            tell("measuring", done, total)
    return [Times(*map(tuple, zip(*own, strict=True))) for own in found]


def _once(setup: Setup) -> tuple[float, float]:
    """Medians of one process."""
    numbers = [
        str(setup.threads),
        str(TOKENS),
        str(TIMES),
        *[",".join(map(str, setup.cpus))] * bool(setup.cpus),
    ]
    command = [sys.executable, "-m", PROGRAM, str(setup.model), *numbers]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        rows = [[float(n) for n in line.split()] for line in process.stdout]
        _, told = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode or not rows:
        reason = (told.strip().splitlines() or [f"ended with {process.returncode}"])[-1]
        raise LabError(
            f"{printable(str(setup.model))}: cannot be measured: {printable(reason)}", Exit.MISSING
        )
    prefill, step = (median(column) for column in zip(*rows, strict=True))
    return prefill, step
