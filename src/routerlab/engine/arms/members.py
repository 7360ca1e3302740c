"""An arm made of arms, which are asked in turn until one answer, or several together, settle the matter."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from routerlab.core.prediction import Latency, Prediction, Tokens
from routerlab.engine.arms.arm import Arm, ArmState, Spec, Watched
from routerlab.engine.contract.info import ArmInfo, Info


class MembersArm(Watched, ABC):
    """See `Arm`. It is as ready as its least ready member; times and tokens of those asked are added up."""

    def __init__(self, spec: Spec, members: Sequence[Arm]) -> None:
        super().__init__()
        self.spec = spec
        self.members = tuple(members)
        self._asking: Arm | None = None
        self._cancelled = False
        self._life = 0
        """Counts starts and stops, so that a start that was overtaken does not go on."""
        for member in self.members:
            member.on_change = self._member_changed

    @abstractmethod
    def _settled(self, answers: Sequence[Prediction]) -> bool:
        """Whether no further member need be asked."""

    @abstractmethod
    def _combined_info(self, infos: Sequence[ArmInfo]) -> Info:
        """The facts of this arm from those of its members."""

    def _passes_on(self, answer: Prediction) -> bool:
        """Whether the next member may be asked after this answer; otherwise it is the arm's."""
        return answer.status == "ok"

    def _chosen(self, answers: Sequence[Prediction]) -> int:
        """Whose answer is the arm's once nobody else is asked."""
        return len(answers) - 1

    @property
    def log(self) -> Path | None:
        """The log of the member that has something to say: the one that is not ready, else the last."""
        troubled = [m for m in self.members if m.state.phase not in ("ready", "busy")]
        return (troubled or [self.members[-1]])[0].log

    def _member_changed(self, member: Arm) -> None:
        if self._asking is None and self.state.phase != "stopped":
            self._set(self._combined())

    def _combined(self) -> ArmState:
        """The state of the first member that is not ready, else ready with what all of them use."""
        for i, member in enumerate(self.members):
            if member.state.phase != "ready":
                message = member.state.message
                stage = f"{i + 1}/{len(self.members)} {member.state.stage}".strip()
                return replace(
                    member.state, stage=stage, message=f"{member.spec.name}: {message}" if message else ""
                )
        infos = [m.state.info for m in self.members if isinstance(m.state.info, ArmInfo)]
        told = "; ".join(i.note for i in infos if i.note)
        return replace(self.members[-1].state, info=self._combined_info(infos), message=told)

    async def start(self) -> None:
        """Load the members in turn."""
        self._life += 1
        life = self._life
        self._enter("starting")
        for member in self.members:
            await member.start()
            if life != self._life:  # stopped meanwhile
                return
        self._set(self._combined())

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See `Arm.ask`; the time is that of all members together."""
        if unready := self._unready():
            return unready
        self._cancelled = False
        self._enter("busy")
        start = time.perf_counter()
        answers: list[Prediction] = []
        for member in self.members:
            self._asking = member
            left = timeout_s - (time.perf_counter() - start)
            answers.append(await member.ask(prompt, left) if left > 0 else _late(timeout_s))
            if self._cancelled or self._ends(answers):
                break
        self._asking = None
        if self.state.phase == "busy":
            self._set(self._combined())
        return self._summed(answers, (time.perf_counter() - start) * 1000.0)

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        """Each member answers the prompts that those before it left open, together."""
        if unready := self._unready():
            return [unready] * len(prompts)
        self._cancelled = False
        self._enter("busy")
        start = time.perf_counter()
        answers: list[list[Prediction]] = [[] for _ in prompts]
        for member in self.members:
            open_ = [i for i, own in enumerate(answers) if not own or not self._ends(own)]
            if not open_ or self._cancelled:
                break
            self._asking = member
            left = timeout_s - (time.perf_counter() - start) if timed else timeout_s
            asked = [prompts[i] for i in open_]
            found = await member.ask_many(asked, left, timed) if left > 0 else [_late(timeout_s)] * len(asked)
            for i, answer in zip(open_, found, strict=True):
                answers[i].append(answer)
        self._asking = None
        if self.state.phase == "busy":
            self._set(self._combined())
        if not timed:
            return [self._summed(own, sum(a.latency_ms.total for a in own)) for own in answers]
        total = (time.perf_counter() - start) * 1000.0
        return [self._summed(own, total).model_copy(update={"together": len(prompts)}) for own in answers]

    def _ends(self, answers: Sequence[Prediction]) -> bool:
        """Whether the answers leave nothing to ask for."""
        return not self._passes_on(answers[-1]) or self._settled(answers)

    def _summed(self, answers: Sequence[Prediction], total: float) -> Prediction:
        """The arm's answer with the times and tokens of all; cancelled if members were still to be asked."""
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
        complete = len(answers) == len(self.members) or self._ends(answers)
        if self._cancelled and not complete:
            return Prediction(status="cancelled", latency_ms=latency)
        chosen = self._chosen(answers)
        told: dict[str, object] = {
            "latency_ms": latency,
            "tokens": tokens,
            "error": self._told(answers, chosen),
        }
        if answers[chosen].label is not None:
            told["member"] = "/".join(filter(None, (self.members[chosen].spec.name, answers[chosen].member)))
        return answers[chosen].model_copy(update=told)

    def _told(self, answers: Sequence[Prediction], chosen: int) -> str | None:
        """What is said of faults: by default those of the answer that was chosen."""
        return answers[chosen].error

    def cancel(self) -> None:
        """Cancel the member that is being asked; no further one is."""
        self._cancelled = True
        if self._asking is not None:
            self._asking.cancel()

    async def stop(self) -> None:
        """Stop the members; none is asked any more."""
        self._life += 1
        self._cancelled = True
        self._enter("stopped", message="", restarts=0, pid=None)
        await asyncio.gather(*(member.stop() for member in self.members))


def _late(timeout_s: float) -> Prediction:
    """Instead of the answer of a member without any time, which would only lose its worker."""
    return Prediction(status="timeout", error=f"not asked: no time was left of {timeout_s:g} s")
