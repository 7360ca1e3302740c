"""What an arm is to everybody who drives one: a specification, a state to show, and a way to ask."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from routerlab.core.errors import LabError
from routerlab.core.names import Parse
from routerlab.core.prediction import Prediction, Record
from routerlab.engine.contract.info import Info
from routerlab.engine.contract.names import ContractName, Encoding, Instruction

Phase = Literal["starting", "loading", "ready", "busy", "crashed", "failed", "stopped"]


class Spec(Record):
    """What a person asked for: `name` is unique in a lab, `contract` how the arm is asked."""

    name: str
    contract: ContractName


class ArmSpec(Spec):
    """An arm that is a model, or several: `model` is a GGUF file, a cascade's the last.

    `router` is the file that a tuned arm was read from; what it says wins over the lab's exemplars. `parse`
    is how a generated answer is read, "strict" unless it says otherwise.
    """

    model: Path
    contract: ContractName = "score"
    encoding: Encoding = "json-name"
    instruction: Instruction = "full"
    router: Path | None = None
    parse: Parse | None = None


@dataclass(frozen=True)
class ArmState:
    """A snapshot of an arm. `since` is time.monotonic() when the phase began; `stage` and `fraction` (0..1)
    tell how far loading is; `message` is the last thing a person should know (a fallback, a crash);
    `log_tail` is the end of the log of an arm that was given up."""

    phase: Phase = "starting"
    since: float = 0.0
    stage: str = ""
    fraction: float | None = None
    message: str = ""
    info: Info | None = None
    restarts: int = 0
    pid: int | None = None
    log_tail: tuple[str, ...] = ()

    def to(self, phase: Phase, now: float, **changes: object) -> "ArmState":
        """The state after a change of phase at `now` (time.monotonic())."""
        return replace(self, phase=phase, since=now, **changes)  # type: ignore[arg-type]


class Arm(Protocol):
    """Anything that routes. Implementations never raise from `ask`: a fault is a prediction with a status."""

    state: ArmState
    on_change: Callable[["Arm"], None]
    """Called on the event loop whenever `state` was replaced."""

    @property
    def spec(self) -> Spec:
        """What was asked for."""
        ...

    @property
    def log(self) -> Path | None:
        """The file with the worker's output, if there is one."""
        ...

    async def start(self) -> None:
        """Begin loading; returns when the arm is ready or has failed (see `state`)."""
        ...

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """The arm's answer, with `latency_ms.total` on this side's clock. One question at a time."""
        ...

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        """The answers to some prompts in the quickest way the arm has, `timeout_s` for each. Where they are
        computed together they are `batched`. At least one prompt; one call at a time.

        `timed` is for prompts that came at once, to an arm whose info has a `concurrency`: each has the time
        until all are answered as its latency, and `together` says how many they are.
        """
        ...

    def cancel(self) -> None:
        """Stop the question in progress; its `ask` then returns status "cancelled"."""
        ...

    async def stop(self) -> None:
        """End the arm and whatever process it has; idempotent."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """An arm that takes all cases of a run at once, for it answers many at the same time."""

    def stream(self, prompts: Sequence[str], timeout_s: float) -> AsyncIterator[Prediction]:
        """The answers, in the order of the prompts and as soon as those before them are there; fewer than
        prompts when it is cancelled, or has failed."""
        ...


class Watched:
    """What arms have in common (see `Arm`): a state, told to whoever watches; no log unless they say so."""

    def __init__(self) -> None:
        self.state = ArmState(since=time.monotonic())
        self.on_change: Callable[[Arm], None] = lambda _: None

    @property
    def log(self) -> Path | None:
        """There is none."""
        return None

    def _set(self, state: ArmState) -> None:
        self.state = state
        self.on_change(self)  # type: ignore[arg-type]  # those who inherit from it are arms

    def _enter(self, phase: Phase, **changes: object) -> None:
        self._set(self.state.to(phase, time.monotonic(), **changes))

    def _unready(self) -> Prediction | None:
        """The answer of an arm that is not ready; None when it is."""
        if self.state.phase == "ready":
            return None
        return Prediction(status="crashed", error=self.state.message or "the arm is not ready")


class Immediate(Watched, ABC):
    """An arm that answers at once, in this process: there is nothing to cancel or to end."""

    _stage = "reading"

    async def start(self) -> None:
        """Read what it has its answers from."""
        begun = time.perf_counter()
        self._enter("loading", stage=self._stage)
        try:
            info = await asyncio.to_thread(self._learn)
        except LabError as e:
            if self.state.phase == "loading":
                self._enter("failed", stage="", message=str(e))
            return
        if self.state.phase == "loading":  # not stopped meanwhile
            info = info.model_copy(update={"load_ms": (time.perf_counter() - begun) * 1000.0})
            self._enter("ready", stage="", message=info.note, info=info)

    @abstractmethod
    def _learn(self) -> Info:
        """Read it, off the event loop; LabError when it is no good."""

    @abstractmethod
    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See `Arm.ask`."""

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        """One after the other."""
        return [await self.ask(prompt, timeout_s) for prompt in prompts]

    def cancel(self) -> None:
        """Nothing takes long enough to be cancelled."""

    async def stop(self) -> None:
        """There is nothing to end."""
        self._enter("stopped", stage="", message="")
