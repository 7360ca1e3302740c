"""`routerlab tune MODEL`: everything from reading the pool to the router file, as far as the time goes."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from routerlab.core.corpus import fold
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.router import Router
from routerlab.tune.cases import Training, sample, subset
from routerlab.tune.choose import Candidates
from routerlab.tune.exemplars import draw, exemplars
from routerlab.tune.features import PACE_CASES, Reader, Tell, Workbench
from routerlab.tune.offloop import off_loop, telling
from routerlab.tune.plan import Clock, Plan
from routerlab.tune.probe import Fitted, fit_probe
from routerlab.tune.promise import in_words
from routerlab.tune.rows import by_corpus, row, tried_ways
from routerlab.tune.scores.untuned import baselines
from routerlab.tune.ways import Way
from routerlab.tune.write import seen, write_router

TIMED_CASES = 120
"""How many cases the finished probe is timed on."""

LEAST_CASES, REREAD = 60, 1.5
"""The fewest cases that a budget is cut to, what narrower windows add."""


@dataclass(frozen=True)
class Tuned:
    """What came of it: the router and its file, what nested cross-validation says, what was left out."""

    router: Router
    path: Path
    fitted: Fitted
    notes: tuple[str, ...]


async def tune(plan: Plan, tell: Tell) -> Tuned:
    """Read, fit, time and write. What was read is kept in the store, so a plan goes on where it stopped.

    LabError when the model cannot be used.
    """
    clock = Clock(plan.budget_s)
    notes: list[str] = []
    with Workbench(plan) as bench:
        layers = await bench.layers()
        if bench.header.embedding:  # it reads no exemplars and writes no answers
            plan = replace(plan, shots=(), sets=0, instructions=("full",), baselines=False)
        training = await _affordable(plan, bench, layers, tell, notes)
        plan = replace(plan, training=training)
        reader = await _read(plan, bench, layers, clock, tell, notes)
        candidates = reader.candidates(plan.limit_ms)
        fitted = await off_loop(partial(fit_probe, candidates, training, plan.seed, telling(tell)))
        way = reader.ways[fitted.setting.way]
        info, times, alike = await time_probe(plan, bench, candidates, fitted, way, tell)
        notes.append(f"saved and fresh answers of the finished probe: {alike} of {len(times)} alike")
        rows = []
        if not plan.baselines or not clock.allows():
            notes.append("json and score were not measured" + (": the budget is spent" * plan.baselines))
        else:
            rows = await baselines(plan, bench, plan.shots, tell)
    tested, shares = subset(training, fitted.oof.rows), fitted.oof.shares
    timed = list(times.values())
    rows.append(row("probe", tested.gold, tested.hard, shares.argmax(axis=1), shares, timed))
    rows += by_corpus(training, fitted.oof.rows, shares)
    tried = tried_ways(reader, candidates, fitted.choosing) if fitted.choosing else ()
    said = seen(training, fitted, plan.layer)
    router, path = write_router(plan, info, fitted, way, rows, tried, times, said)
    if plan.max_error is not None:
        notes.append(in_words(router.promise, plan.max_error, training.corpus.name))
    return Tuned(router, path, fitted, tuple(notes))


async def _affordable(
    plan: Plan, bench: Workbench, layers: tuple[int, ...], tell: Tell, notes: list[str]
) -> Training:
    """The cases that half the budget suffices to read, judged by a few: all, or a sample of each label."""
    if plan.budget_s is None:
        return plan.training
    order = sample(plan.training, len(plan.training.cases), plan.seed)
    few = [plan.training.cases[i].prompt for i in order[:PACE_CASES]]
    async with bench.asker("probe", Way((plan.files or (plan.spec,))[0]), layers) as asker:
        answers = []
        for prompt in few:  # now: what is kept may be of another machine
            answers.append(await asker.fresh(prompt, max(plan.windows)))
            tell("finding the pace", len(answers), len(few))
    pace_s = sum(a.prediction.latency_ms.total for a in answers) / len(answers) / 1000
    n = int(plan.budget_s / 2 / (pace_s * REREAD))
    if n >= len(plan.training.cases):
        return plan.training
    n = max(n, LEAST_CASES)
    notes.append(
        f"the budget suffices for about {n} of {len(plan.training.cases)} cases: only those were read"
    )
    return subset(plan.training, sorted(sample(plan.training, n, plan.seed)))


async def _read(
    plan: Plan, bench: Workbench, layers: tuple[int, ...], clock: Clock, tell: Tell, notes: list[str]
) -> Reader:
    """Read the corpus: with every model file, without exemplars; then with the quickest of them under shorter
    instructions, with the shipped exemplars, and with sets drawn from the corpus."""
    reader = Reader(bench, plan.training, layers, tell)
    for spec in plan.files or (plan.spec,):
        first = spec.model_copy(update={"instruction": plan.instructions[0]})
        await reader.read(Way(first), plan.windows)
    spec = reader.quickest().spec
    ways = [Way(spec.model_copy(update={"instruction": i})) for i in plan.instructions[1:]]
    if plan.shots:  # which may be cases, too: these are not judged by what was told their labels
        shown = {fold(shot.prompt) for shot in plan.shots}
        own = [i for i, case in enumerate(plan.training.cases) if fold(case.prompt) in shown]
        ways.append(Way(spec, plan.shots, tuple(own)))
    for number in range(plan.sets):
        rows = draw(plan.training, reader.tokens, plan.seed + number)
        ways.append(Way(spec, exemplars(plan.training, rows), tuple(rows)))
    for number, way in enumerate(ways):
        if not clock.allows(reader.seconds * 1.5):
            notes.append(f"{len(ways) - number} ways to ask were not tried: the budget is spent")
            break
        await reader.read(way, plan.windows)
    return reader


async def time_probe(
    plan: Plan,
    bench: Workbench,
    candidates: Candidates,
    fitted: Fitted,
    way: Way,
    tell: Tell,
) -> tuple[ArmInfo, dict[int, float], int]:
    """Ask a sample anew, reading the chosen layer alone: facts of the arm, times (ms) by row, how many
    answers are the same as from the features that were kept."""
    setting = fitted.setting
    rows = sample(plan.training, TIMED_CASES, plan.seed)
    kept = candidates.features(setting)
    times: dict[int, float] = {}
    alike = 0
    async with bench.asker("probe", way, (setting.layer,)) as asker:
        info = await asker.start()
        for i, which in enumerate(rows):
            answer = await asker.fresh(plan.training.cases[which].prompt, setting.window)
            times[which] = answer.prediction.latency_ms.total
            assert answer.features is not None
            again, before = fitted.linear.shares(answer.features), fitted.linear.shares(kept[[which]])
            alike += int(again.argmax() == before.argmax())
            tell("timing the probe", i + 1, len(rows))
    return info, times, alike
