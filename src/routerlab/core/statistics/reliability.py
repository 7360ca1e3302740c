"""How far raters agree: raw, and beyond chance (Cohen, Fleiss, Krippendorff), with bootstrap intervals.

A table is (units, raters) of label indices, -1 where a rater gave none. Every coefficient here is a function
of a table and of weights, (resamples, units): how often each unit counts. It returns a figure for each row of
weights, NaN where it is undefined. With one row of ones it is the coefficient itself; with counts drawn from
a multinomial distribution it is the bootstrap over units.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from routerlab.core.statistics.paired import drawn, middle

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Name = Literal["cohen", "fleiss", "alpha"]
Coefficient = Callable[[Ints, Doubles], Doubles]


@dataclass(frozen=True)
class Figure:
    """A coefficient and its 95 % percentile interval. None where there is nothing to compute it from: no unit
    with two labels, or but one label in use, so that chance agreement is certain."""

    value: float | None
    interval: tuple[float, float] | None


def counts(table: Ints, k: int | None = None) -> Ints:
    """(units, k): how many raters gave each of `k` labels (by default, of those up to the highest index)."""
    k = _labels(table) if k is None else k
    return np.asarray((table[:, :, None] == np.arange(k)).sum(axis=1))


def confusion(a: Ints, b: Ints, k: int) -> Ints:
    """(k, k): how often rater a said the row's label and rater b the column's; units that both labelled."""
    both = (a >= 0) & (b >= 0)
    table = np.zeros((k, k), dtype=np.int64)
    np.add.at(table, (a[both], b[both]), 1)
    return table


def raw(table: Ints, weights: Doubles) -> Doubles:
    """Mean over units of the share of pairs of raters that agree; units with one label do not count."""
    given = counts(table)
    m = given.sum(axis=1)
    paired = m >= 2
    agreed = (given * (given - 1)).sum(axis=1) / np.maximum(m * (m - 1), 1)
    return _ratio(weights @ np.where(paired, agreed, 0.0), weights @ paired.astype(float))


def cohen(table: Ints, weights: Doubles) -> Doubles:
    """Cohen's kappa of two raters over the units that both labelled.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20
    (1960), 37-46: (po - pe) / (1 - pe), pe from each rater's own shares of labels.
    """
    if table.shape[1] != 2:
        raise ValueError("Cohen's kappa is of two raters")
    both = (table >= 0).all(axis=1)
    a, b = np.where(both, table.T, -1)
    k = _labels(table)
    n = weights @ both.astype(float)
    agreed = _ratio(weights @ (both & (a == b)).astype(float), n)
    of_a, of_b = weights @ _one_hot(a, k), weights @ _one_hot(b, k)
    chance = _ratio((of_a * of_b).sum(axis=1), n * n)
    return _ratio(agreed - chance, 1 - chance)


def fleiss(table: Ints, weights: Doubles) -> Doubles:
    """Fleiss' kappa; every unit needs the same number of labels, two at least (all NaN otherwise).

    J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971),
    378-382: chance agreement from the shares of labels over all raters.
    """
    given = counts(table)
    m = given.sum(axis=1)
    if not len(m) or m.min() != m.max() or m[0] < 2:
        return np.full(len(weights), np.nan)
    agreed = raw(table, weights)
    shares = (weights @ given) / (weights.sum(axis=1, keepdims=True) * m[0])
    chance = (shares**2).sum(axis=1)
    return _ratio(agreed - chance, 1 - chance)


def alpha(table: Ints, weights: Doubles) -> Doubles:
    """Krippendorff's alpha for nominal labels; gaps are allowed, units with one label do not count.

    K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C, with the coincidences
    o_cc of pairable labels: ((n - 1) sum o_cc - sum n_c (n_c - 1)) / (n (n - 1) - sum n_c (n_c - 1)).
    """
    given = counts(table)
    m = given.sum(axis=1)
    given = np.where((m >= 2)[:, None], given, 0)
    same = weights @ ((given * (given - 1)).sum(axis=1) / np.maximum(m - 1, 1))
    of_label = weights @ given
    n = of_label.sum(axis=1)
    chance = (of_label * (of_label - 1)).sum(axis=1)
    return _ratio((n - 1) * same - chance, n * (n - 1) - chance)


COEFFICIENTS: Mapping[Name, Coefficient] = {"cohen": cohen, "fleiss": fleiss, "alpha": alpha}


def specific(table: Ints, weights: Doubles) -> Doubles:
    """Positive specific agreement on label 1 of a table of 0 and 1: where a rater says it, how often another
    rater of the unit says it too.

    J. L. Fleiss, "Measuring agreement between two judges on the presence or absence of a trait", Biometrics
    31 (1975), 651-659, for two raters 2a / (2a + b + c); pairs are pooled over units for more.
    """
    given = counts(table, 2)
    ones, m = given[:, 1], given.sum(axis=1)
    return _ratio(weights @ (ones * (ones - 1.0)), weights @ (ones * np.maximum(m - 1.0, 0.0)))


def against_rest(table: Ints, label: int) -> Ints:
    """The table with `label` as 1 and every other label as 0; gaps stay."""
    return np.where(table < 0, -1, (table == label).astype(np.int64))


def choose(table: Ints) -> Name:
    """Which coefficient fits: Cohen's for two raters, Fleiss' for more, Krippendorff's where labels lack."""
    if (table < 0).any():
        return "alpha"
    return "cohen" if table.shape[1] == 2 else "fleiss"


def applies(name: Name, table: Ints) -> bool:
    """Whether the coefficient is meant for such a table at all."""
    raters, given = table.shape[1], set((table >= 0).sum(axis=1).tolist())
    return name == "alpha" or (raters == 2 if name == "cohen" else raters > 2 and len(given) < 2)


def figures(
    coefficients: Mapping[str, Coefficient], table: Ints, resamples: int = 2000, seed: int = 0
) -> dict[str, Figure]:
    """Each coefficient with its percentile bootstrap interval over units (see paired.drawn).

    Units are drawn from those with two labels, the same for all coefficients. There is no interval
    where one is undefined for too many resamples (see paired.middle), or for fewer than two units. The same
    seed and units, in
    whatever order they stand, give the same intervals.
    """
    table = table[(table >= 0).sum(axis=1) >= 2]
    # Units that were labelled alike are alike: it is enough to draw how often each pattern comes.
    patterns, times = np.unique(table, axis=0, return_counts=True)
    values = {name: float(c(patterns, times[None].astype(float))[0]) for name, c in coefficients.items()}
    again: dict[str, list[Doubles]] = {name: [] for name in coefficients}
    for weights in drawn(times, resamples, seed) if len(table) >= 2 else ():
        for name, coefficient in coefficients.items():
            again[name].append(coefficient(patterns, weights.astype(float)))
    return {name: _figure(values[name], again[name]) for name in coefficients}


def _figure(value: float, again: list[Doubles]) -> Figure:
    """The value with the middle 95 % of what it was when drawn again."""
    if np.isnan(value):
        return Figure(None, None)
    return Figure(value, middle(np.concatenate([np.empty(0), *again])))


@dataclass(frozen=True)
class LabelFigures:
    """One label against the rest: how often it was given, the table's coefficient, and specific agreement."""

    times: int
    beyond: Figure
    specific: Figure


@dataclass(frozen=True)
class Reliability:
    """The figures of a table. Of its `units` (those with a label) `paired` have two labels or more; the
    others say nothing. `fits` names the coefficient for such a table; one that does not apply is missing from
    `beyond`. `labels` are in the order of their indices."""

    units: int
    paired: int
    fits: Name
    raw: Figure
    beyond: dict[Name, Figure]
    labels: tuple[LabelFigures, ...]


def reliability(table: Ints, k: int, resamples: int = 2000, seed: int = 0) -> Reliability:
    """All figures of the table, with `k` labels; units without any label are passed over."""
    table = table[(table >= 0).any(axis=1)]
    fits = choose(table)
    kinds: dict[Name, Coefficient] = {n: c for n, c in COEFFICIENTS.items() if applies(n, table)}
    wanted = {"raw": raw} | {str(name): coefficient for name, coefficient in kinds.items()}
    for label in range(k):
        wanted[f"beyond {label}"] = _of(kinds[fits], label)
        wanted[f"specific {label}"] = _of(specific, label)
    found = figures(wanted, table, resamples, seed)
    times = counts(table, k).sum(axis=0)
    return Reliability(
        units=len(table),
        paired=int(((table >= 0).sum(axis=1) >= 2).sum()),
        fits=fits,
        raw=found["raw"],
        beyond={name: found[name] for name in kinds},
        labels=tuple(
            LabelFigures(int(times[i]), found[f"beyond {i}"], found[f"specific {i}"]) for i in range(k)
        ),
    )


def _of(coefficient: Coefficient, label: int) -> Coefficient:
    return lambda table, weights: coefficient(against_rest(table, label), weights)


def _labels(table: Ints) -> int:
    return int(table.max(initial=-1)) + 1


def _one_hot(labels: Ints, k: int) -> Doubles:
    """(units, k): 1 at the label, a row of zeros for a gap."""
    found: Doubles = (labels[:, None] == np.arange(k)).astype(float)
    return found


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    found: Doubles = np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
    return found
