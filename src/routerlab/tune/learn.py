"""Learning from annotations: fit a router's head again with what people labelled, and show what changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from routerlab.annotate.ratings.pinned import asked, shown
from routerlab.core.corpus import Case, Corpus, fold, prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.session.session import Annotation, Session
from routerlab.core.text import plural
from routerlab.engine.contract.router import Router
from routerlab.engine.contract.scaling import label_shares
from routerlab.tune.cases import held_out, overlay_tests, splits, training
from routerlab.tune.choose import Nested, Setting
from routerlab.tune.familiarity import familiarity
from routerlab.tune.features import Reader, Tell, Workbench
from routerlab.tune.fit import STRENGTHS, fit, honest_temperature
from routerlab.tune.offloop import off_loop
from routerlab.tune.plan import Plan
from routerlab.tune.probe import Fitted
from routerlab.tune.promise import in_words
from routerlab.tune.rows import by_corpus, row
from routerlab.tune.run import time_probe
from routerlab.tune.ways import Way
from routerlab.tune.write import write_router

SIXTY, TEST = "in routing60, the held-out test", "test cases, which are never fitted to"
KNOWN, NAMELESS = "in the corpus already", "without a prompt here"
FLAGGED = "flagged for another look"
"""Why annotations are left out."""


@dataclass(frozen=True)
class Change:
    """An annotated prompt whose label changed: what the head says without it and with others like it."""

    prompt: str
    gold: str
    before: str
    after: str


@dataclass(frozen=True)
class Learned:
    """`before` and `after` are accuracies on the same cases, cross-validated: no head was fitted to a case it
    answers, and before to no annotation either."""

    router: Router
    path: Path
    added: int
    before: float
    after: float
    changed: tuple[Change, ...]
    notes: tuple[str, ...]


def annotated(
    sessions: Sequence[tuple[Session, Corpus | None]], pool: Corpus
) -> tuple[list[Case], list[str]]:
    """The labelled prompts of the sessions as cases, and notes on those left out.

    With each session comes its corpus, if that is here. Left out are prompts of the held-out test and of
    overlays' tests, prompts that the pool has, flagged ones, and repeats (the latest label counts).
    """
    tested, kept = {fold(case.prompt) for case in held_out().case}, overlay_tests()
    known = {fold(case.prompt) for case in pool.case}
    found: dict[str, tuple[str, Annotation, str]] = {}
    given: dict[str, dict[str, str]] = {}
    skipped = dict.fromkeys((SIXTY, TEST, KNOWN, FLAGGED, NAMELESS), 0)
    for session, corpus in sessions:
        trials = {trial.id: trial for trial in session.trials}
        for kind, target in session.standing():
            state = session.current(target, kind)
            if state.said is None or state.draft:
                continue
            prompt = None
            if kind == "case":
                prompt = shown(target, session, corpus).prompt
            elif target in trials:
                prompt = asked(trials[target], session, corpus).prompt
            if prompt is None:
                skipped[NAMELESS] += 1
            elif (folded := fold(prompt)) in tested:
                skipped[SIXTY] += 1
            elif prompt_sha256(prompt) in kept:
                skipped[TEST] += 1
            elif folded in known:
                skipped[KNOWN] += 1
            elif state.flagged:
                skipped[FLAGGED] += 1
            else:
                given.setdefault(folded, {})[state.said.annotator] = state.said.label or ""
                if folded not in found or found[folded][1].at <= state.said.at:
                    found[folded] = prompt, state.said, session.header.id
    taken = {case.id for case in pool.case}
    free = (name for n in count(1) if (name := f"annotation-{n}") not in taken)
    cases = [
        Case(
            id=next(free),
            prompt=prompt,
            label=said.label,
            fit=said.fit,
            also=said.also or (),
            author=said.annotator,
            source=source,
        )
        for prompt, said, source in found.values()
    ]
    notes = [f"{plural(n, 'annotation')} left out: {why}" for why, n in skipped.items() if n]
    if split := sum(len(set(labels.values())) > 1 for labels in given.values()):
        notes.append(
            f"{plural(split, 'prompt')} labelled differently by several people: the latest label counts"
        )
    return cases, notes


async def learn(plan: Plan, router: Router, cases: Sequence[Case], tell: Tell) -> Learned:
    """Fit the router's head anew to the plan's cases and these; layer, window and exemplars stay.

    LabError when the router has no head, or there is nothing to learn from.
    """
    if router.head is None:
        raise LabError(f"router {router.name}: has no head to fit: tune the model instead")
    if router.adapter is not None:
        raise LabError(
            f"router {router.name}: its head was trained together with an adapter: put the annotations into "
            "a corpus (`corpus promote`) and run `tune adapter` with that, too"
        )
    base = plan.training
    shown = {fold(shot.prompt) for shot in router.exemplar}  # its features would know its label
    others = [case for case in base.cases if fold(case.prompt) not in shown]
    cases = [case for case in cases if fold(case.prompt) not in shown]
    if not cases:
        raise LabError("there is no annotation to learn from")
    grown = Corpus.model_validate(base.corpus.model_dump() | {"case": (*others, *cases)})
    whole = replace(training(grown, plan.taxonomy, "annotations"), corpora=base.corpora)
    added = {case.id for case in cases}
    window, layer = router.window or 256, router.head.layer
    with Workbench(plan) as bench:
        layers = await bench.layers()
        reader = Reader(bench, whole, layers if layer in layers else (layer,), tell)
        told = {"encoding": router.encoding, "instruction": router.instruction}
        way = Way(plan.spec.model_copy(update=told), router.exemplar)
        await reader.read(way, [window])
        candidates = reader.candidates(float("inf"))
        target, is_new = whole.weighted, np.array([case.id in added for case in whole.cases])
        setting = Setting(0, window, layer, STRENGTHS[0])
        features = candidates.features(setting)
        folds = splits(whole.gold, whole.group, 5, plan.seed)
        before, after = np.zeros(target.shape), np.zeros(target.shape)
        for i, (fitted, tested) in enumerate(folds):
            for rows, logits in ((fitted[~is_new[fitted]], before), (fitted, after)):
                work = partial(fit, features[rows], target[rows], setting.strength)
                logits[tested] = (await off_loop(work)).logits(features[tested])
            tell("cross-validating", i + 1, len(folds))
        t = honest_temperature(after, whole.gold, whole.part)
        linear = await off_loop(lambda: fit(features, target, setting.strength))
        oof = Nested(np.arange(len(whole.gold)), label_shares(after / t), (setting,) * len(folds))
        known, near = familiarity(features, whole.gold, whole.group, plan.seed)
        done = Fitted(setting, linear.tempered(t), oof, whole.gold, [], familiarity=known, familiar=near)
        wider = replace(plan, training=whole, max_error=router.promise.max_error if router.promise else None)
        info, times, _ = await time_probe(wider, bench, candidates, done, way, tell)
        answered = label_shares(after).argmax(axis=1)
        rows_ = [row("probe", whole.gold, whole.hard, answered, oof.shares, list(times.values()))]
        rows_ += by_corpus(whole, oof.rows, oof.shares)
        said = (
            f"The head was fitted to {len(others)} cases of {base.corpus.name} and {int(is_new.sum())} "
            f"annotations; layer, window and exemplars are those of router {router.name}.",
            "The accuracy is cross-validated in 5 folds; layer and window had been chosen before.",
            "routing60 was not read for any of it.",
        )
        new, path = write_router(wider, info, done, way, rows_, (), times, said)
    notes = whole.warnings
    if wider.max_error is not None:
        notes = (*notes, in_words(new.promise, wider.max_error, whole.corpus.name))
    labels, first = whole.labels, label_shares(before).argmax(axis=1)
    changed = tuple(
        Change(whole.cases[i].prompt, labels[whole.gold[i]], labels[first[i]], labels[answered[i]])
        for i in np.flatnonzero(is_new & (first != answered))
    )
    return Learned(
        new,
        path,
        int(is_new.sum()),
        float((first == whole.gold).mean()),
        float((answered == whole.gold).mean()),
        changed,
        notes,
    )
