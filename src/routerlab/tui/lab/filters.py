"""Which questions the history lists, and by what it orders them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from routerlab.core.familiarity import is_unfamiliar
from routerlab.core.prediction import Trial
from routerlab.core.session.session import State
from routerlab.core.statistics.agreement import vote
from routerlab.tui.lab.sitting import Question

Sign = Literal["wrong", "disagree", "unfamiliar", "unlabelled", "flagged"]
SIGNS: tuple[Sign, ...] = get_args(Sign)
Key = tuple[Any, ...]
"""What questions are ordered by: of one column all have the same types in the same places."""
START = 200
"""Characters of a prompt that order it."""


@dataclass(frozen=True)
class Filters:
    """What a question must be to be listed: all of it.

    "wrong", "unfamiliar" and `label` are about the answer of `arm` where one is chosen; else an arm's answer
    was wrong, or the prompt unfamiliar to an arm, and `label` is the gold label, or yours. "disagree": the
    labels differ; "unlabelled": neither gold nor a label of yours. Each word of `text` occurs in the prompt
    or is in the case's id.
    """

    signs: frozenset[Sign] = frozenset()
    label: str | None = None
    arm: str | None = None
    text: str = ""

    def __bool__(self) -> bool:
        return self != NO_FILTERS

    def toggled(self, sign: Sign) -> "Filters":
        """With the sign, or without it where it was there."""
        return replace(self, signs=self.signs ^ {sign})


NO_FILTERS = Filters()


@dataclass(frozen=True)
class Sort:
    """By which column, and whether downwards. "#" is the order of asking, "arm:NAME" the label that the arm
    gave, "familiar", without a column, the least familiarity that an arm says."""

    column: str = "#"
    down: bool = False

    def turned(self, column: str) -> "Sort":
        """By this column; the other way round where it is so already."""
        return Sort(column, not self.down if column == self.column else False)


ASKED = Sort()
ARM = "arm:"


@dataclass(frozen=True)
class Facts:
    """A question with what is known beside its trials: its name, whole prompt, and what a person said."""

    question: Question
    name: str
    prompt: str
    note: State


def fits(filters: Filters, facts: Facts) -> bool:
    """Whether the question is listed."""
    trials = facts.question.trials
    about = list(trials.values())
    if filters.arm is not None:
        if filters.arm not in trials:
            return False
        about = [trials[filters.arm]]
    if not all(_has(sign, about, facts) for sign in filters.signs):
        return False
    if filters.label is not None:
        labels = [facts.question.first.gold, facts.note.label] if filters.arm is None else [about[0].label]
        if filters.label not in labels:
            return False
    if words := filters.text.casefold().split():
        text = f"{facts.name}\n{facts.prompt}".casefold()
        return all(word in text for word in words)
    return True


def _has(sign: Sign, about: list[Trial], facts: Facts) -> bool:
    match sign:
        case "wrong":
            return any(trial.correct is False for trial in about)
        case "disagree":
            return len({t.label for t in _voters(facts.question)}) > 1
        case "unfamiliar":
            return any(is_unfamiliar(trial.familiarity) for trial in about)
        case "unlabelled":
            return facts.question.first.gold is None and facts.note.label is None
        case "flagged":
            return facts.note.flagged


def _voters(question: Question) -> list[Trial]:
    return [t for t in question.trials.values() if t.status not in ("cancelled", "unrouted")]


def sort_key(column: str, facts: Facts, labels: Mapping[str, int]) -> Key:
    """What the column orders the question by; `labels` are the taxonomy's with their places. What has no
    label comes after what has one, and what has no answer last; wrong answers before right ones."""
    question, none = facts.question, len(labels)
    match column:
        case "#":
            return (question.number,)
        case "case":
            return (facts.name,)
        case "prompt":
            return (facts.prompt[:START].casefold(),)
        case "gold":
            return (labels.get(question.first.gold or "", none),)
        case "agree":
            voters = _voters(question)
            return (vote([t.label for t in voters]).votes / len(voters) if voters else 2.0,)
        case "familiar":
            return (
                min(
                    (t.familiarity for t in question.trials.values() if t.familiarity is not None),
                    default=2.0,
                ),
            )
        case "you":
            note = facts.note
            return (labels.get(note.label or "", none), not note.skipped, not note.flagged, note.note or "~")
    trial = question.trials.get(column.removeprefix(ARM)) if column.startswith(ARM) else None
    if trial is None:
        return (none + 1, False) if column.startswith(ARM) else ()
    return (labels.get(trial.label or "", none), trial.correct is True)
