"""Local models as downstream ones: asked for answers instead of labels, several at once."""

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.local import CANCEL_DEADLINE_S, ModelArm, first_of
from routerlab.engine.worker.protocol import (
    Cancel,
    Chat,
    Finish,
    FromWorker,
    LoadChat,
    Said,
    Surprisals,
    Weigh,
)


@dataclass(frozen=True)
class Answered:
    """What came of a question. `text` is the answer if `status` is "ok", else `error` says why there is none.
    Times are in milliseconds, the whole as its user waits; None where nobody measured them."""

    status: Literal["ok", "crashed", "timeout", "refused"]
    text: str = ""
    finish: Finish | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    first_ms: float | None = None
    total_ms: float | None = 0.0
    cost: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Asked:
    """How a question is asked: at most so many new tokens, an end at the first of the texts of `stop`, and
    the seconds that the whole answer may take."""

    max_tokens: int
    stop: tuple[str, ...]
    timeout_s: float


class ChatModel(ModelArm):
    """A GGUF model that answers prompts, in a worker that is watched and replaced like any other. It stays
    "ready" while it answers, for it may be asked more."""

    _program = "routerlab.engine.worker.downstream"

    def __init__(self, spec: ArmSpec, load: LoadChat) -> None:
        super().__init__(spec, load, asyncio.Lock())
        self._chats: dict[int, asyncio.Future[Said | Surprisals]] = {}
        self._turned = asyncio.Event()
        self.on_change = lambda _: self._turned.set()

    async def settled(self) -> bool:
        """Wait until it is ready or was given up; whether it is ready."""
        while self.state.phase not in ("ready", "failed", "stopped"):
            self._turned.clear()
            await self._turned.wait()
        return self.state.phase == "ready"

    def _heard(self, message: FromWorker) -> None:
        if not isinstance(message, (Said, Surprisals)):
            super()._heard(message)
        elif (chat := self._chats.get(message.id)) and not chat.done():
            chat.set_result(message)

    async def chat(self, prompt: str, how: Asked) -> Answered:
        """The answer to a prompt; several may be asked for at once. Never raises: a worker that dies, or does
        not obey when the time is up, is replaced, and all that it was asked is "crashed"."""
        ask = Chat(id=0, prompt=_sendable(prompt), max_tokens=how.max_tokens, stop=how.stop)
        said, total = await self._reply(ask, how.timeout_s)
        if isinstance(said, Answered):
            return said
        assert isinstance(said, Said)
        if said.finish is None:
            return Answered("refused", tokens_in=said.tokens_in, total_ms=total, error=said.error)
        return Answered(
            "ok",
            text=said.text,
            finish=said.finish,
            tokens_in=said.tokens_in,
            tokens_out=said.tokens_out,
            first_ms=said.first_ms,
            total_ms=total,
        )

    async def weigh(self, what: str | tuple[int, ...], timeout_s: float, split: bool = False) -> Surprisals:
        """How little each token of a prompt, or each of some tokens, was expected (see `Weigh`), of a model
        that was loaded for it. Never raises: without an answer there is an `error`."""
        told = {"tokens": what} if isinstance(what, tuple) else {"prompt": _sendable(what)}
        ask = Weigh(**told, split=split)
        said, _ = await self._reply(ask, timeout_s)
        if isinstance(said, Answered):
            return Surprisals(id=0, error=said.error or said.status)
        assert isinstance(said, Surprisals)
        return said

    async def _reply(
        self, message: Chat | Weigh, timeout_s: float
    ) -> tuple[Said | Surprisals | Answered, float]:
        """What the worker says to a message and the milliseconds until then, or why it said nothing."""
        worker, life = self._worker, self._life
        if unready := self._unready():
            return Answered("crashed", error=unready.error), 0.0
        assert worker is not None
        self._question += 1
        number = self._question
        answer = self._chats[number] = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        worker.send(message.model_copy(update={"id": number}))
        try:
            await first_of(answer, worker.ended, timeout=timeout_s)
            total = (time.perf_counter() - begun) * 1000.0
            if answer.done():
                if self.state.restarts:
                    self._enter("ready", restarts=0)
                return answer.result(), total
            if worker.ended.done():
                return Answered("crashed", total_ms=total, error=worker.death()), total
            error = f"no answer in {timeout_s:g} s"
            worker.send(Cancel(id=number))
            await first_of(answer, worker.ended, timeout=CANCEL_DEADLINE_S)
            if not answer.done() and not worker.ended.done() and life == self._life:
                self._replace(worker, f"{error}, and it did not obey a cancellation")
            return Answered("timeout", total_ms=total, error=error), total
        finally:
            del self._chats[number]


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text to send
