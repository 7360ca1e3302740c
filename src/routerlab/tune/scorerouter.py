"""A router for the `score` contract: no head, but label scores that are calibrated or debiased."""

from routerlab.core.errors import LabError
from routerlab.engine.router import Calibration, Router
from routerlab.tune.answers import Answers
from routerlab.tune.baselines import asked, logs, score_cases, score_rows
from routerlab.tune.plan import Plan
from routerlab.tune.reading import Tell, Workbench
from routerlab.tune.scores import fit_scores
from routerlab.tune.write import evidence, new_router, save_toml


async def tune_scores(plan: Plan, recent: int, tell: Tell) -> Router:
    """Measure, fit and write a calibration; with `recent` nothing is fitted, the router debiases itself by so
    many recent prompts. LabError when the model cannot be used."""
    if not plan.shots:
        raise LabError("a score router wants exemplars: name a file with --exemplars")
    store = Answers(plan.store)
    try:
        bench = Workbench(plan.spec, plan.taxonomy, plan.settings, store)
        part = score_cases(plan, plan.shots)
        answers = await asked(bench, "score", plan.shots, part, "score with exemplars", tell)
        asker = bench.asker("score", plan.shots)
        try:
            await asker.start()
            info = asker.arm.state.info
        finally:
            await asker.arm.stop()
    finally:
        store.close()
    assert info is not None
    rows = score_rows(part, answers, plan.seed)
    if recent:
        calibration = Calibration(recent=recent)
        said = f"Nothing was fitted: each label's mean log p over {recent} recent prompts is taken off."
    else:
        temperature, bias = fit_scores(logs(part, answers), part.gold)
        shares = dict(zip(part.labels, (round(float(b), 6) for b in bias), strict=True))
        calibration = Calibration(temperature=round(temperature, 6), bias=shares)
        said = f"Temperature and biases were fitted to {len(part.cases)} cases of {part.corpus.name}."
    router = new_router(
        plan,
        info,
        "score",
        plan.shots,
        evidence(plan, info, rows, (said, "routing60 was not read for any of it.")),
        calibration=calibration,
    )
    save_toml(plan.out, router)
    return router
