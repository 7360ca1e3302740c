"""What an annotator has chosen and not submitted yet. Pure functions."""

from collections.abc import Container
from dataclasses import dataclass, replace

from routerlab.core.corpus import Fit
from routerlab.core.session.session import State


@dataclass(frozen=True)
class Choice:
    """A label and others that also fit, or the nearest where none does (`fit`); no label, none chosen yet."""

    label: str | None = None
    also: tuple[str, ...] = ()
    fit: Fit | None = None


def written(state: State) -> Choice:
    """What the records say, drafts included."""
    return Choice(state.label, (state.said.also or ()) if state.said else (), state.fit)


def doubted(choice: Choice) -> Choice:
    """The choice after the key that says that no label fits; it takes that back too."""
    return replace(choice, fit=None if choice.fit else "none")


def pressed(choice: Choice, name: str, labels: Container[str]) -> Choice:
    """The choice after the key of `name`: the first one is the label, another one also fits, or no longer.

    A label that is not among `labels` (of an older taxonomy) makes room.
    """
    if choice.label is None or choice.label not in labels:
        return Choice(name, fit=choice.fit)
    if name in choice.also:
        return replace(choice, also=tuple(label for label in choice.also if label != name))
    return replace(choice, also=(*choice.also, name))


def undone(before: State, after: State) -> str:
    """What an undo took back, in a word or two: "label code/simple", "skip", "flag", "note"."""
    if before.said is not after.said and before.said is not None:
        return f"{'draft' if before.draft else 'label'} {before.label}"
    if before.skipped and not after.skipped:
        return "skip"
    if before.flagged and not after.flagged:
        return "flag"
    return "note"
