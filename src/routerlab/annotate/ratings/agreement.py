"""Who rates in the sessions, how far they agree, and what is left to adjudicate."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from routerlab.annotate.ratings.unit import Collected, Unit
from routerlab.core.errors import LabError
from routerlab.core.statistics.reliability import (
    Figure,
    Ints,
    Reliability,
    cohen,
    confusion,
    figures,
    raw,
    reliability,
)


@dataclass(frozen=True)
class Rater:
    """Who labels: an annotator, a model, or the corpus. `name` is unique; `key` is what the files have."""

    name: str
    key: str
    kind: Literal["annotator", "model", "gold"]

    def label(self, unit: Unit, blind: bool = False) -> str | None:
        """The rater's label of the unit; with `blind` an annotator's last one with nothing shown before."""
        if self.kind == "gold":
            return unit.gold
        if self.kind == "model":
            return unit.models.get(self.key)
        rating = unit.ratings.get(self.key)
        if rating is None:
            return None
        return rating.blind if blind else rating.label


@dataclass(frozen=True)
class Spoken:
    """How much a rater labelled, and how much of that after models' suggestions or after the reveal."""

    rater: Rater
    labelled: int
    suggested: int
    revealed: int


@dataclass(frozen=True)
class PairFigures:
    """Two raters over the `n` units that both labelled."""

    a: str
    b: str
    n: int
    raw: Figure
    kappa: Figure


@dataclass(frozen=True)
class Dispute:
    """A unit that annotators label differently, or that somebody flagged; `labels` are by rater."""

    unit: Unit
    labels: dict[str, str]


@dataclass(frozen=True)
class Agreement:
    """Figures of raters. `rows` holds the label of each unit (row) by each rater in order, as an index of
    `labels`, -1 for none; `pairs` is empty for two raters. `disputes` are the open ones; `decided` counts the
    others. `fit` are the figures of annotators on whether any label fits, with label 1 for none; None where
    nobody said that none does, or but one annotator is among the raters."""

    spoken: tuple[Spoken, ...]
    labels: tuple[str, ...]
    rows: Ints
    figures: Reliability
    pairs: tuple[PairFigures, ...]
    disputes: tuple[Dispute, ...]
    decided: int
    fit: Reliability | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the figures cannot say, a line each."""
        figures, notes = self.figures, []
        if not figures.paired:
            notes.append("no prompt was labelled by two of these raters: there is no agreement to measure")
        elif figures.beyond[figures.fits].value is None:
            notes.append("only one label was given: agreement beyond chance is undefined")
        elif figures.raw.value == 1:
            n = figures.paired
            notes.append(
                f"all agree on all {n} prompts, so that resampling them shows no spread: that would still "
                f"happen once in 20 times if they agreed on {0.05 ** (1 / n):.2f} of all such prompts"
            )
        return tuple(notes)

    def confusion(self, a: str, b: str) -> Ints:
        """(labels, labels): how often rater a said the row's label and b the column's."""
        names = [spoken.rater.name for spoken in self.spoken]
        return confusion(self.rows[:, names.index(a)], self.rows[:, names.index(b)], len(self.labels))


def raters(collected: Collected, models: bool = False, gold: bool = False) -> list[Rater]:
    """Everybody who gave a label: annotators, then models and the corpus's gold labels where wanted.

    LabError when gold labels are wanted and none is known.
    """
    found = [Rater(name, name, "annotator") for name in collected.annotators]
    if models:
        found += [Rater(_apart(arm, found, "model"), arm, "model") for arm in collected.arms]
    if gold:
        if not any(unit.gold for unit in collected.units.values()):
            raise LabError(
                "--gold: no gold label is known for these prompts; name their corpus with --corpus"
            )
        found.append(Rater(_apart("gold", found, "corpus"), "gold", "gold"))
    return found


def _apart(name: str, others: Sequence[Rater], kind: str) -> str:
    return f"{name} ({kind})" if any(other.name == name for other in others) else name


def chosen(there: Sequence[Rater], names: Sequence[str]) -> list[Rater]:
    """The raters of these names, all if none is named; LabError for an unknown one, or fewer than two."""
    known = {rater.name: rater for rater in there}
    for name in names:
        if name not in known:
            raise LabError(f"no rater {name!r}; there are: {', '.join(known) or 'none'}")
    found = [known[name] for name in dict.fromkeys(names)] if names else list(there)
    if not found:
        raise LabError("nobody submitted a label in these sessions; agreement needs two raters")
    if len(found) < 2:
        raise LabError(
            f"agreement needs two raters, and {found[0].name} is alone: name another annotator's session, or "
            "count the models (--models) or the gold labels (--gold) as raters"
        )
    return found


def agreement(
    collected: Collected, by: Sequence[Rater], blind: bool = False, resamples: int = 2000, seed: int = 0
) -> Agreement:
    """How far these raters agree, over all units that one of them labelled."""
    said = [[rater.label(unit, blind) for rater in by] for unit in collected.units.values()]
    used = {label for row in said for label in row}
    labels = tuple(label for label in collected.labels if label in used)
    labels += tuple(sorted(one for one in used if one and one not in labels))  # blind, by an older taxonomy
    index = {label: i for i, label in enumerate(labels)}
    indices = [[-1 if label is None else index[label] for label in row] for row in said]
    rows = np.array(indices, dtype=np.int64).reshape(-1, len(by))
    pairs = list(combinations(zip(by, rows.T, strict=True), 2)) if len(by) > 2 else []
    disputes = [d for unit in collected.units.values() if (d := _dispute(unit, by, blind))]
    return Agreement(
        tuple(_spoken(rater, collected, blind) for rater in by),
        labels,
        rows,
        reliability(rows, len(labels), resamples, seed),
        tuple(_pair(a, b, np.stack([x, y], axis=1), resamples, seed) for (a, x), (b, y) in pairs),
        tuple(d for d in disputes if not d.unit.decisions),
        sum(len(d.unit.decisions) > 0 for d in disputes),
        _fit(collected, [rater.key for rater in by if rater.kind == "annotator"], blind, resamples, seed),
    )


def _fit(
    collected: Collected, annotators: Sequence[str], blind: bool, resamples: int, seed: int
) -> Reliability | None:
    """How far annotators agree on whether any label fits."""

    def said(unit: Unit, name: str) -> int:
        rating = unit.ratings.get(name)
        if rating is None or (blind and rating.blind is None):
            return -1
        return int((rating.blind_fit if blind else rating.fit) is not None)

    rows = np.array(
        [[said(u, name) for name in annotators] for u in collected.units.values()], dtype=np.int64
    )
    if len(annotators) < 2 or not (rows == 1).any():
        return None
    return reliability(rows, 2, resamples, seed)


def _pair(a: Rater, b: Rater, rows: Ints, resamples: int, seed: int) -> PairFigures:
    found = figures({"raw": raw, "kappa": cohen}, rows, resamples, seed)
    return PairFigures(a.name, b.name, int((rows >= 0).all(axis=1).sum()), found["raw"], found["kappa"])


def _spoken(rater: Rater, collected: Collected, blind: bool) -> Spoken:
    units = [unit for unit in collected.units.values() if rater.label(unit, blind) is not None]
    seen = [u.ratings[rater.key].seen for u in units if rater.kind == "annotator" and not blind]
    return Spoken(rater, len(units), seen.count("suggestion"), seen.count("reveal"))


def _dispute(unit: Unit, by: Sequence[Rater], blind: bool) -> Dispute | None:
    labels = {rater.name: label for rater in by if (label := rater.label(unit, blind)) is not None}
    given = {labels[rater.name] for rater in by if rater.kind == "annotator" and rater.name in labels}
    return Dispute(unit, labels) if len(given) > 1 or unit.flagged else None
