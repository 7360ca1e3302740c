"""What a model does without a head: the rows that a probe is compared with."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from routerlab.core.corpus import fold
from routerlab.engine.contract.contract import Exemplar
from routerlab.engine.contract.names import Encoding, Untuned
from routerlab.engine.contract.router import Row
from routerlab.engine.contract.scaling import log_shares
from routerlab.tune.answers import Answer
from routerlab.tune.cases import Training, sample, splits, subset
from routerlab.tune.features import Tell, Workbench
from routerlab.tune.fit import Doubles
from routerlab.tune.plan import Plan
from routerlab.tune.rows import by_corpus, row
from routerlab.tune.scores.fit import cross_validated, debiased
from routerlab.tune.ways import Way

JSON_CASES, SCORE_CASES = 60, 120
"""How many cases each of these rows is measured on."""


async def baselines(plan: Plan, bench: Workbench, shots: Sequence[Exemplar], tell: Tell) -> list[Row]:
    """Rows for json and score, on samples of the corpus: zero-shot, with exemplars, calibrated."""
    few = subset(plan.training, sample(plan.training, JSON_CASES, plan.seed))
    rows = [_row("json, zero-shot", few, await asked(bench, "json", (), few, "json, zero-shot", tell))]
    part = score_cases(plan, shots)
    answers = await asked(bench, "score", (), part, "score, zero-shot", tell)
    rows.append(_row("score, zero-shot", part, answers))
    answers = await asked(bench, "score", shots, part, "score with exemplars", tell)
    return [*rows, *score_rows(part, answers, plan.seed)]


def score_cases(plan: Plan, shots: Sequence[Exemplar]) -> Training:
    """The sample that scores are measured on: no exemplar is in it."""
    own = {fold(shot.prompt) for shot in shots}
    picked = sample(plan.training, SCORE_CASES, plan.seed + 1)
    return subset(plan.training, [i for i in picked if fold(plan.training.cases[i].prompt) not in own])


async def asked(
    bench: Workbench,
    contract: Untuned,
    shots: Sequence[Exemplar],
    part: Training,
    what: str,
    tell: Tell,
    encoding: Encoding = "json-name",
) -> list[Answer]:
    """The model's answers to the cases; LabError when it cannot be loaded."""
    async with bench.asker(contract, Way(bench.plan.spec, tuple(shots)), encoding=encoding) as asker:
        return await asker.answers([case.prompt for case in part.cases], None, partial(tell, what))


def logs(part: Training, answers: Sequence[Answer]) -> Doubles:
    """(n, labels) log p of the scored answers."""
    given = [a.prediction.probabilities or {} for a in answers]
    shares = np.array([[own[label] for label in part.labels] for own in given])
    return log_shares(np.log(np.maximum(shares, 1e-30)))


def score_rows(
    part: Training, answers: Sequence[Answer], seed: int, name: str = "score + exemplars"
) -> list[Row]:
    """Rows for scores as they are, debiased without labels, and calibrated (5 folds), in this order; then
    calibrated by corpus, where there are several."""
    scores, folds = logs(part, answers), splits(part.gold, part.group, 5, seed)
    times = [a.prediction.latency_ms.total for a in answers]
    rows = [_row(name, part, answers)]
    for method, shares in (
        (f"{name}, debiased", debiased(scores)),
        (f"{name}, calibrated", cross_validated(scores, part.gold, folds)),
    ):
        rows.append(row(method, part.gold, part.hard, shares.argmax(axis=1), shares, times))
    return rows + by_corpus(part, np.arange(len(part.gold)), shares, method)


def _row(method: str, part: Training, answers: Sequence[Answer]) -> Row:
    labels = [a.prediction.label for a in answers]
    answered = np.array([part.labels.index(x) if x else -1 for x in labels])
    times = [a.prediction.latency_ms.total for a in answers]
    return row(method, part.gold, part.hard, answered, None, times)
