"""A worker that answers prompts as a downstream model: its own chat template, greedily, several at once.

A program beside worker.py, started and spoken to in the same way.
"""

import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from routerlab.core.errors import LabError
from routerlab.engine.contract.contract import chat_frame
from routerlab.engine.contract.info import ArmInfo, DeviceUse
from routerlab.engine.worker import llama
from routerlab.engine.worker.build import usable_cpus
from routerlab.engine.worker.generate import Writer, Written
from routerlab.engine.worker.program import Pipe, loading, own_pipe, start, throttled
from routerlab.engine.worker.protocol import Chat, LoadChat, Said, Surprisals, Weigh
from routerlab.engine.worker.surprisal import STEP, surprisals
from routerlab.engine.worker.template import limits
from routerlab.models.fingerprint import file_sha256
from routerlab.models.gguf import GgufHeader
from routerlab.models.placement import Placement


@dataclass
class _Open:
    """A chat in progress: its request, its prompt's tokens, when it came, and what is written."""

    chat: Chat
    tokens: list[int]
    since: float
    written: Written | None = None


class Chatter:
    """A loaded model that answers. A prompt that does not fit is refused, and the others are answered."""

    def __init__(self, request: LoadChat, model: llama.Model, threads: int) -> None:
        """Make the context. LoadError when memory is short, LabError when the system prompt does not fit."""
        with limits(request.template_limit_s):
            self.framing = chat_frame(request.system, model.chat_renderer())
        self.model = model
        self._before = model.tokenize_pieces(self.framing.prefix, start=True)
        self._after = model.tokenize_pieces(self.framing.suffix, start=False)
        self.n_ctx = min(request.n_ctx, model.n_ctx_train)
        if (around := len(self._before) + len(self._after)) >= self.n_ctx:
            raise LabError(f"the system prompt takes {around} of a context of {self.n_ctx} tokens")
        # The library takes a recurrent batch apart in an order of its own, so there prompts go one by one.
        self.slots = 1 if model.recurrent else max(1, min(request.slots, llama.MAX_SEQUENCES - 1))
        n_outputs = max(1 + self.slots, STEP if request.weighs else 0)
        self._context = llama.Context(model, self.n_ctx, 1 + self.slots, n_outputs, threads)
        self._writer = Writer(self._context, model, 0, self.slots, self.n_ctx)
        self._waiting: deque[_Open] = deque()
        self._open: list[_Open] = []

    @property
    def busy(self) -> bool:
        """Whether anything is asked and not answered."""
        return bool(self._waiting or self._open)

    def take(self, chat: Chat) -> Said | None:
        """Have it answered; what there is to say at once, if it cannot be."""
        since = time.perf_counter()
        user = self.model.tokenize(self.framing.written(chat.prompt), special=False)
        tokens = [*self._before, *user, *self._after]
        if (n := len(tokens)) >= self.n_ctx:
            error = f"the prompt has {n} tokens, and a context of {self.n_ctx} no room for an answer"
            return Said(id=chat.id, tokens_in=n, error=error)
        self._waiting.append(_Open(chat, tokens, since))
        return None

    def weigh(self, asked: Weigh) -> Surprisals:
        """The surprisals of a prompt's tokens, or why there are none."""
        tokens = asked.tokens or tuple(self.model.tokenize(self.framing.written(asked.prompt), special=False))
        if (n := len(self._before) + len(tokens)) > self.n_ctx:
            return Surprisals(
                id=asked.id, error=f"it has {n} tokens, more than a context of {self.n_ctx} takes"
            )
        nats = surprisals(self._context, self._before, () if asked.split else tokens)
        pieces = tuple(self.model.piece(token).decode("latin-1") for token in tokens)
        return Surprisals(id=asked.id, tokens=tokens, pieces=pieces, nats=tuple(nats.tolist()))

    def step(self, cancelled: Callable[[int], bool]) -> list[Said]:
        """Begin what there is room for, drop what was cancelled, decode once; the answers that are whole."""
        said = []
        for one in [one for one in (*self._waiting, *self._open) if cancelled(one.chat.id)]:
            said.append(Said(id=one.chat.id, error="cancelled"))
            if one.written is None:
                self._waiting.remove(one)
            else:
                self._open.remove(one)
                self._writer.drop(one.written)
        while self._waiting and self._writer.fits(
            len(self._waiting[0].tokens), self._limit(self._waiting[0])
        ):
            one = self._waiting.popleft()
            stops = one.chat.stop
            over = (lambda tokens, stops=stops: self._stops(tokens, stops)) if stops else None
            one.written = self._writer.begin(one.tokens, self._limit(one), over)
            self._open.append(one)
        if self._writer.busy:
            whole = self._writer.step()
            said += [self._said(one) for one in self._open if any(one.written is w for w in whole)]
            self._open = [one for one in self._open if not any(one.written is w for w in whole)]
        return said

    def _limit(self, one: _Open) -> int:
        return min(one.chat.max_tokens, self.n_ctx - len(one.tokens))

    def _text(self, tokens: list[int]) -> str:
        return b"".join(self.model.piece(t) for t in tokens).decode("utf-8", "replace")

    def _stops(self, tokens: list[int], stops: tuple[str, ...]) -> bool:
        tail = self._text(tokens[-max(map(len, stops)) - 8 :])
        return any(stop in tail for stop in stops)

    def _said(self, one: _Open) -> Said:
        assert one.written is not None
        text = self._text(one.written.tokens)
        for stop in one.chat.stop:
            text = text.split(stop)[0]
        return Said(
            id=one.chat.id,
            text=text,
            finish="stop" if one.written.ended else "length",
            tokens_in=len(one.tokens),
            tokens_out=len(one.written.tokens),
            first_ms=(time.perf_counter() - one.since - one.written.generate_s) * 1000.0,
        )


def load(
    request: LoadChat, header: GgufHeader, placed: Placement, pipe: Pipe, log: llama.Log
) -> tuple[Chatter, ArmInfo]:
    """Load the model and say what really happened. LoadError, LabError."""
    start = time.perf_counter()
    model = llama.Model(request.model, placed, throttled(partial(loading, pipe, "loading weights")))
    threads = request.threads or usable_cpus()
    chatter = Chatter(request, model, threads)
    framing = chatter.framing
    info = ArmInfo(
        contract="chat",
        encoding="text",
        model_sha256=file_sha256(request.model),
        model_size=header.size,
        architecture=header.architecture,
        parameters=header.parameters,
        quantization=header.quantization,
        template=framing.template,
        plain_text=framing.plain_text,
        prompt_sha256=framing.sha256,
        prefix_tokens=0,
        n_ctx=chatter.n_ctx,
        threads=threads,
        layers=model.n_layers,
        layers_on_gpu=sum(1 for i, d in log.layers.items() if d != "CPU" and i < model.n_layers),
        devices=tuple(DeviceUse(device=d, weights=n) for d, n in log.buffers.items()),
        gpu_build=llama.gpu_build(),
        llama_cpp=llama.build_version(),
        load_ms=(time.perf_counter() - start) * 1000.0,
        split=placed.split if len(placed.devices) > 1 else None,
        concurrency=chatter.slots if chatter.slots > 1 else None,
        note=f"asked in plain text: {framing.plain_text}" if framing.plain_text else "",
    )
    return chatter, info


def check_kind(request: LoadChat, header: GgufHeader) -> None:
    """LabError when an embedding model is to answer."""
    if header.embedding:
        raise LabError(f"{request.model.name}: an embedding model, which writes no answers")


def main() -> None:
    """Serve until stdin closes."""
    pipe = own_pipe()
    loaded = pipe.requests.get()
    assert isinstance(loaded, LoadChat)
    chatter = start(loaded, 1 + loaded.slots, partial(check_kind, loaded), partial(load, loaded), pipe)
    while True:
        said: list[Said | Surprisals] = []
        try:
            while True:
                asked = pipe.requests.get(block=not chatter.busy)
                assert isinstance(asked, (Chat, Weigh))
                at_once = chatter.take(asked) if isinstance(asked, Chat) else chatter.weigh(asked)
                said += filter(None, [at_once])
                if said:
                    break
        except queue.Empty:
            said += chatter.step(pipe.cancelled.__contains__)
        for one in said:
            pipe.send(one)
            pipe.cancelled.discard(one.id)


if __name__ == "__main__":
    main()
