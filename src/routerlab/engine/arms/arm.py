"""What an arm is to everybody who drives one: a specification, a state to show, and a way to ask."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from routerlab.core.prediction import Prediction, Record
from routerlab.models.devices import Split

ContractName = Literal["json", "score", "probe", "cascade", "majority", "keywords", "agreement", "none"]
"""How an arm comes to a label; those after `cascade` are baselines, and `none` puts no label on anything."""
Encoding = Literal["json-name", "name", "code"]
"""How the answer is written that `score` reads (see encoding.py)."""
Untuned = Literal["json", "score"]
UNTUNED: tuple[Untuned, ...] = ("json", "score")
"""Contracts under which any model can be asked; the others need a router file."""
Phase = Literal["starting", "loading", "ready", "busy", "crashed", "failed", "stopped"]


class Spec(Record):
    """What a person asked for: `name` is unique in a lab, `contract` how the arm is asked."""

    name: str
    contract: ContractName


class ArmSpec(Spec):
    """An arm that is a model, or several: `model` is a GGUF file, a cascade's the last.

    `router` is the file that a tuned arm was read from; what it says wins over the lab's exemplars.
    """

    model: Path
    contract: ContractName = "score"
    encoding: Encoding = "json-name"
    router: Path | None = None


class DeviceUse(Record):
    """Bytes of weights that really lie on a device, as the library reports them after loading."""

    device: str
    weights: int


class Info(Record):
    """What an arm turned out to be when it was ready; written to the session's arm record."""

    contract: ContractName
    load_ms: float = 0.0
    note: str = ""
    """What was not done as it was asked for, in one line; "" when all was."""

    @property
    def device(self) -> str:
        """Where it computes, in one line for people; "" where that is not worth a word."""
        return ""

    @property
    def computes_on(self) -> frozenset[str]:
        """The devices that other arms are slowed down on while this one computes."""
        return frozenset()


class ArmInfo(Info):
    """What really happened when a model was loaded."""

    model_sha256: str
    model_size: int
    architecture: str
    parameters: int
    quantization: str
    encoding: str
    template: Literal["chat", "folded", "plain"]
    prompt_sha256: str
    exemplars_sha256: str | None = None
    router_sha256: str | None = None
    window: int | None = None
    prefix_tokens: int
    prefix_kept: bool = False
    """Whether the prefix came from the disk."""
    n_ctx: int
    threads: int
    layers: int
    layers_on_gpu: int
    devices: tuple[DeviceUse, ...]
    gpu_build: bool
    llama_cpp: str
    load_ms: float
    split: Split | None = None
    """How the model lies on several devices, None where it is on one."""

    @property
    def device(self) -> str:
        """One line for people: "CPU 92 MiB", "CUDA0 1.0 GiB + CPU 70 MiB"."""
        used = [d for d in self.devices if d.weights] or list(self.devices[:1])
        return " + ".join(f"{d.device} {_size(d.weights)}" for d in used) or "CPU"

    @property
    def computes_on(self) -> frozenset[str]:
        """The devices that have layers of the model: the CPU only where some are left to it."""
        gpus = {d.device for d in self.devices if d.device != "CPU" and d.weights}
        return frozenset(gpus if gpus and self.layers_on_gpu >= self.layers else gpus | {"CPU"})


def share_a_device(one: Info, other: Info) -> bool:
    """Whether the two would slow each other down if they computed at the same time."""
    return not one.computes_on.isdisjoint(other.computes_on)


def _size(n: int) -> str:
    return f"{n / 2**30:.1f} GiB" if n >= 2**30 else f"{n / 2**20:.0f} MiB"


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

    async def ask_many(self, prompts: Sequence[str], timeout_s: float) -> list[Prediction]:
        """The answers to some prompts in the quickest way the arm has, `timeout_s` for each. Where they are
        computed together they are `batched`. At least one prompt; one call at a time."""
        ...

    def cancel(self) -> None:
        """Stop the question in progress; its `ask` then returns status "cancelled"."""
        ...

    async def stop(self) -> None:
        """End the arm and whatever process it has; idempotent."""
        ...
