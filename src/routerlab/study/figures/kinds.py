"""Figures of one kind of prompts at a time: by language, length and source, and where no label fits."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from routerlab.core.statistics.auroc import auroc
from routerlab.core.statistics.calibration import binned, gap, surely_wrong
from routerlab.core.text import plural
from routerlab.study.figures.arm import Apart, Grouping, KindFigures, Settings
from routerlab.study.figures.cases import CaseFacts
from routerlab.study.figures.confidence import Sure
from routerlab.study.figures.labels import Cases, share
from routerlab.study.figures.rows import grouped

LENGTHS = ((15, "below 15 words"), (60, "15 to 59 words"), (250, "60 to 249 words"))
"""Below how many words a prompt has which length; the rest is LONG."""
LONG = "250 words or more"
FITS, UNFIT = "a label fits", "no label fits"
FEW = 5
"""Cases below which a language or source is told together with others as small."""


def length(words: int) -> str:
    """The kind of length that a prompt of so many words has."""
    return next((name for below, name in LENGTHS if words < below), LONG)


def kinds(
    cases: Cases, known: Mapping[str, CaseFacts], found: Sure | None, settings: Settings
) -> tuple[KindFigures, ...]:
    """Of each kind that there are cases of: lengths from short to long, of the others the largest first, with
    those of FEW cases together at the end. A grouping with all cases in one kind is left out, for it says
    nothing new."""
    at = grouped((row.case, i) for i, row in enumerate(found.rows)) if found else {}
    named = {case: dict(_kinds(known[case])) for case in cases if case in known}
    figures: list[KindFigures] = []
    for by, order in _ORDERS.items():
        parts = grouped((of[by], case) for case, of in named.items() if by in of)
        names = sorted(parts, key=lambda name: order.index(name) if order else -len(parts[name]))
        small = [name for name in names if len(parts[name]) < FEW and not order]
        if len(small) > 1:
            rest = plural(len(small), "other")
            parts[rest] = [case for name in small for case in parts.pop(name)]
            names = [*(name for name in names if name in parts), rest]
        for name in names if len(parts) > 1 else ():
            right = [[row.right is True for row in cases[case]] for case in parts[name]]
            accuracy = share(right, settings)
            assert accuracy is not None
            own = np.array([i for case in parts[name] for i in at.get(case, ())], dtype=int)
            sure, hit = (found.confidence[own], found.right[own]) if found else (np.zeros(0), own > 0)
            figures.append(
                KindFigures(
                    by=by,
                    kind=name,
                    accuracy=accuracy,
                    answers=len(own),
                    ece=gap(binned(sure, hit)) if len(own) else None,
                    surely_wrong=surely_wrong(sure, hit),
                )
            )
    return tuple(figures)


_ORDERS: Mapping[Grouping, Sequence[str]] = {
    "language": (),
    "length": (*(name for _, name in LENGTHS), LONG),
    "source": (),
    "fit": (FITS, UNFIT),
}
"""What cases are grouped by, and in which order the kinds come if not by their size."""


def _kinds(facts: CaseFacts) -> Iterator[tuple[Grouping, str]]:
    yield "length", length(facts.words)
    if facts.source is not None:
        yield "source", facts.source
    if facts.language is not None:  # of a corpus, which would say so if no label did
        yield "language", facts.language
        yield "fit", UNFIT if facts.fit else FITS


def apart(cases: Cases, known: Mapping[str, CaseFacts], settings: Settings) -> Apart | None:
    """How well familiarity tells the cases that no label fits from the others; a case has the mean of its
    repeats. None where there are none of either, or familiarity is not told."""
    told = {
        case: [row.familiarity for row in rows if row.familiarity is not None]
        for case, rows in cases.items()
        if case in known
    }
    means = grouped((known[case].fit is not None, sum(of) / len(of)) for case, of in told.items() if of)
    if len(means) < 2:
        return None
    value, ends = auroc(np.array(means[True]), np.array(means[False]), settings.confidence)
    low, high = ends or (None, None)
    return Apart(value=value, low=low, high=high, unfit=len(means[True]), others=len(means[False]))
