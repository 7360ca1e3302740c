"""What annotators disagree on, as a queue for somebody to decide."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from routerlab.annotate.corpus.prompts import prompt_id
from routerlab.annotate.desk.item import Opinion, QueueItem
from routerlab.annotate.desk.source import Source, models_of
from routerlab.annotate.ratings.unit import Collected, Unit
from routerlab.core.errors import LabError
from routerlab.core.session.session import pin_file
from routerlab.core.text import plural


def to_decide(collected: Collected, adjudicator: str, paths: Sequence[Path]) -> Source:
    """The prompts whose annotators gave different labels, and flagged ones that have a label.

    Those that another adjudicator decided are left out. LabError when nothing is left to decide.
    """
    open_ = [
        unit
        for unit in collected.units.values()
        if unit.ratings and (not unit.agreed or unit.flagged) and not unit.decisions.keys() - {adjudicator}
    ]
    cases = Counter(unit.case for unit in collected.units.values())
    items = tuple(_item(unit, unit.prompt, cases) for unit in open_ if unit.prompt is not None)
    notes = list(collected.notes)
    if lost := len(open_) - len(items):
        notes.append(
            f"{plural(lost, 'case')} to decide left out: their prompts are not here "
            "(name the corpus with --corpus)"
        )
    if not items:
        who = ", ".join(collected.annotators) or "nobody"
        raise LabError(f"nothing to decide: the labels of {who} do not differ, and none is flagged")
    pins = tuple(map(pin_file, paths))
    return Source(pins[0], items, tuple(notes), pins)


def _item(unit: Unit, prompt: str, cases: Counter[str | None]) -> QueueItem:
    """The prompt by its case's id, or by its own where cases of several files share that."""
    people = {name: Opinion(r.label, r.also, r.note, r.fit) for name, r in unit.ratings.items()}
    source = f"case {unit.case}" if unit.case else "typed"
    id_ = unit.case if unit.case and cases[unit.case] == 1 else prompt_id(prompt)
    return QueueItem(id_, prompt, source, unit.gold, models_of(unit), people)
