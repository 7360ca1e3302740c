"""Arms that do what they are told, to make a cascade of."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from routerlab.core.prediction import Latency, Prediction, Tokens
from routerlab.engine.arms.arm import Arm, ArmSpec, ArmState
from routerlab.engine.arms.cascade import CascadeArm
from routerlab.engine.contract.router import Cascade, Evidence, FilePin
from tests.tui.scripted import info

EVIDENCE = Evidence(
    corpus="mine", corpus_sha256="c" * 64, cases=4, seed=0, command="routerlab tune", machine="m",
    lab_version="0", llama_cpp="x", scikit_learn="1", seen=(), row=(),
)  # fmt: skip


def cascade(
    *thresholds: float, rule: Literal["confidence", "disagreement"] = "confidence", members: int = 2
) -> Cascade:
    """By confidence with these thresholds, 0.8 each where there are none."""
    count = len(thresholds) + 1 if thresholds else members
    steps = thresholds or (0.8,) * (count - 1)
    return Cascade(
        name="c",
        contract="cascade",
        created=datetime(2026, 11, 24, tzinfo=UTC),
        taxonomy="two",
        taxonomy_sha256="a" * 64,
        rule=rule,
        thresholds=steps if rule == "confidence" else (),
        member=tuple(FilePin(file=f"m{i}.toml", sha256="b" * 64) for i in range(count)),
        evidence=EVIDENCE,
    )


@dataclass
class Member:
    """An arm that answers what it is told to: label, confidence, and how it ends."""

    name: str
    label: str = "yes"
    confidence: float = 0.9
    familiarity: float | None = None
    abstained: bool | None = None
    status: Literal["ok", "crashed", "timeout", "refused"] = "ok"
    waits: bool = False
    obeys: bool = True
    log: Path | None = None
    asked: list[float] = field(default_factory=list)
    starts: int = 0
    cancels: int = 0
    stops: int = 0
    loads: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.spec = ArmSpec(name=self.name, model=Path(f"{self.name}.gguf"), contract="probe")
        self.state = ArmState()
        self.on_change: Callable[[Arm], None] = lambda _: None
        self._go = asyncio.Event()
        self.loads.set()

    def to(self, state: ArmState) -> None:
        self.state = state
        self.on_change(self)

    async def start(self) -> None:
        self.starts += 1
        self.to(ArmState("loading", stage="loading weights", fraction=0.5))
        await self.loads.wait()
        self.to(ArmState("ready", info=info(self.spec)))

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        self.asked.append(timeout_s)
        self.to(self.state.to("busy", 0.0))
        self._go.clear()
        if self.waits:
            await self._go.wait()
        if self.status == "crashed":
            self.to(self.state.to("crashed", 0.0, message="the worker was killed"))
            return Prediction(status="crashed", error="the worker was killed")
        self.to(self.state.to("ready", 0.0))
        if self.cancels and self.obeys:
            return Prediction(status="cancelled")
        if self.status != "ok":
            return Prediction(status=self.status, error=self.status)
        rest = "no" if self.label == "yes" else "yes"
        return Prediction(
            status="ok",
            label=self.label,
            probabilities={self.label: self.confidence, rest: 1 - self.confidence},
            familiarity=self.familiarity,
            abstained=self.abstained,
            latency_ms=Latency(tokenize=1.0, prefill=10.0, generate=2.0, total=13.0),
            tokens=Tokens(cached=100, evaluated=20, generated=3, dropped=5 if self.name == "small" else None),
        )

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        return [await self.ask(prompt, timeout_s) for prompt in prompts]

    def cancel(self) -> None:
        self.cancels += 1
        self._go.set()

    async def stop(self) -> None:
        self.stops += 1
        self._go.set()
        self.loads.set()
        self.to(ArmState("stopped"))


def arm_of(members: Sequence[Member], made: Cascade | None = None) -> CascadeArm:
    spec = ArmSpec(name="c:cascade", model=Path("large.gguf"), contract="cascade", router=Path("c.toml"))
    return CascadeArm(spec, made or cascade(members=len(members)), list(members))


async def started(*members: Member, made: Cascade | None = None) -> CascadeArm:
    arm = arm_of(members, made)
    await arm.start()
    assert arm.state.phase == "ready"
    return arm
