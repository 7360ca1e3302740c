"""Running the taxonomy experiments: read once, fit many heads, and ask again with the best merge."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from routerlab.core.corpus import Corpus
from routerlab.core.taxonomy import Taxonomy
from routerlab.tune.answers import WINDOWS
from routerlab.tune.cases import Training, splits, training
from routerlab.tune.choose import Setting
from routerlab.tune.features import Reader, Tell, Workbench
from routerlab.tune.fit import STRENGTHS, Floats
from routerlab.tune.offloop import off_loop, telling
from routerlab.tune.plan import Plan
from routerlab.tune.taxonomy.experiments import (
    Experiment,
    as_it_is,
    merged_taxonomy,
    merges,
    try_merge,
    try_split,
)
from routerlab.tune.ways import Way


@dataclass(frozen=True)
class Study:
    """The experiments in the order they were made, typical prompts of the halves by split, and the taxonomy
    with the best merge (None when no labels are confused)."""

    experiments: list[Experiment]
    halves: dict[str, tuple[str, str]]
    merged: Taxonomy | None


async def study(plan: Plan, most: int, rerun: bool, tell: Tell) -> Study:
    """Merges and splits on what the model read, then the best merge with the model asked anew."""
    part = plan.training
    features = await _features(plan, tell)
    told = partial(telling(tell), "fitting heads")
    found, pairs = await off_loop(lambda: _fit_all(part, features, plan.seed, most, told))
    if not pairs:
        return found
    tried = found.experiments[1 : 1 + len(pairs)]
    a, b = max(zip(tried, pairs, strict=True), key=lambda x: x[0].kappa)[1]
    merged = merged_taxonomy(plan.taxonomy, a, b)
    if rerun:
        found.experiments.append(await _again(plan, merged, a, b, tell))
    return replace(found, merged=merged)


async def _features(plan: Plan, tell: Tell) -> Floats:
    """(n, features) of the middle one of the layers that tuning tries, at the widest window."""
    with Workbench(plan) as bench:
        layers = await bench.layers()
        reader = Reader(bench, plan.training, layers, tell)
        await reader.read(Way(plan.spec), WINDOWS[:1])
    setting = Setting(0, WINDOWS[0], layers[len(layers) // 2], STRENGTHS[0])
    return reader.candidates(float("inf")).features(setting)


def _fit_all(
    part: Training, features: Floats, seed: int, most: int, told: Callable[[int, int], None]
) -> tuple[Study, list[tuple[int, int]]]:
    """What can be tried with what was read, and the pairs of labels that were merged."""
    folds = splits(part.gold, part.group, 5, seed)
    first, answered = as_it_is("as they are", part, features, folds)
    experiments = [first]
    halves: dict[str, tuple[str, str]] = {}
    present = sorted(set(part.gold.tolist()))
    # Of two labels one would be left, and nothing to tell apart.
    pairs = merges(part.gold, answered, len(part.labels), most) if len(present) > 2 else []
    for i, (a, b) in enumerate(pairs):
        experiments.append(try_merge(part, features, folds, answered, a, b))
        told(i + 1, len(pairs) + len(present))
    for i, label in enumerate(present):
        experiment, typical = try_split(part, features, folds, label, seed)
        experiments.append(experiment)
        halves[experiment.name] = typical
        told(len(pairs) + i + 1, len(pairs) + len(present))
    return Study(experiments, halves, None), pairs


async def _again(plan: Plan, merged: Taxonomy, a: int, b: int, tell: Tell) -> Experiment:
    """The best merge with the merged label in the instruction: the model reads everything anew."""
    new = merged.labels[a]
    old = {plan.taxonomy.labels[a], plan.taxonomy.labels[b]}

    def renamed(label: str | None) -> str | None:
        return new if label in old else label

    cases = [
        case.model_copy(update={"label": renamed(case.label), "also": ()}) for case in plan.training.cases
    ]
    corpus = Corpus.model_validate(plan.training.corpus.model_dump() | {"case": cases})
    part = training(corpus, merged, "the merged corpus")
    features = await _features(replace(plan, taxonomy=merged, training=part), tell)
    folds = splits(part.gold, part.group, 5, plan.seed)
    return (await off_loop(lambda: as_it_is(f"{new}, asked anew", part, features, folds)))[0]
