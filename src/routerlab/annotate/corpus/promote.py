"""Which labels of saved sessions become cases of a corpus, and which do not, and why. No file is touched."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import count
from typing import Literal

from routerlab.annotate.ratings.unit import Collected, Decision, Rating, Unit
from routerlab.core.corpus import Annotated, Case, Fit, fold
from routerlab.core.errors import LabError
from routerlab.core.similar import NEAR_REPORT, near_pairs
from routerlab.core.taxonomy import Taxonomy

START = 50
"""Characters of a prompt that name it in a message."""


@dataclass(frozen=True)
class Promotion:
    """What promoting comes to.

    `added` are new cases; `filled`, by their index, cases of the corpus that had no label and now have one.
    `refused` says, a line each, what contradicts the corpus, the taxonomy or another annotator; `left_out`
    what is not ready; `near` which new cases are near duplicates.
    """

    added: tuple[Case, ...]
    filled: dict[int, Case]
    refused: tuple[str, ...]
    left_out: tuple[str, ...]
    near: tuple[str, ...]


def promotion(
    collected: Collected,
    cases: Sequence[Case],
    taxonomy: Taxonomy,
    held_out: Mapping[str, str],
    prefix: str,
    least: int = 1,
) -> Promotion:
    """What the sessions' labels add to a corpus of `cases`: those that at least `least` annotators submitted
    and all agree on, or that an adjudicator decided.

    `held_out` are prompts that no corpus may learn (folded), and the names of their cases. New ids are
    `prefix`-NNN, from the next free number; LabError when the prefix cannot be one.
    """
    if not re.fullmatch(r"[^\s\[\]]{1,48}", prefix):
        raise LabError(f"--prefix {prefix}: 1 to 48 characters, no white space and no brackets")
    there = {fold(case.prompt): i for i, case in enumerate(cases)}
    ids = _ids(prefix, cases)
    added: list[Case] = []
    filled: dict[int, Case] = {}
    refused: list[str] = []
    left_out: list[str] = []
    for unit in collected.units.values():
        if not unit.ratings and not unit.decisions:
            continue
        old = cases[there[unit.key]] if unit.key in there else None
        if reason := _unready(unit, least):
            left_out.append(f"{_named(unit)}: {reason}")
        elif reason := _objection(unit, old, taxonomy, held_out):
            refused.append(f"{_named(unit)}: {reason}")
        elif old is not None:
            new = {key: v for key, v in _facts(unit, taxonomy).items() if key not in old.model_fields_set}
            filled[there[unit.key]] = old.model_copy(update=new)
        else:
            added.append(
                Case.model_validate({"id": next(ids), "prompt": unit.prompt, **_facts(unit, taxonomy)})
            )
    near = _near([*cases, *added], len(cases))
    return Promotion(tuple(added), filled, tuple(refused), tuple(left_out), near)


def default_prefix(name: str) -> str:
    """The corpus's name as the beginning of ids: in capitals, and what an id may not hold as a hyphen."""
    return re.sub(r"\W+", "-", name[:40].upper()).strip("-") or "CASE"


def _ids(prefix: str, cases: Sequence[Case]) -> Iterator[str]:
    """`prefix`-NNN, from the number after the highest that the cases have."""
    pattern = re.compile(rf"{re.escape(prefix)}-(\d{{1,15}})")
    used = [int(found[1]) for case in cases if (found := pattern.fullmatch(case.id))]
    return (f"{prefix}-{n:03d}" for n in count(max(used, default=0) + 1))


def _unready(unit: Unit, least: int) -> str | None:
    """Why the unit is left out for now. A decision answers a flag, and needs no other labels."""
    if unit.prompt is None:
        return "its prompt is not known; name the corpus it is from with --corpus"
    if not unit.key:
        return "its prompt is empty"
    if unit.decisions:
        return None
    if unit.flagged:
        return f"flagged by {', '.join(sorted(unit.flagged))}"
    if len(unit.ratings) < least:
        return f"labelled by {len(unit.ratings)} of the {least} annotators it needs"
    return None


def _objection(unit: Unit, old: Case | None, taxonomy: Taxonomy, held_out: Mapping[str, str]) -> str | None:
    """Why the unit cannot be promoted; `old` is the case that has its prompt already."""
    said = _said(unit)
    if len({each.label for each in said.values()}) > 1:
        verb = "decided" if unit.decisions else "says"
        return "conflict: " + ", ".join(f"{name} {verb} {each.label}" for name, each in said.items())
    label = _label(unit)
    for name in (label, *_also(unit, taxonomy)):
        if name not in taxonomy.families:
            return f"label {name!r} is not in the taxonomy {taxonomy.name!r}"
    if unit.key in held_out:
        return f"is {held_out[unit.key]} of routing60, the held-out test, from which no router may learn"
    if old is not None and old.label is not None:
        if old.label == label:
            return f"duplicate: the corpus has it as {old.id}"
        return f"conflict: the corpus has it as {old.id} with {old.label}, the label here is {label}"
    return None


def _said(unit: Unit) -> dict[str, Rating | Decision]:
    """Who said what of the unit; only decisions count where there is one."""
    return {**unit.decisions} if unit.decisions else {**unit.ratings}


def _sources(unit: Unit) -> list[Rating | Decision]:
    return [*unit.ratings.values(), *unit.decisions.values()]


def _label(unit: Unit) -> str:
    """The label decided, else the one that all gave."""
    return next(iter(_said(unit).values())).label


def _fit(unit: Unit) -> Fit | None:
    """That no label fits, if all whose label it became say so."""
    return "none" if all(each.fit for each in _said(unit).values()) else None


def _also(unit: Unit, taxonomy: Taxonomy) -> tuple[str, ...]:
    """What fits as well, for those whose label it became, in the taxonomy's order."""
    label = _label(unit)
    said = {also for each in _sources(unit) if each.label == label for also in each.also}
    order = {name: i for i, name in enumerate(taxonomy.labels)}
    return tuple(sorted(said - {label}, key=lambda name: (order.get(name, len(order)), name)))


def _facts(unit: Unit, taxonomy: Taxonomy) -> dict[str, object]:
    """The label as keys of a case, and where it comes from."""
    more = {"fit": _fit(unit), "also": _also(unit, taxonomy)}
    return {"label": _label(unit), **{k: v for k, v in more.items() if v}, "annotated": _annotated(unit)}


def _annotated(unit: Unit) -> Annotated:
    label = _label(unit)
    who = max(unit.decisions, key=lambda name: unit.decisions[name].at, default=None)
    decision = unit.decisions[who] if who else None
    votes = dict(decision.between) if decision else {}
    votes |= {name: rating.label for name, rating in unit.ratings.items()}
    if who and not votes:
        votes = {who: label}
    sources = _sources(unit)
    at = max(source.at for source in sources).astimezone(UTC)
    return Annotated(
        annotators=tuple(votes),
        at=at.replace(microsecond=at.microsecond // 1000 * 1000),  # as it is written
        sessions=tuple(dict.fromkeys(source.session for source in sources)),
        agreement=f"{sum(vote == label for vote in votes.values())} of {len(votes)}",
        seen=_seen(unit),
        adjudicator=who,
        reason=decision.reason if decision else None,
    )


def _seen(unit: Unit) -> Literal["suggestion", "reveal"] | None:
    kinds = {rating.seen for rating in unit.ratings.values()}
    return "reveal" if "reveal" in kinds else "suggestion" if "suggestion" in kinds else None


def _near(cases: Sequence[Case], since: int) -> tuple[str, ...]:
    pairs = near_pairs([case.prompt for case in cases], NEAR_REPORT, since)
    lines = []
    for i, j, similarity in pairs:
        a, b = cases[i], cases[j]
        other = f", which is labelled {a.label}" if a.label not in (None, b.label) else ""
        lines.append(f"{b.id} ({b.label}) is a near duplicate of {a.id} ({similarity:.2f}){other}")
    return tuple(lines)


def _named(unit: Unit) -> str:
    if unit.case:
        return unit.case
    prompt = " ".join((unit.prompt or "").split())
    return f'"{prompt[:START]}{"..." if len(prompt) > START else ""}"'
