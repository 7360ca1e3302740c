"""A router for the `score` contract: no head, but an encoding, and label scores calibrated or debiased."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import sqrt

from routerlab.core.errors import LabError
from routerlab.engine.contract.encoding import DESCRIBED
from routerlab.engine.contract.names import Encoding
from routerlab.engine.contract.router import Calibration, Router, Row
from routerlab.tune.features import Tell, Workbench
from routerlab.tune.plan import Plan
from routerlab.tune.scores.fit import fit_scores
from routerlab.tune.scores.untuned import asked, logs, score_cases, score_rows
from routerlab.tune.ways import Way
from routerlab.tune.write import new_router, save_toml


async def tune_scores(plan: Plan, encodings: Sequence[Encoding], recent: int, tell: Tell) -> Router:
    """Measure the encodings, choose one, fit and write a calibration; with `recent` nothing is fitted, the
    router debiases itself by so many recent prompts. LabError when the model cannot be used."""
    if not plan.shots:
        raise LabError("a score router wants exemplars: name a file with --exemplars")
    part = score_cases(plan, plan.shots)
    answers, rows = {}, {}
    with Workbench(plan) as bench:
        for encoding in encodings:
            what = f"score + exemplars ({DESCRIBED[encoding]})"
            answers[encoding] = await asked(bench, "score", plan.shots, part, what, tell, encoding)
            rows[encoding] = score_rows(part, answers[encoding], plan.seed, what)
        chosen = best({encoding: own[1 if recent else 2] for encoding, own in rows.items()})
        async with bench.asker("score", Way(plan.spec, plan.shots), encoding=chosen) as asker:
            info = await asker.start()
    if recent:
        calibration = Calibration(recent=recent)
        said = f"Nothing was fitted: each label's mean log p over {recent} recent prompts is taken off."
    else:
        temperature, bias = fit_scores(logs(part, answers[chosen]), part.gold)
        shares = dict(zip(part.labels, (round(float(b), 6) for b in bias), strict=True))
        calibration = Calibration(temperature=round(temperature, 6), bias=shares)
        said = f"Temperature and biases were fitted to {len(part.cases)} cases of {part.corpus.name}."
    seen = [said, "routing60 was not read for any of it."]
    if len(encodings) > 1:
        seen.insert(0, f"The encoding ({DESCRIBED[chosen]}) was chosen with the cases of the rows above.")
    router = new_router(
        replace(plan, spec=plan.spec.model_copy(update={"encoding": chosen})),
        info,
        plan.shots,
        [row for own in rows.values() for row in own],
        seen,
        calibration=calibration,
    )
    save_toml(plan.out, router)
    return router


def best(rows: Mapping[Encoding, Row]) -> Encoding:
    """The quickest of the encodings whose accuracy is within a standard error of the best one's."""
    top = max(row.accuracy for row in rows.values())
    error = {encoding: sqrt(top * (1 - top) / row.n) for encoding, row in rows.items()}
    good = [encoding for encoding, row in rows.items() if row.accuracy >= top - error[encoding]]
    return min(good, key=lambda encoding: rows[encoding].p50 or 0.0)
