"""What runs on the cluster: one arm in a process of Ray's; and how many there is room for."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from routerlab.core.errors import Exit, LabError
from routerlab.engine.arms.arm import Arm, ArmSpec, ArmState
from routerlab.engine.lab.runner import UNSETTLED
from routerlab.engine.worker.build import describe_build
from routerlab.models.devices import gpus
from routerlab.settings import Settings

R = TypeVar("R")
Make = Callable[[Settings], Callable[[ArmSpec], Arm]]
"""What makes an arm there. This and `How` go there by name: they are functions of modules, or partials."""
How = Callable[[Any, Sequence[str]], Awaitable[list[R]]]
"""How the arm that was made is asked: (arm, prompts) -> what comes of each."""


class Actor:
    """An arm for Ray's event loop, which takes its batches in turn, or some at once."""

    def __init__(self, folder: str, make: Make, settings: Settings, spec: ArmSpec, lanes: int) -> None:
        """`folder` is the working folder there: paths are what they are on the machine that asks. At most
        `lanes` batches are asked at once, and no more than the model has a `concurrency` for."""
        self._folder = folder
        self._make = make
        self._settings = settings
        self._spec = spec
        self._lanes = lanes
        self._changed = asyncio.Event()

    async def start(self) -> ArmState:
        """Load the model; the arm's state then."""
        try:
            os.chdir(self._folder)
            self._arm = self._make(self._settings)(self._spec)
        except (OSError, LabError) as e:
            return ArmState("failed", message=str(e))
        self._arm.on_change = lambda _: self._changed.set()
        await self._arm.start()
        info = self._arm.state.info
        self._turns = asyncio.Semaphore(min(self._lanes, (info and info.concurrency) or 1))
        return self._arm.state

    async def ask(self, how: How[R], prompts: Sequence[str]) -> list[R] | None:
        """What comes of the prompts, None where the arm was given up."""
        async with self._turns:
            while self._arm.state.phase in UNSETTLED:
                self._changed.clear()
                await self._changed.wait()
            if self._arm.state.phase == "failed":
                return None
            return await how(self._arm, prompts)


@dataclass(frozen=True)
class Shape:
    """So many actors, each with so many CPUs and such a part of a GPU."""

    actors: int
    cpus: int
    gpus: float


def shape(nodes: Sequence[Mapping[str, float]], threads: int | None, gpu: float) -> Shape:
    """How a cluster whose nodes have these resources ("CPU", "GPU") is filled; LabError when none has room.

    An actor has `threads` CPUs, or without a wish as many as the smallest node has, but one where it computes
    on a GPU, of which it takes the part `gpu`.
    """
    usable = [node for node in nodes if node.get("CPU", 0.0) >= 1.0 and (not gpu or node.get("GPU"))]
    cpus = threads or (1 if gpu else int(min((node["CPU"] for node in usable), default=1)))
    actors = 0
    for node in usable:
        n = int(node["CPU"] // cpus)
        actors += min(n, int(node["GPU"]) * round(1.0 / gpu)) if gpu else n
    if not actors:
        most = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
        raise LabError(
            f"the cluster has no room for a model with {cpus} CPUs: its largest machine gives {most:g}; use "
            "--threads",
            Exit.MISSING,
        )
    return Shape(actors, cpus, gpu)


def gpu_memory() -> int:
    """Bytes of the smallest GPU that llama.cpp can use here; 0 without one, or where it does not say."""
    return min((device.memory_total for device in gpus(describe_build().devices)), default=0)
