"""Prompts a second: several in one decode, against one by one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from routerlab.bench.open import Tell
from routerlab.bench.rawdata import Run
from routerlab.bench.summary import median
from routerlab.bench.ways import answered, ready
from routerlab.core.prediction import Prediction, Record
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.info import ArmInfo


class Chunk(Record):
    """The seconds that the same prompts took one by one and together, and which of the answers differ.

    `far` is the largest difference of a label's probability, where there are any.
    """

    cases: tuple[str, ...]
    single_s: float
    bulk_s: float
    differing: tuple[str, ...]
    far: float


class ThroughputRun(Run):
    """An arm's chunks; `slots` is how many prompts go into one decode at most."""

    info: ArmInfo
    slots: int
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class ThroughputRow:
    """Prompts a second each way, their ratio (the median over chunks), prompts, equal labels, and the largest
    difference of a probability."""

    single: float
    bulk: float
    ratio: float
    n: int
    equal: int
    far: float


async def measure_throughput(
    single: ModelArm,
    bulk: ModelArm,
    slots: int,
    prompts: Sequence[tuple[str, str]],
    timeout_s: float,
    tell: Tell,
    keep: Callable[[ThroughputRun], None],
) -> None:
    """Ask (case, prompt) chunk by chunk, alternately one by one first and together first.

    `single` and `bulk` are the same arm with one slot and with `slots`. LabError when one cannot be loaded.
    """
    try:
        info = await ready(single)
        await ready(bulk)
        chunks: list[Chunk] = []
        await single.ask(prompts[0][1], timeout_s)  # the first is slower, and not counted
        await bulk.ask_many([prompts[0][1]], timeout_s)
        for start in range(0, len(prompts), slots):
            part = prompts[start : start + slots]
            texts = [text for _, text in part]
            times: dict[bool, float] = {}
            answers: dict[bool, list[Prediction]] = {}
            for together in (True, False) if start // slots % 2 else (False, True):
                begun = time.perf_counter()
                if together:
                    answers[together] = await bulk.ask_many(texts, timeout_s)
                else:
                    answers[together] = [await single.ask(text, timeout_s) for text in texts]
                times[together] = time.perf_counter() - begun
                for prediction in answers[together]:
                    answered(bulk if together else single, prediction)
            pairs = list(zip(part, answers[False], answers[True], strict=True))
            chunks.append(
                Chunk(
                    cases=tuple(case for case, _ in part),
                    single_s=times[False],
                    bulk_s=times[True],
                    differing=tuple(case for (case, _), a, b in pairs if a.label != b.label),
                    far=max(_apart(a, b) for _, a, b in pairs),
                )
            )
            keep(ThroughputRun(name=single.spec.name, info=info, slots=slots, chunks=tuple(chunks)))
            tell(f"{single.spec.name}: prompts", start + len(part), len(prompts))
    finally:
        await single.stop()
        await bulk.stop()


def _apart(a: Prediction, b: Prediction) -> float:
    one, other = a.probabilities or {}, b.probabilities or {}
    return max((abs(one[k] - other[k]) for k in one.keys() & other.keys()), default=0.0)


def throughput_row(run: ThroughputRun) -> ThroughputRow:
    """The figures of a run."""
    n = sum(len(c.cases) for c in run.chunks)
    return ThroughputRow(
        single=n / sum(c.single_s for c in run.chunks),
        bulk=n / sum(c.bulk_s for c in run.chunks),
        ratio=median([c.single_s / c.bulk_s for c in run.chunks]),
        n=n,
        equal=n - sum(len(c.differing) for c in run.chunks),
        far=max(c.far for c in run.chunks),
    )
