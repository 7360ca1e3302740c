"""The ways from a prompt to a label that a benchmark compares, all asked alike."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from routerlab.bench.peers.parent import Peer
from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Prediction, Record, Status
from routerlab.engine.arms.arm import Arm
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.info import ArmInfo

WayKind = Literal["ours", "bare", "zero-shot", "peer"]


class Timed(Record):
    """One question. `ms` is what whoever asked had to wait; of a bare decode, `llama_decode` alone.

    `error`: why there is no answer. `steps` are the worker's laps and `worker_ms` their sum, for our ways.
    """

    ms: float
    status: Status
    label: str | None = None
    worker_ms: float | None = None
    steps: dict[str, float] = Field(default_factory=dict)
    evaluated: int = 0
    generated: int = 0
    error: str | None = None


Ask = Callable[[str], Awaitable[Timed]]


@dataclass(frozen=True)
class Way:
    """`of` is our way that a bare decode or a prefix without exemplars is compared with; `info` is what the
    worker said of itself when it was loaded. `start_s` is the time from spawning the process `pid` until it
    waited for a question, without `fit_s`, in which it was fitted; a bare decode has its arm's process."""

    name: str
    kind: WayKind
    of: str
    ask: Ask
    info: ArmInfo | None = None
    start_s: float | None = None
    fit_s: float = 0.0
    pid: Callable[[], int | None] = lambda: None


def ours(arm: ModelArm, timeout_s: float, window: int | None = None) -> Ask:
    """The arm's prediction as the lab gets it. `window` is for an arm without a router: 0 for none."""

    async def ask(prompt: str) -> Timed:
        prediction, steps = await arm.measure(prompt, "steps", timeout_s, window)
        answered(arm, prediction)
        return Timed(
            ms=prediction.latency_ms.total,
            status=prediction.status,
            error=prediction.error,
            label=prediction.label,
            worker_ms=sum(steps.values()),
            steps=steps,
            evaluated=prediction.tokens.evaluated,
            generated=prediction.tokens.generated,
        )

    return ask


def bare(arm: ModelArm, timeout_s: float) -> Ask:
    """`llama_decode` alone, in the arm's worker and context, of what the arm's prediction decodes."""

    async def ask(prompt: str) -> Timed:
        prediction, steps = await arm.measure(prompt, "bare", timeout_s)
        answered(arm, prediction)
        evaluated = prediction.tokens.evaluated
        ms = steps.get("decode", 0.0)
        return Timed(ms=ms, status=prediction.status, evaluated=evaluated, error=prediction.error)

    return ask


def peer(process: Peer, timeout_s: float) -> Ask:
    """The peer's answer as its user gets it, in the peer's own process."""

    async def ask(prompt: str) -> Timed:
        reply = await process.ask(prompt, timeout_s)
        if reply.error is not None:
            return Timed(ms=reply.ms, status="crashed", error=reply.error)
        status: Status = "unparsed" if reply.label is None else "ok"
        return Timed(ms=reply.ms, status=status, label=reply.label, generated=reply.generated)

    return ask


def answered(arm: Arm, prediction: Prediction) -> None:
    """LabError when the worker did not answer: figures of a worker that died mean nothing."""
    if prediction.status not in ("ok", "unparsed", "refused"):
        message = f"{arm.spec.name}: {prediction.status}: {prediction.error or 'no answer'}"
        raise LabError(f"{message}; its log is {arm.log}", Exit.MISSING)


async def ready(arm: Arm) -> ArmInfo:
    """Load the arm; LabError when that fails."""
    await arm.start()
    info = arm.state.info
    if arm.state.phase != "ready" or not isinstance(info, ArmInfo):
        raise LabError(f"{arm.spec.name}: {arm.state.message or 'could not be loaded'}", Exit.MISSING)
    return info
