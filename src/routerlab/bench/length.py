"""Cost against prompt length, with the routing window and without."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from routerlab.bench.open import Tell
from routerlab.bench.rawdata import Run
from routerlab.bench.summary import median
from routerlab.bench.ways import answered, ready
from routerlab.core.prediction import Record, Status
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.info import ArmInfo

LENGTHS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4000)
"""Tokens of the prompts."""

CONTEXT = 8192
"""Tokens of context: the longest prompt after any prefix, where the model was trained with so many."""

WINDOW = 256
"""The routing window of an arm that has none of its own."""

TIMEOUT_S = 600.0
"""How long a prompt of thousands of tokens may take on a slow machine."""

WORDS = "the of and to in is you that it for on are with as they be"
"""Words that are one token each, in vocabularies of every kind: what they say does not change the cost."""


class LengthSample(Record):
    """One question of about `tokens` tokens; `window` 0 means that it was read whole.

    `evaluated` counts the tokens that were decoded: what was left of the prompt, and the framing.
    """

    tokens: int
    window: int
    repeat: int
    status: Status
    ms: float
    evaluated: int
    error: str | None


class LengthRun(Run):
    """An arm's questions."""

    info: ArmInfo
    window: int
    samples: tuple[LengthSample, ...]


@dataclass(frozen=True)
class LengthRow:
    """Medians in milliseconds of one length; None where the prompt was refused."""

    tokens: int
    whole: float | None
    windowed: float | None


def prompt_of(tokens: int) -> str:
    """A prompt of so many words."""
    return " ".join(islice(cycle(WORDS.split()), tokens))


async def measure_length(
    arm: ModelArm,
    window: int | None,
    lengths: Sequence[int],
    repeats: int,
    timeout_s: float,
    tell: Tell,
    keep: Callable[[LengthRun], None],
) -> None:
    """Ask prompts of every length, whole and through the window (by default the router's own).

    `keep` gets what there is after every question. LabError when the arm cannot be loaded, or dies.
    """
    try:
        info = await ready(arm)
        width = window or info.window or WINDOW
        rng = random.Random(0)
        asked = [
            (tokens, some, repeat)
            for repeat in range(1, repeats + 1)
            for tokens, some in rng.sample([(t, w) for t in lengths for w in (0, width)], 2 * len(lengths))
        ]
        samples: list[LengthSample] = []
        await arm.measure(prompt_of(lengths[0]), "steps", timeout_s)  # the first is slower, and not counted
        for done, (tokens, some, repeat) in enumerate(asked, 1):
            prediction, _ = await arm.measure(prompt_of(tokens), "steps", timeout_s, some)
            answered(arm, prediction)
            samples.append(
                LengthSample(
                    tokens=tokens,
                    window=some,
                    repeat=repeat,
                    status=prediction.status,
                    ms=prediction.latency_ms.total,
                    evaluated=prediction.tokens.evaluated,
                    error=prediction.error if prediction.status == "refused" else None,
                )
            )
            keep(LengthRun(name=arm.spec.name, info=info, window=width, samples=tuple(samples)))
            tell(f"{arm.spec.name}: prompts", done, len(asked))
    finally:
        await arm.stop()


def length_rows(run: LengthRun) -> list[LengthRow]:
    """The medians, by length."""

    def p50(tokens: int, window: int) -> float | None:
        some = [s for s in run.samples if (s.tokens, s.window) == (tokens, window) and s.status != "refused"]
        return median([s.ms for s in some]) if some else None

    lengths = sorted({s.tokens for s in run.samples})
    return [LengthRow(n, p50(n, 0), p50(n, run.window)) for n in lengths]
