"""`routerlab tune MODEL`: everything from reading the pool to the router file, as far as the time goes."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arm import ArmInfo, ArmSpec, Untuned
from routerlab.engine.contract import Exemplar
from routerlab.engine.router import Router, Row
from routerlab.models.gguf import read_header
from routerlab.settings import Settings
from routerlab.tune.answers import WINDOWS, Answer, Answers
from routerlab.tune.cases import Training, sample, splits, subset
from routerlab.tune.choose import Candidates, Setting
from routerlab.tune.exemplars import draw, exemplars
from routerlab.tune.fit import Floats
from routerlab.tune.fitted import Fitted, fit_probe
from routerlab.tune.reading import Reader, Tell, Workbench, layers_of
from routerlab.tune.rows import row
from routerlab.tune.scores import cross_validated, debiased, logs_of
from routerlab.tune.write import seen, write_router

JSON_CASES, SCORE_CASES, TIMED_CASES = 60, 120, 120
"""How many cases the rows to compare with are measured on, and the finished probe is timed on."""


@dataclass(frozen=True)
class Plan:
    """What is to be tuned. `shots` are the exemplars that ship; `sets` more are drawn from the corpus.

    `budget_s` bounds the time: what does not fit is left out and said. `limit_ms` is the P95 a window may
    have. `command` is written into the router, so that others can do it again.
    """

    name: str
    spec: ArmSpec
    taxonomy: Taxonomy
    training: Training
    shots: tuple[Exemplar, ...]
    settings: Settings
    out: Path
    store: Path
    command: str
    sets: int = 1
    windows: tuple[int, ...] = WINDOWS
    seed: int = 0
    budget_s: float | None = None
    limit_ms: float = 2000.0
    baselines: bool = True


@dataclass(frozen=True)
class Tuned:
    """What came of it: the router and its file, what nested cross-validation says, what was left out."""

    router: Router
    path: Path
    fitted: Fitted
    notes: tuple[str, ...]


class Clock:
    """How much of the budget is left."""

    def __init__(self, budget_s: float | None) -> None:
        self._end = None if budget_s is None else time.monotonic() + budget_s

    def allows(self, seconds: float = 0.0) -> bool:
        """Whether so many seconds are left."""
        return self._end is None or time.monotonic() + seconds < self._end


async def tune(plan: Plan, tell: Tell) -> Tuned:
    """Read, fit, time and write. What was read is kept in the store, so a plan goes on where it stopped.

    LabError when the model cannot be used.
    """
    training, clock = plan.training, Clock(plan.budget_s)
    notes = list(training.warnings)
    store = Answers(plan.store)
    try:
        bench = Workbench(plan.spec, plan.taxonomy, plan.settings, store)
        reader, usable = await _read(plan, bench, clock, tell, notes)
        candidates = reader.candidates(plan.limit_ms)
        fitted = await _off_loop(candidates, training, usable, plan.seed, tell)
        setting = fitted.choice.setting
        shots = reader.shots[setting.exemplars]
        info, times, alike = await time_probe(plan, bench, candidates, fitted, shots, tell)
        notes.append(f"saved and fresh answers of the finished probe: {alike} of {len(times)} alike")
        rows = []
        if not plan.baselines or not clock.allows():
            notes.append("json and score were not measured" + (": the budget is spent" * plan.baselines))
        else:
            rows = await _baselines(plan, bench, shots, tell)
        tested = fitted.oof.rows
        answered = fitted.oof.shares.argmax(axis=1)
        hard = training.hard[tested]
        timed = list(times.values())
        rows.append(row("probe", training.gold[tested], hard, answered, fitted.oof.shares, timed, True))
        router, path = write_router(plan, info, fitted, shots, rows, times, seen(training, fitted))
    finally:
        store.close()
    return Tuned(router, path, fitted, tuple(notes))


async def _read(
    plan: Plan, bench: Workbench, clock: Clock, tell: Tell, notes: list[str]
) -> tuple[Reader, NDArray[np.bool_]]:
    """Read the corpus with the shipped exemplars and with sets drawn from it; `usable[set, row]` is false for
    a set's own exemplars."""
    header = await asyncio.to_thread(read_header, plan.spec.model)
    if not header.n_layers or header.n_layers < 3:
        raise LabError(f"{plan.spec.model}: has too few layers to be probed")
    reader = Reader(bench, plan.training, layers_of(header.n_layers), tell)
    await reader.read(plan.shots, plan.windows)
    usable = [np.ones(len(plan.training.cases), dtype=bool)]
    for number in range(plan.sets):
        if not clock.allows(reader.seconds * 1.5):
            notes.append(f"{plan.sets - number} exemplar sets were not tried: the budget is spent")
            break
        rows = draw(plan.training, reader.tokens, plan.seed + number)
        usable.append(np.ones(len(plan.training.cases), dtype=bool))
        usable[-1][rows] = False
        await reader.read(exemplars(plan.training, rows), plan.windows)
    return reader, np.stack(usable)


async def _off_loop(
    candidates: Candidates, training: Training, usable: NDArray[np.bool_], seed: int, tell: Tell
) -> Fitted:
    loop = asyncio.get_running_loop()

    def told(what: str, done: int, total: int) -> None:
        loop.call_soon_threadsafe(tell, what, done, total)

    return await asyncio.to_thread(fit_probe, candidates, training, usable, seed, told)


async def time_probe(
    plan: Plan,
    bench: Workbench,
    candidates: Candidates,
    fitted: Fitted,
    shots: Sequence[Exemplar],
    tell: Tell,
) -> tuple[ArmInfo, dict[int, float], int]:
    """Ask a sample anew, reading the chosen layer alone: facts of the arm, times (ms) by row, how many
    answers are the same as from the features that were kept."""
    setting: Setting = fitted.choice.setting
    rows = sample(plan.training, TIMED_CASES, plan.seed)
    kept: Floats = candidates.features(setting)
    asker = bench.asker("probe", shots, (setting.layer,))
    times: dict[int, float] = {}
    alike = 0
    try:
        await asker.start()
        info = asker.arm.state.info
        assert info is not None
        for i, which in enumerate(rows):
            answer = await asker.fresh(plan.training.cases[which].prompt, setting.window)
            times[which] = answer.prediction.latency_ms.total
            assert answer.features is not None
            again, before = fitted.linear.logits(answer.features), fitted.linear.logits(kept[[which]])
            alike += int(again.argmax() == before.argmax())
            tell("timing the probe", i + 1, len(rows))
    finally:
        await asker.arm.stop()
    return info, times, alike


async def _baselines(plan: Plan, bench: Workbench, shots: Sequence[Exemplar], tell: Tell) -> list[Row]:
    """What the model does without a head, on samples of the corpus: json, score, exemplars, calibration."""
    training = plan.training

    async def asked(contract: Untuned, own: Sequence[Exemplar], part: Training, what: str) -> list[Answer]:
        def told(done: int, total: int) -> None:
            tell(what, done, total)

        asker = bench.asker(contract, own)
        try:
            return await asker.answers([case.prompt for case in part.cases], None, told)
        finally:
            await asker.arm.stop()

    def plain(method: str, part: Training, answers: Sequence[Answer]) -> Row:
        labels = [a.prediction.label for a in answers]
        answered = np.array([training.labels.index(x) if x else -1 for x in labels])
        times = [a.prediction.latency_ms.total for a in answers]
        return row(method, part.gold, part.hard, answered, None, times, True)

    few = subset(training, sample(training, JSON_CASES, plan.seed))
    rows = [plain("json, zero-shot", few, await asked("json", (), few, "json, zero-shot"))]
    own = {shot.prompt for shot in shots}
    picked = sample(training, SCORE_CASES, plan.seed + 1)
    part = subset(training, [i for i in picked if training.cases[i].prompt not in own])
    rows.append(plain("score, zero-shot", part, await asked("score", (), part, "score, zero-shot")))
    answers = await asked("score", shots, part, "score with exemplars")
    rows.append(plain("score + exemplars", part, answers))
    logs = logs_of([a.prediction.probabilities or {} for a in answers], training.labels)
    times = [a.prediction.latency_ms.total for a in answers]
    folds = list(splits(part.gold, part.group, 5, plan.seed))
    for method, shares in (
        ("score + exemplars, debiased", debiased(logs)),
        ("score + exemplars, calibrated", cross_validated(logs, part.gold, folds)),
    ):
        rows.append(row(method, part.gold, part.hard, shares.argmax(axis=1), shares, times, True))
    return rows
