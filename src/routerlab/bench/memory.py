"""Memory of a worker: before and after loading, and over thousands of predictions."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import cycle, islice

import numpy as np
import psutil
from pydantic import Field

from routerlab.bench.open import Tell
from routerlab.bench.rawdata import Run
from routerlab.bench.ways import answered, ready
from routerlab.core.prediction import Record
from routerlab.engine.arms.arm import Arm
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.worker.build import describe_build

FLAT = 256
"""Bytes a prediction: what the fitted line may rise by and still count as flat. A leak of one row of logits
would be a hundred thousand, of one token list some hundreds."""


SETTLED = 500
"""Predictions in which an allocator finds its pages: a single page more counts for much in fewer."""


class MemorySample(Record):
    """A worker's memory, in bytes, after so many predictions.

    `resident` counts the mapped pages of the weights file too, which the system gives and takes as it likes;
    `own` does not (None where the system does not tell them apart). `free` is what each GPU has left.
    """

    predictions: int
    resident: int
    own: int | None
    free: dict[str, int] = Field(default_factory=dict)


class MemoryRun(Run):
    """An arm's samples; `before` was taken when the library was there, but no weights yet. `prompts` is how
    many there were, which were asked again and again."""

    info: ArmInfo
    prompts: int
    before: MemorySample
    samples: tuple[MemorySample, ...]


async def measure_memory(
    arm: ModelArm,
    prompts: Sequence[str],
    predictions: int,
    every: int,
    timeout_s: float,
    tell: Tell,
    keep: Callable[[MemoryRun], None],
) -> None:
    """Ask so many prompts in turn, and look at the worker's memory every so often.

    `keep` gets what there is after every look. LabError when the arm cannot be loaded, or dies.
    """
    before: list[MemorySample] = []

    def watch(changed: Arm) -> None:
        if changed.state.stage == "checking file" and changed.state.pid and not before:
            before.append(look(changed.state.pid))

    arm.on_change = watch
    try:
        info = await ready(arm)
        assert arm.state.pid is not None
        pid = arm.state.pid
        samples: list[MemorySample] = []

        async def sample(done: int) -> None:
            samples.append(look(pid, done, await free_memory() if info.gpu_build else {}))
            about = {"name": arm.spec.name, "info": info, "prompts": len(prompts), "before": before[0]}
            keep(MemoryRun(**about, samples=tuple(samples)))
            tell(f"{arm.spec.name}: predictions", done, predictions)

        await sample(0)
        for done, prompt in enumerate(islice(cycle(prompts), predictions), 1):
            prediction, _ = await arm.measure(prompt, "steps", timeout_s)
            answered(arm, prediction)
            if done % every == 0 or done == predictions:
                await sample(done)
    finally:
        await arm.stop()


def slope(run: MemoryRun) -> float | None:
    """Bytes that the worker's own memory (or the resident, where that is not known) grows by in 1,000
    predictions: the least-squares line through the second half of the samples.

    None for fewer than three there, and while prompts come that were not asked before: those may be longer
    than any other, and the first time takes pages that are kept.
    """
    last = run.samples[-1].predictions
    half = [s for s in run.samples if s.predictions >= last / 2]
    if len(half) < 3 or half[0].predictions < run.prompts:
        return None
    bytes_ = [s.resident if s.own is None else s.own for s in half]
    return float(np.polyfit([s.predictions for s in half], bytes_, 1)[0] * 1000)


def flat(run: MemoryRun) -> bool | None:
    """Whether the line rises by less than `FLAT` bytes a prediction; None where there is no line, or it
    begins before `SETTLED` predictions."""
    rise = slope(run)
    return None if rise is None or run.samples[-1].predictions < 2 * SETTLED else rise < FLAT * 1000


def look(pid: int, predictions: int = 0, free: dict[str, int] | None = None) -> MemorySample:
    """A process's memory now."""
    memory = psutil.Process(pid).memory_info()
    shared = getattr(memory, "shared", None)  # Linux: file-backed pages, the weights above all
    own = None if shared is None else memory.rss - shared
    return MemorySample(predictions=predictions, resident=memory.rss, own=own, free=free or {})


def resident(pid: int) -> int:
    """Bytes that a process and all below it have in memory now, mapped files included; 0 when it has ended.
    What two of them share counts for both."""
    try:
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
        return sum(int(one.memory_info().rss) for one in tree)
    except psutil.NoSuchProcess:
        return 0


async def free_memory() -> dict[str, int]:
    """Bytes that each GPU has left, by its name; asked in a child process."""
    build = await asyncio.to_thread(describe_build)
    return {d.name: d.memory_free for d in build.devices if d.kind in ("gpu", "igpu")}
