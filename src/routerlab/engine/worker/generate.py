"""Writing answers token by token, greedily, several at once where there are slots for them."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from routerlab.engine.contract.contract import MAX_NEW_TOKENS
from routerlab.engine.worker.likelihood import PREFIX
from routerlab.engine.worker.llama import AbortedError, Context, Model


@dataclass
class Written:
    """The tokens of an answer, and the seconds of the prefill and of what came after it. `ended` says that
    the model ended it, and not the limit."""

    tokens: list[int] = field(default_factory=list)
    prefill_s: float = 0.0
    generate_s: float = 0.0
    ended: bool = False


@dataclass
class _Slot:
    """A sequence at work: its answer, what it may cost in cells, where it ends, the position after its last
    token, and the tokens to decode next."""

    answer: Written
    cost: int
    limit: int
    over: Callable[[list[int]], bool] | None
    position: int
    tokens: Sequence[int]
    since: float


class Writer:
    """Continuous batching: every decode holds one token of each answer in progress and the prompts that
    begin, at most `slots` of them and `room` tokens with all that they may still write."""

    def __init__(self, context: Context, model: Model, start: int, slots: int, room: int) -> None:
        """Prompts continue the prefix of `start` tokens."""
        self._context, self._model = context, model
        self._start, self._room = start, room
        self._free = deque(range(1, 1 + slots))
        self._slots: dict[int, _Slot] = {}

    @property
    def busy(self) -> bool:
        """Whether answers are in progress."""
        return bool(self._slots)

    def fits(self, tokens: int, limit: int) -> bool:
        """Whether a prompt of so many tokens can begin now; one alone always can."""
        cost = sum(slot.cost for slot in self._slots.values())
        return bool(self._free) and (not cost or cost + tokens + limit <= self._room)

    def begin(
        self, prompt: Sequence[int], limit: int, over: Callable[[list[int]], bool] | None = None
    ) -> Written:
        """Have the prompt answered from the next step on, with at most `limit` tokens; `over` may end it
        earlier. The answer is filled as it is written."""
        sequence, answer = self._free.popleft(), Written()
        self._context.fork(PREFIX, (sequence,))
        self._slots[sequence] = _Slot(
            answer, len(prompt) + limit, limit, over, self._start, prompt, time.perf_counter()
        )
        return answer

    def drop(self, answer: Written) -> None:
        """Give up an answer in progress."""
        for sequence in [s for s, slot in self._slots.items() if slot.answer is answer]:
            self._empty(sequence)

    def step(self) -> list[Written]:
        """One decode; the answers that are whole with it."""
        tokens: list[int] = []
        positions: list[int] = []
        sequences: list[tuple[int]] = []
        outputs: list[int] = []
        for sequence, slot in self._slots.items():
            tokens += slot.tokens
            positions += range(slot.position, slot.position + len(slot.tokens))
            sequences += [(sequence,)] * len(slot.tokens)
            outputs.append(len(tokens) - 1)
        rows = self._context.decode(tokens, positions, sequences, frozenset(outputs))
        now = time.perf_counter()
        whole = []
        for row, (sequence, slot) in zip(rows, list(self._slots.items()), strict=True):
            answer = slot.answer
            if not answer.prefill_s:
                answer.prefill_s, slot.since = now - slot.since, now
            token = int(row.argmax())
            slot.position, slot.tokens = slot.position + len(slot.tokens), (token,)
            answer.ended = self._model.ends(token)
            if not answer.ended:
                answer.tokens.append(token)
                answer.ended = slot.over is not None and slot.over(answer.tokens)
            if answer.ended or len(answer.tokens) == slot.limit:
                answer.generate_s = time.perf_counter() - slot.since
                self._empty(sequence)
                whole.append(answer)
        return whole

    def _empty(self, sequence: int) -> None:
        self._context.empty((sequence,))
        del self._slots[sequence]
        self._free.append(sequence)


def generate(
    context: Context,
    model: Model,
    start: int,
    asked: Sequence[Sequence[int]],
    slots: int,
    room: int,
    cancelled: Callable[[], bool],
) -> list[Written]:
    """Continue each prompt after the prefix of `start` tokens, to an end token or 128 new ones, as the study
    did: no early stop at the brace. AbortedError when it was cancelled.
    """
    writer = Writer(context, model, start, slots, room)
    waiting = deque(asked)
    written: list[Written] = []
    while waiting or writer.busy:
        if cancelled():
            raise AbortedError
        while waiting and writer.fits(len(waiting[0]), MAX_NEW_TOKENS):
            written.append(writer.begin(waiting.popleft(), MAX_NEW_TOKENS))
        writer.step()
    return written
