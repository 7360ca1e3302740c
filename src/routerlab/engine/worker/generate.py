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
    """The tokens of an answer, and the seconds of the prefill and of what came after it."""

    tokens: list[int] = field(default_factory=list)
    prefill_s: float = 0.0
    generate_s: float = 0.0


@dataclass
class _Slot:
    """A sequence at work: which prompt, the position after its last token, and the token to decode next."""

    prompt: int
    position: int
    token: int
    since: float


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

    Continuous batching: every decode holds one token of each answer in progress and the prompts that begin,
    at most `slots` of them and `room` tokens with all that they may still write.
    """
    written = [Written() for _ in asked]
    waiting = deque(enumerate(asked))
    free = deque(range(1, 1 + slots))
    busy: dict[int, _Slot] = {}
    cost = 0
    while waiting or busy:
        if cancelled():
            raise AbortedError
        tokens = [slot.token for slot in busy.values()]
        positions = [slot.position for slot in busy.values()]
        sequences = [(sequence,) for sequence in busy]
        outputs = list(range(len(tokens)))
        begun = time.perf_counter()
        while waiting and free and (not cost or cost + len(waiting[0][1]) + MAX_NEW_TOKENS <= room):
            i, prompt = waiting.popleft()
            sequence = free.popleft()
            cost += len(prompt) + MAX_NEW_TOKENS
            context.fork(PREFIX, (sequence,))
            tokens += prompt
            positions += range(start, start + len(prompt))
            sequences += [(sequence,)] * len(prompt)
            outputs.append(len(tokens) - 1)
            busy[sequence] = _Slot(i, start + len(prompt) - 1, -1, begun)
        rows = context.decode(tokens, positions, sequences, frozenset(outputs))
        now = time.perf_counter()
        for row, (sequence, slot) in zip(rows, list(busy.items()), strict=True):
            answer = written[slot.prompt]
            if slot.token < 0:
                answer.prefill_s, slot.since = now - slot.since, now
            token = int(row.argmax())
            slot.token, slot.position = token, slot.position + 1
            if not model.ends(token):
                answer.tokens.append(token)
            if model.ends(token) or len(answer.tokens) == MAX_NEW_TOKENS:
                answer.generate_s = time.perf_counter() - slot.since
                cost -= len(asked[slot.prompt]) + MAX_NEW_TOKENS
                context.empty((sequence,))
                del busy[sequence]
                free.append(sequence)
    return written
