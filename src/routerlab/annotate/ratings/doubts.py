"""What is doubtful about what sessions say, a line each, for people to read."""

from collections import Counter
from collections.abc import Iterable

from routerlab.annotate.ratings.unit import Unit
from routerlab.core.text import plural


def unfinished(drafts: Counter[str], again: dict[tuple[str, str], set[str]]) -> list[str]:
    """What annotators left unfinished, and said more than once, a line each."""
    notes = []
    if drafts.total():
        which = ", ".join(f"{name} {n}" for name, n in drafts.items() if n)
        notes.append(f"left out, because they are drafts: {which}")
    for name in dict.fromkeys(name for name, _ in again):
        given = [labels for (who, _), labels in again.items() if who == name]
        notes.append(
            f"{name} labelled {plural(len(given), 'prompt')} in more than one session, "
            f"{sum(len(labels) > 1 for labels in given)} of them differently: the latest label counts "
            "(two people need two names)"
        )
    return notes


def doubts(units: Iterable[Unit]) -> list[str]:
    """What is doubtful about units, a line each."""
    nameless = several = stale = 0
    for unit in units:
        nameless += unit.prompt is None
        several += len({decision.label for decision in unit.decisions.values()}) > 1
        stale += _stale(unit)
    notes = []
    if nameless:
        notes.append(
            f"{plural(nameless, 'case is', 'cases are')} known by id only, for the corpus is neither in this "
            "folder nor beside the session"
        )
    if several:
        were = plural(several, "prompt was", "prompts were")
        notes.append(f"{were} decided differently by two adjudicators: the latest counts")
    if stale:
        notes.append(
            f"{plural(stale, 'decision was', 'decisions were')} made before an annotator changed the label"
        )
    return notes


def _stale(unit: Unit) -> bool:
    between = unit.decision.between if unit.decision else {}
    return any(name in unit.ratings and unit.ratings[name].label != was for name, was in between.items())
