"""How well an arm puts labels on cases: accuracy, F1, families, confusion. A case counts once, however often
it was asked: every repeat is its share of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from routerlab.core.statistics.intervals import clopper_pearson, wilson
from routerlab.core.statistics.paired import Doubles, bootstrap_ratio, draw, middle
from routerlab.study.figures.arm import Accuracy, Cell, Determinism, Estimate, LabelScore, Settings, Share
from routerlab.study.figures.rows import UNJUDGED, Row, grouped, share_right

Cases = Mapping[str, Sequence[Row]]
"""The judged rows of each case, one at least (see rows.judged)."""


def share(found: Sequence[Sequence[bool]], settings: Settings) -> Share | None:
    """How often something holds, from what holds of the repeats of each case; None without cases."""
    if not found:
        return None
    hits, n = sum(sum(one) / len(one) for one in found), len(found)
    low, high = wilson(hits, n, settings.confidence)
    by_trial = sum(map(sum, found)) / sum(map(len, found))
    return Share(value=hits / n, hits=hits, n=n, low=low, high=high, by_trial=by_trial)


def answered_error(cases: Cases, settings: Settings) -> Share | None:
    """How often an answer is wrong that was not abstained from; None where there is none.

    The interval is Clopper and Pearson's, each end by itself at the settings' confidence: a limit from one
    side (an error of at most so much) is held or missed with that confidence.
    """
    answered = [[row.right is False for row in rows if not row.abstained] for rows in cases.values()]
    found = share([own for own in answered if own], settings)
    if found is None:
        return None
    low, high = clopper_pearson(found.hits, found.n, 2 * settings.confidence - 1)
    return found.model_copy(update={"low": low, "high": high})


def accuracy(cases: Cases, settings: Settings) -> Accuracy | None:
    """Exact match, with cases weighted equally and with trials weighted equally; None without cases."""
    if not cases:
        return None
    means = list(share_right(cases).values())
    asked = [len(rows) for rows in cases.values()]
    hits = [sum(row.right is True for row in rows) for rows in cases.values()]
    right, n = sum(means), len(means)
    level, resamples, seed = settings.confidence, settings.resamples, settings.seed
    return Accuracy(
        value=right / n,
        right=right,
        n=n,
        wilson=wilson(right, n, level),
        clopper_pearson=clopper_pearson(right, n, level),
        bootstrap=bootstrap_ratio(means, [1.0] * n, level, resamples, seed),
        by_trial=sum(hits) / sum(asked),
        trials=sum(asked),
        by_trial_bootstrap=bootstrap_ratio(hits, asked, level, resamples, seed),
    )


def task_accuracy(cases: Cases, families: Mapping[str, str], settings: Settings) -> Share | None:
    """How often the family of the answer is that of gold, whatever the rest; None without families."""

    def alike(row: Row) -> bool:
        return _family(row.label, families) == _family(row.gold, families)

    return share([list(map(alike, rows)) for rows in cases.values()], settings) if families else None


def _family(label: str | None, families: Mapping[str, str]) -> str | None:
    """The label's family; a label that the taxonomy does not know is its own, none is none."""
    return None if label is None else families.get(label, label)


def family_accuracy(cases: Cases, families: Mapping[str, str], settings: Settings) -> dict[str, Share]:
    """Exact match by the family of the gold label, in the taxonomy's order; only those with cases."""
    right = grouped(
        (_family(rows[0].gold, families), [row.right is True for row in rows]) for rows in cases.values()
    )
    found = {family: share(right.get(family, ()), settings) for family in families.values()}
    return {family: figure for family, figure in found.items() if figure}


def confusion(cases: Cases, labels: Sequence[str]) -> tuple[Cell, ...]:
    """The cells that are not empty: right answers in the order of labels, then wrong ones, busiest first."""
    parts = grouped(
        ((row.gold or "", row.label), (case, 1 / len(rows))) for case, rows in cases.items() for row in rows
    )
    cells = [
        Cell(gold=gold, label=label, n=round(sum(n for _, n in own), 9), cases=tuple(dict(own)))
        for (gold, label), own in parts.items()
    ]
    at = {label: i for i, label in enumerate(labels)}
    last = len(at)
    cells.sort(
        key=lambda c: (
            c.gold != c.label,
            -c.n if c.gold != c.label else 0,
            at.get(c.gold, last),
            at.get(c.label or "", last),
        )
    )
    return tuple(cells)


def label_scores(
    cases: Cases, labels: Sequence[str], settings: Settings
) -> tuple[tuple[LabelScore, ...], Estimate | None]:
    """Precision, recall and F1 of every label, and macro F1: the mean over labels that are gold of a case.

    Intervals bootstrap over cases, two at least. A label that comes in too few of them is undefined in too
    many
    resamples and has none (see middle). In macro F1, where it is gold of no case in a resample, it counts as
    0
    for the low end and as 1 for the high one: it might have been either.
    """
    if not cases:
        return (), None
    counts = _counts(cases, labels)
    hits, given, gold = np.split(counts.sum(axis=0), 3)
    f1 = _f1(hits, given, gold)
    none = np.zeros((0, counts.shape[1]))
    drawn = draw(counts, settings.resamples, settings.seed) if len(cases) > 1 else none
    drawn_hits, drawn_given, drawn_gold = np.split(drawn, 3, axis=1)
    by_label = _f1(drawn_hits, drawn_given, drawn_gold)
    scores = []
    for i, label in enumerate(labels):
        ends = middle(by_label[:, i], settings.confidence) if not np.isnan(f1[i]) else None
        low, high = ends or (None, None)
        scores.append(
            LabelScore(
                label=label,
                support=round(gold[i]),
                precision=_ratio(hits[i], given[i]),
                recall=_ratio(hits[i], gold[i]),
                f1=None if np.isnan(f1[i]) else float(f1[i]),
                low=low,
                high=high,
            )
        )
    is_gold = gold > 1e-12
    sides = [
        middle(np.where(drawn_gold > 1e-12, by_label, unknown)[:, is_gold].mean(axis=1), settings.confidence)
        for unknown in (0.0, 1.0)
    ]
    low, high = (sides[0][0], sides[1][1]) if sides[0] and sides[1] else (None, None)
    return tuple(scores), Estimate(value=float(f1[is_gold].mean()), low=low, high=high)


def _counts(cases: Cases, labels: Sequence[str]) -> Doubles:
    """(cases, 3 labels): of each case the share of repeats that give a label rightly, that give it, and 1 for
    its gold label."""
    at, k = {label: i for i, label in enumerate(labels)}, len(labels)
    counts = np.zeros((len(cases), 3 * k))
    for one, rows in zip(counts, cases.values(), strict=True):
        for row in rows:
            gold = at[row.gold or ""]
            one[2 * k + gold] = 1.0
            if row.label in at:
                one[k + at[row.label]] += 1 / len(rows)
                one[gold] += (row.label == row.gold) / len(rows)
    return counts


def _f1(hits: Doubles, given: Doubles, gold: Doubles) -> Doubles:
    """F1 = 2 hits / (given + gold), NaN for a label that is neither (van Rijsbergen 1979)."""
    both = given + gold
    found: Doubles = np.divide(2 * hits, both, out=np.full_like(both, np.nan), where=both > 1e-12)
    return found


def _ratio(above: float, below: float) -> float | None:
    return float(above / below) if below > 1e-12 else None


def determinism(rows: Sequence[Row]) -> Determinism | None:
    """Whether repeats of a case got the same label ("none" is one too); None where nothing was repeated."""
    said = grouped((row.case, row.label) for row in rows if row.status not in UNJUDGED)
    repeated = {case: labels for case, labels in said.items() if len(labels) > 1}
    if not repeated:
        return None
    changed = tuple(case for case, labels in repeated.items() if len(set(labels)) > 1)
    return Determinism(cases=len(repeated), changed=changed)
