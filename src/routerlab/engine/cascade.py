"""A cascade: a small router first, a larger one where it is not sure or two small ones disagree."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Prediction, Tokens
from routerlab.core.tomlfile import canonical_sha256
from routerlab.engine.arm import Arm, ArmInfo, ArmSpec, ArmState
from routerlab.engine.router import Cascade, load_router


def member_files(path: Path, cascade: Cascade) -> list[Path]:
    """The members' router files, beside the cascade's; LabError when one has changed since."""
    files = [path.parent / member.file for member in cascade.member]
    for member, file in zip(cascade.member, files, strict=True):
        if canonical_sha256(load_router(file)) != member.sha256:
            raise LabError(f"{path}: {file.name} is not the router that the threshold was chosen with")
    return files


class CascadeArm:
    """An arm made of arms (see `Arm`). It is as ready as its least ready member."""

    def __init__(self, spec: ArmSpec, cascade: Cascade, members: Sequence[Arm]) -> None:
        self.spec = spec
        self.state = ArmState(since=time.monotonic())
        self.on_change: Callable[[Arm], None] = lambda _: None
        self._cascade = cascade
        self._members = tuple(members)
        self._asking: Arm | None = None
        self._cancelled = False
        self._life = 0
        """Counts starts and stops, so that a start that was overtaken does not go on."""
        for member in self._members:
            member.on_change = self._member_changed

    @property
    def log(self) -> Path | None:
        """The log of the member that has something to say: the one that is not ready, else the last."""
        troubled = [m for m in self._members if m.state.phase not in ("ready", "busy")]
        return (troubled or [self._members[-1]])[0].log

    def _set(self, state: ArmState) -> None:
        self.state = state
        self.on_change(self)

    def _member_changed(self, member: Arm) -> None:
        if self._asking is None and self.state.phase != "stopped":
            self._set(self._combined())

    def _combined(self) -> ArmState:
        """The state of the first member that is not ready, else ready with what all of them use."""
        for i, member in enumerate(self._members):
            if member.state.phase != "ready":
                message = member.state.message
                stage = f"{i + 1}/{len(self._members)} {member.state.stage}".strip()
                return replace(
                    member.state, stage=stage, message=f"{member.spec.name}: {message}" if message else ""
                )
        infos = [m.state.info for m in self._members if m.state.info]
        told = "; ".join(i.note for i in infos if i.note)
        return replace(self._members[-1].state, info=_combined_info(infos, self._cascade), message=told)

    async def start(self) -> None:
        """Load the members in turn."""
        self._life += 1
        life = self._life
        self._set(self.state.to("starting", time.monotonic()))
        for member in self._members:
            await member.start()
            if life != self._life:  # stopped meanwhile
                return
        self._set(self._combined())

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """The answer of the first member that is sure, or of the last; times and tokens are added up."""
        if (state := self.state).phase != "ready":
            return Prediction(status="crashed", error=state.message or "the arm is not ready")
        self._cancelled = False
        self._set(self.state.to("busy", time.monotonic()))
        start = time.perf_counter()
        answers: list[Prediction] = []
        for member in self._members:
            self._asking = member
            left = timeout_s - (time.perf_counter() - start)
            answers.append(await member.ask(prompt, max(left, 0.001)))
            if self._cancelled or self._ends(answers):
                break
        self._asking = None
        if self.state.phase == "busy":
            self._set(self._combined())
        return self._summed(answers, (time.perf_counter() - start) * 1000.0)

    async def ask_many(self, prompts: Sequence[str], timeout_s: float) -> list[Prediction]:
        """Each member answers the prompts that those before it left open, together."""
        if (state := self.state).phase != "ready":
            error = state.message or "the arm is not ready"
            return [Prediction(status="crashed", error=error)] * len(prompts)
        self._cancelled = False
        self._set(self.state.to("busy", time.monotonic()))
        answers: list[list[Prediction]] = [[] for _ in prompts]
        for member in self._members:
            open_ = [i for i, own in enumerate(answers) if not own or not self._ends(own)]
            if not open_ or self._cancelled:
                break
            self._asking = member
            found = await member.ask_many([prompts[i] for i in open_], timeout_s)
            for i, answer in zip(open_, found, strict=True):
                answers[i].append(answer)
        self._asking = None
        if self.state.phase == "busy":
            self._set(self._combined())
        return [self._summed(own, sum(a.latency_ms.total for a in own)) for own in answers]

    def _ends(self, answers: Sequence[Prediction]) -> bool:
        """Whether the last answer leaves nothing to ask for."""
        return answers[-1].status != "ok" or self._settled(answers)

    def _summed(self, answers: Sequence[Prediction], total: float) -> Prediction:
        """The last answer with the times and tokens of all; cancelled when it is not the cascade's."""
        latency = Latency(
            tokenize=sum(a.latency_ms.tokenize for a in answers),
            prefill=sum(a.latency_ms.prefill for a in answers),
            generate=sum(a.latency_ms.generate for a in answers),
            total=total,
        )
        tokens = Tokens(
            cached=sum(a.tokens.cached for a in answers),
            evaluated=sum(a.tokens.evaluated for a in answers),
            generated=sum(a.tokens.generated for a in answers),
            dropped=max(a.tokens.dropped or 0 for a in answers) or None,
        )
        if self._cancelled and answers[-1].status == "ok" and not self._final(answers):
            return Prediction(status="cancelled", latency_ms=latency)
        return answers[-1].model_copy(update={"latency_ms": latency, "tokens": tokens})

    def _final(self, answers: Sequence[Prediction]) -> bool:
        """Whether the last answer is the cascade's."""
        return len(answers) == len(self._members) or self._settled(answers)

    def _settled(self, answers: Sequence[Prediction]) -> bool:
        """Whether no further member need be asked."""
        if self._cascade.rule == "disagreement":
            return len(answers) == 2 and answers[0].label == answers[1].label
        shares = answers[0].probabilities or {}
        return len(answers) == 1 and max(shares.values(), default=0.0) >= self._cascade.threshold

    def cancel(self) -> None:
        """Cancel the member that is being asked; no further one is."""
        self._cancelled = True
        if self._asking is not None:
            self._asking.cancel()

    async def stop(self) -> None:
        """Stop the members."""
        self._life += 1
        self._set(self.state.to("stopped", time.monotonic(), message="", restarts=0, pid=None))
        await asyncio.gather(*(member.stop() for member in self._members))


def _combined_info(infos: Sequence[ArmInfo], cascade: Cascade) -> ArmInfo:
    """The last member's facts, with sizes, layers, devices and load times of all added up."""
    return infos[-1].model_copy(
        update={
            "contract": "cascade",
            "encoding": " -> ".join(i.encoding for i in infos),
            "router_sha256": canonical_sha256(cascade),
            "model_size": sum(i.model_size for i in infos),
            "parameters": sum(i.parameters for i in infos),
            "layers": sum(i.layers for i in infos),
            "layers_on_gpu": sum(i.layers_on_gpu for i in infos),
            "devices": tuple(d for i in infos for d in i.devices),
            "load_ms": sum(i.load_ms for i in infos),
        }
    )
