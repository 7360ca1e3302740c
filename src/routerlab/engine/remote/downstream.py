"""Remote models as downstream ones: asked for answers instead of labels, with what their server takes."""

import asyncio
import time
from dataclasses import replace

from routerlab.core.errors import Exit, LabError
from routerlab.core.prediction import Attempt
from routerlab.core.remote import Remote, api_key, cost
from routerlab.engine.arms.downstream import Answered, Asked
from routerlab.engine.contract.thought import spoken
from routerlab.engine.remote.arm import PERSONAL
from routerlab.engine.remote.completion import read_completion
from routerlab.engine.remote.endpoint import Endpoint, Reply
from routerlab.engine.remote.terms import terms_of

FORBIDDEN = (401, 402, 403)
"""Statuses that every other question would be answered with, too."""
UNREACHED = 3
"""Questions in a row that reach no server, after which it is asked no more."""
ROUNDS = 8
"""Requests at most until a server takes one, each without what it refused of the one before."""
LONGEST_ANSWER = 65536
"""Characters of an answer that are kept: a server may not count."""


class RemoteChat:
    """A remote that answers prompts; several may be asked at once. What its server does not take of a request
    is left out of all that follow."""

    def __init__(self, remote: Remote, system: str | None, max_tokens: int, stop: tuple[str, ...]) -> None:
        """LabError when its key is missing."""
        self.remote = remote
        self._system = system
        self._endpoint = Endpoint(remote, api_key(remote))
        terms = terms_of(remote)
        self._terms = replace(
            terms,
            limit=max_tokens + (remote.reasoning_tokens or 0),
            body={**terms.body, **({"stop": list(stop)} if stop else {})},
        )
        self._stop = stop
        self._unreached = UNREACHED - 1
        """Questions in a row that no server was reached with; it begins near the end, for none was ever."""

    @property
    def changed(self) -> tuple[str, ...]:
        """What is not asked as it was wanted, in words."""
        return self._terms.changed

    async def chat(self, prompt: str, how: Asked) -> Answered:
        """The answer to a prompt; the time is from the first send, with retries and waits. LabError (exit 3)
        when the server does not let us in, or is not reached: at first, or some times in a row."""
        begun = time.perf_counter()
        text = prompt.encode("utf-8", "replace").decode()  # half a surrogate pair is no text to send
        limit = min(how.timeout_s, self.remote.timeout_s or how.timeout_s)
        attempts: list[Attempt] = []
        usual = terms = self._terms
        reply = await self._endpoint.ask(terms.request(self._system, text), limit, attempts)
        for _ in range(ROUNDS - 1):
            left = limit - (time.perf_counter() - begun)
            told = reply.status == "refused" and reply.http not in PERSONAL
            other = terms.without(reply.refusal) if told and left > 0 else None
            if other is None:
                break
            terms = other
            reply = await self._endpoint.ask(terms.request(self._system, text), left, attempts)
        # What helps one prompt is kept for all; nobody else has found out something meanwhile.
        if reply.status == "ok" and self._terms is usual:
            self._terms = terms
        self._unreached = self._unreached + 1 if reply.status == "crashed" and reply.http is None else 0
        if reply.http in FORBIDDEN or self._unreached >= UNREACHED:
            raise LabError(reply.error or "no answer", Exit.MISSING)
        answered = self._read(reply)
        return replace(answered, total_ms=(time.perf_counter() - begun) * 1000.0)

    def _read(self, reply: Reply) -> Answered:
        if reply.status in ("refused", "timeout"):
            return Answered("refused" if reply.status == "refused" else "timeout", error=reply.error)
        if reply.status != "ok":
            return Answered("crashed", error=reply.error)
        try:
            completion = read_completion(reply.content)
        except ValueError as e:
            return Answered("crashed", error=self._endpoint.short(f"{self.remote.host}: {e}"))
        choice, usage = completion.choices[0], completion.usage
        message = choice.message
        text = spoken(message.text or "\n".join(message.parts)).answer
        for stop in self._stop:
            text = text.split(stop)[0]
        tokens = usage.tokens if usage else None
        prices = self.remote.prices
        told = Answered(
            "ok",
            text=self._endpoint.clean(text[:LONGEST_ANSWER]).encode("utf-8", "replace").decode(),
            finish="length" if choice.finish_reason == "length" else "stop",
            tokens_in=tokens.cached + tokens.evaluated if tokens else None,
            tokens_out=tokens.generated if tokens else None,
            cost=cost(tokens, prices) if tokens and prices else None,
        )
        refusal = message.refusal if isinstance(message.refusal, str) else ""
        if not text.strip() and (refusal or choice.finish_reason == "content_filter"):
            why = self._endpoint.short(
                f"the model refused: {refusal}" if refusal else "held back by a filter"
            )
            return replace(told, status="refused", text="", error=why)
        return told

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.shield(self._endpoint.close())
