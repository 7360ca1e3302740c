"""What other labels would do: labels merged or split, and heads fitted anew to what the model read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routerlab.core.statistics.reliability import cohen, confusion
from routerlab.core.taxonomy import Label, Taxonomy
from routerlab.tune.cases import Ints, Split, Training
from routerlab.tune.fit import STRENGTHS, Floats, certain, out_of_fold


@dataclass(frozen=True)
class Experiment:
    """A changed taxonomy. `kappa` is agreement with gold beyond chance (Cohen 1960), for fewer labels are
    right more often by chance alone. For a merge `collapsed` is the accuracy of the old heads when their
    answers are merged, for a split that of the new heads when theirs are put together again."""

    name: str
    labels: int
    accuracy: float
    kappa: float
    collapsed: float


def kappa(gold: Ints, answered: Ints) -> float:
    """Cohen's kappa between gold and answers; 1 where there is but one label, and all agree on it."""
    found = cohen(np.stack([gold, answered], axis=1), np.ones((1, len(gold))))
    return 1.0 if np.isnan(found[0]) else float(found[0])


def merges(gold: Ints, answered: Ints, n: int, most: int) -> list[tuple[int, int]]:
    """The pairs that are most often taken for each other, worst first; pairs never confused are left out."""
    table = confusion(gold, answered, n)
    pairs = [(int(table[a, b] + table[b, a]), a, b) for a in range(n) for b in range(a + 1, n)]
    return [(a, b) for count, a, b in sorted(pairs, key=lambda p: -p[0])[:most] if count]


def as_it_is(
    name: str, training: Training, features: Floats, folds: Sequence[Split]
) -> tuple[Experiment, Ints]:
    """The labels as they are, and what heads answered that had not seen the case."""
    gold, n = training.gold, len(training.labels)
    answered = _answered(features, gold, n, folds)
    right = float((answered == gold).mean())
    return Experiment(name, n, right, kappa(gold, answered), right), answered


def try_merge(
    training: Training, features: Floats, folds: Sequence[Split], answered: Ints, a: int, b: int
) -> Experiment:
    """Labels a and b as one: a head fitted anew against the old answers merged."""
    gold, old = np.where(training.gold == b, a, training.gold), np.where(answered == b, a, answered)
    new = _answered(features, gold, len(training.labels), folds)
    return Experiment(
        f"{training.labels[a]} + {training.labels[b]}",
        len(set(gold.tolist())),
        float((new == gold).mean()),
        kappa(gold, new),
        float((old == gold).mean()),
    )


def try_split(
    training: Training, features: Floats, folds: Sequence[Split], label: int, seed: int
) -> tuple[Experiment, tuple[str, str]]:
    """Label `label` as two, by 2-means on its features; also the most typical prompt of each half."""
    from sklearn.cluster import KMeans

    own = np.flatnonzero(training.gold == label)
    scaled = (features[own] - features[own].mean(axis=0)) / (features[own].std(axis=0) + 1e-6)
    found = KMeans(2, n_init=10, random_state=seed).fit(scaled)
    gold, n = training.gold.copy(), len(training.labels)
    gold[own[found.labels_ == 1]] = n
    new = _answered(features, gold, n + 1, folds)
    merged = np.where(new == n, label, new)
    experiment = Experiment(
        f"{training.labels[label]} in two",
        n + 1,
        float((new == gold).mean()),
        kappa(gold, new),
        float((merged == training.gold).mean()),
    )
    one, other = (own[np.argmin(((scaled - c) ** 2).sum(axis=1))] for c in found.cluster_centers_)
    return experiment, (training.cases[one].prompt, training.cases[other].prompt)


def _answered(features: Floats, gold: Ints, n: int, folds: Sequence[Split]) -> Ints:
    return np.asarray(out_of_fold(features, certain(gold, n), STRENGTHS[0], folds).argmax(axis=1))


def merged_taxonomy(taxonomy: Taxonomy, a: int, b: int) -> Taxonomy:
    """The taxonomy with the two labels as one, named after both, with both cues."""
    one, other = taxonomy.label[a], taxonomy.label[b]
    both = Label(
        name=f"{one.name}+{other.name}",
        family=one.family if one.family == other.family else f"{one.family}+{other.family}",
        cue=f"{one.cue}; or {other.cue}",
    )
    labels = [both if i == a else label for i, label in enumerate(taxonomy.label) if i != b]
    changed = {"label": labels, "version": f"{taxonomy.version}+merge"}
    return Taxonomy.model_validate(taxonomy.model_dump() | changed)
