"""What is compared: two sides, each an arm of a result, case by case. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from routerlab.core.errors import LabError
from routerlab.study.figures.arm import ArmFigures
from routerlab.study.figures.compare import comparisons
from routerlab.study.figures.result import Comparison
from routerlab.study.figures.rows import Row, check_gold, grouped, judged, share_right
from routerlab.study.report.subject import Subject

Kind = Literal["b", "a", "both", "unknown"]
"""Who alone is right; both wrong, in different ways; nobody knows what is right."""
ORDER: tuple[Kind, ...] = ("b", "a", "both", "unknown")


@dataclass(frozen=True)
class Side:
    """An arm of a result."""

    subject: Subject
    arm: str

    @property
    def figures(self) -> ArmFigures | None:
        """What the result says of the arm; None where it is not in it (any more)."""
        return self.subject.analysis.by_name.get(self.arm)

    @property
    def rows(self) -> list[Row]:
        """Its answers, but for those that a person cut short."""
        return [row for row in self.subject.rows if row.arm == self.arm and row.status != "cancelled"]


@dataclass(frozen=True)
class Difference:
    """A case to which the two said something else; labels of repeats are joined."""

    kind: Kind
    case: str
    gold: str | None
    a: str
    b: str
    prompt: str


@dataclass(frozen=True)
class Paired:
    """`figures` is None where no case with a gold label is common to both; `common` counts the cases that
    are, with one or without. `notes` are what a reader should know first."""

    figures: Comparison | None
    common: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()


def paired(a: Side, b: Side) -> Paired:
    """The two sides on the cases that both answered; LabError when a case has one gold label here and another
    there. Within one result the figures are those of its analysis."""
    of_a, of_b = a.rows, b.rows
    notes = []
    if a.subject is b.subject:
        figures = _known(a, b)
        if not of_a or not of_b:
            notes.append("the file has figures only: which cases differ is not in it")
    else:
        check_gold([*of_a, *of_b])
        figures = _between(of_a, of_b, a)
        pins = [side.subject.analysis.source.corpus for side in (a, b)]
        if pins[0] and pins[1] and pins[0].sha256 != pins[1].sha256:
            notes.append("of two corpora: cases are matched by their ids")
    said = [grouped((row.case, row) for row in rows) for rows in (of_a, of_b)]
    common = [case for case in said[0] if case in said[1]]
    prompts = {**b.subject.prompts, **a.subject.prompts}
    found = [one for case in common if (one := _difference(case, said[0][case], said[1][case], prompts))]
    found.sort(key=lambda one: ORDER.index(one.kind))
    return Paired(figures, len(common) or (figures.n if figures else 0), tuple(found), tuple(notes))


def _known(a: Side, b: Side) -> Comparison | None:
    for pair in a.subject.analysis.pairs:
        if (pair.a, pair.b) == (a.arm, b.arm):
            return pair
        if (pair.a, pair.b) == (b.arm, a.arm):
            return turned(pair)
    return None


def turned(pair: Comparison) -> Comparison:
    """The same, seen from the other arm."""
    low, high = (None if end is None else -end for end in (pair.high, pair.low))
    ends = {"low": low, "high": high, "difference": -pair.difference}
    names = {"a": pair.b, "b": pair.a, "only_a": pair.only_b, "only_b": pair.only_a}
    return pair.model_copy(update={**names, **ends})


def _between(of_a: Sequence[Row], of_b: Sequence[Row], a: Side) -> Comparison | None:
    """Of two results, whose arms may have the same name."""
    sides = {"a": [replace(r, arm="a") for r in of_a], "b": [replace(r, arm="b") for r in of_b]}
    means = {name: share_right(cases) for name, rows in sides.items() if (cases := judged(rows))}
    found = comparisons([*sides["a"], *sides["b"]], means, a.subject.analysis.settings)
    return found[0] if found else None


def _difference(
    case: str, of_a: Sequence[Row], of_b: Sequence[Row], prompts: Mapping[str, str]
) -> Difference | None:
    said = [_said(rows) for rows in (of_a, of_b)]
    right = [share_right({case: own})[case] > 0.5 if own else None for own in map(_judged, (of_a, of_b))]
    if said[0] == said[1]:
        return None
    gold = next((row.gold for row in (*of_a, *of_b) if row.gold is not None), None)
    kind: Kind = "both"
    if None in right:
        kind = "unknown"
    elif right[0] != right[1]:
        kind = "a" if right[0] else "b"
    elif right[0]:
        return None  # both are right, and only a repeat differs
    return Difference(kind, case, gold, said[0], said[1], prompts.get(case, ""))


def _judged(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.right is not None]


def _said(rows: Sequence[Row]) -> str:
    """The labels of the repeats, each once."""
    return " | ".join(dict.fromkeys(row.label or f"({row.status})" for row in rows))


def first_two(subject: Subject, chosen: str | None = None) -> tuple[Side, Side]:
    """The arm that is chosen, or the first, and the next one; LabError where there are not two."""
    names = [arm.arm for arm in subject.analysis.arms]
    if len(names) < 2:
        raise LabError("to compare takes two arms that answered; add one, or ask them something")
    a = chosen if chosen in names else names[0]
    return Side(subject, a), Side(subject, next(name for name in names if name != a))
