"""A lab on scripted arms: the real Lab, runner and session file, with answers that a test decides."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from routerlab.core.corpus import Corpus, load_corpus
from routerlab.core.prediction import Latency, Prediction, Tokens
from routerlab.core.taxonomy import Taxonomy, load_taxonomy
from routerlab.engine.arms.arm import Arm, ArmSpec, ArmState, Spec
from routerlab.engine.contract.info import ArmInfo, DeviceUse
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.resources import ROUTING60, TAXONOMY
from routerlab.settings import Settings

NOW = 1000.0
CASES = 12
"""Where the frozen clock stands."""


def digest(*words: str) -> int:
    """A number that depends on the words and on nothing else."""
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:6], "big")


def info(spec: Spec, gpu: bool = False) -> ArmInfo:
    """Facts about a model that was never loaded."""
    devices = (DeviceUse(device="CUDA0", weights=1 << 30),) if gpu else ()
    return ArmInfo(
        model_sha256="0" * 64,
        model_size=98362432,
        architecture="llama",
        parameters=134515008,
        quantization="Q4_1",
        contract=spec.contract,
        encoding="names",
        template="chat",
        prompt_sha256="1" * 64,
        prefix_tokens=512,
        n_ctx=2048,
        threads=2,
        layers=24,
        layers_on_gpu=24 if gpu else 0,
        devices=(*devices, DeviceUse(device="CPU", weights=92 << 20)),
        gpu_build=gpu,
        llama_cpp="test",
        load_ms=312.0,
    )


@dataclass
class Script:
    """What the arms do. `loads` and `answers` are gates: while clear, arms wait there."""

    taxonomy: Taxonomy
    loads: asyncio.Event = field(default_factory=asyncio.Event)
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    accuracy: float = 0.7
    gold: dict[str, str] = field(default_factory=dict)
    crash: set[str] = field(default_factory=set)
    fail: dict[str, str] = field(default_factory=dict)
    gpu: set[str] = field(default_factory=set)
    pace: float = 0.0
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, arm: str, contract: str, prompt: str) -> Prediction:
        """The arm's answer: always the same to the same prompt."""
        labels = self.taxonomy.labels
        roll = digest(arm, prompt)
        right = self.gold.get(prompt)
        lucky = right is not None and roll % 1000 < self.accuracy * 1000
        label = right if lucky and right is not None else labels[roll % len(labels)]
        total = 80.0 + roll % 900
        if contract == "json":
            if roll % 11 == 0:
                return Prediction(
                    status="unparsed",
                    answer="Sure! Here is [bold]my answer[/bold]: I think",
                    error="no JSON object in the answer",
                    latency_ms=Latency(tokenize=0.4, prefill=total, generate=900.0, total=total + 900.4),
                    tokens=Tokens(cached=300, evaluated=40, generated=128),
                )
            return Prediction(
                status="ok",
                label=label,
                confidence=0.95,
                answer=f'{{"label": "{label}", "confidence": 0.95}}',
                latency_ms=Latency(tokenize=0.4, prefill=total, generate=210.0, total=total + 210.4),
                tokens=Tokens(cached=300, evaluated=40, generated=22),
            )
        weights = [1 + digest(arm, prompt, name) % 9 for name in labels]
        weights[labels.index(label)] = 34 + roll % 60
        share = {name: w / sum(weights) for name, w in zip(labels, weights, strict=True)}
        return Prediction(
            status="ok",
            label=label,
            probabilities=share,
            mass=0.5 + roll % 50 / 100,
            latency_ms=Latency(tokenize=0.3, prefill=total - 0.9, total=total),
            tokens=Tokens(cached=512, evaluated=20 + roll % 60),
        )


class ScriptedArm:
    """An arm without a process."""

    def __init__(self, spec: Spec, script: Script, log: Path | None = None) -> None:
        self.spec = spec
        self.state = ArmState("starting", NOW)
        self.on_change: Callable[[Arm], None] = lambda arm: None
        self._script = script
        self._log = log
        self._cancelled = asyncio.Event()
        self._stopped = asyncio.Event()

    @property
    def log(self) -> Path | None:
        """The file a test wrote, if it did."""
        return self._log

    def to(self, state: ArmState) -> None:
        """Another state, told to everybody."""
        self.state = state
        self.on_change(self)

    async def start(self) -> None:
        """Load when the gate opens."""
        self._stopped.clear()
        if self.spec.name in self._script.fail:
            self.to(ArmState("failed", NOW, message=self._script.fail[self.spec.name]))
            return
        self.to(ArmState("loading", NOW - 3.2, "reading the weights", 0.42))
        await self._either(self._script.loads, self._stopped)
        if self._stopped.is_set():
            return
        self.to(ArmState("ready", NOW, info=info(self.spec, self.spec.name in self._script.gpu), pid=4242))

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """Answer when the gate opens."""
        self._script.asked.append((self.spec.name, prompt))
        self._cancelled.clear()
        self.to(self.state.to("busy", NOW))
        if self.spec.name in self._script.crash:
            self.to(self.state.to("crashed", NOW, message="the worker was killed (signal 9); restarting"))
            return Prediction(status="crashed", error="the worker was killed (signal 9)")
        await self._either(self._script.answers, self._cancelled)
        await asyncio.sleep(self._script.pace)
        self.to(self.state.to("ready", NOW))
        if self._cancelled.is_set():
            return Prediction(status="cancelled")
        return self._script.answer(self.spec.name, self.spec.contract, prompt)

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        """One after the other; those that came at once in the time of one."""
        if not timed:
            return [await self.ask(prompt, timeout_s) for prompt in prompts]
        first = await self.ask(prompts[0], timeout_s)
        self._script.asked += [(self.spec.name, prompt) for prompt in prompts[1:]]
        spec, time = self.spec, {"latency_ms": first.latency_ms, "together": len(prompts)}
        answers = [self._script.answer(spec.name, spec.contract, prompt) for prompt in prompts]
        return [(a if first.status == "ok" else first).model_copy(update=time) for a in answers]

    async def _either(self, one: asyncio.Event, other: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (one, other)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()

    def cancel(self) -> None:
        """End the question in progress."""
        self._cancelled.set()

    async def stop(self) -> None:
        """Stop."""
        self._cancelled.set()
        self._stopped.set()
        self.to(self.state.to("stopped", NOW))


NAMES = (
    "smollm2-135m",
    "qwen2.5-coder-0.5b",
    "qwen2.5-coder-1.5b:json",
    "gemma-3-270m",
    "phi-4-mini",
    "arch-router",
)


def specs(n: int) -> list[ArmSpec]:
    """The first n scripted arms."""
    return [
        ArmSpec(
            name=name, model=Path(f"/models/{name}.gguf"), contract="json" if ":json" in name else "score"
        )
        for name in NAMES[:n]
    ]


@dataclass
class Bench:
    """A lab and its script, with both gates open."""

    lab: Lab
    script: Script


@cache
def twelve() -> Corpus:
    """Twelve of the sixty cases."""
    sixty = load_corpus(ROUTING60, load_taxonomy(TAXONOMY))
    return Corpus(**sixty.model_dump() | {"case": sixty.case[:CASES]})


def bench(folder: Path, corpus: Corpus | None = None, settings: Settings | None = None) -> Bench:
    """A lab over twelve of the sixty cases that saves into `folder`."""
    taxonomy = load_taxonomy(TAXONOMY)
    corpus = corpus or twelve()
    script = Script(taxonomy, gold={case.prompt: case.label or "" for case in corpus.case})
    script.loads.set()
    script.answers.set()
    materials = Materials(taxonomy, TAXONOMY, corpus, ROUTING60)
    log = folder / "worker.log"

    def make(spec: Spec) -> Arm:
        return ScriptedArm(spec, script, log if log.exists() else None)

    lab = Lab(materials, settings or Settings(annotator="ada"), make, folder / "session.toml")
    return Bench(lab, script)
