"""What an annotator has chosen and not submitted yet. Pure functions."""

from collections.abc import Container
from dataclasses import dataclass

from routerlab.core.session.session import State


@dataclass(frozen=True)
class Choice:
    """A label and others that also fit; no label, nothing chosen."""

    label: str | None = None
    also: tuple[str, ...] = ()


def written(state: State) -> Choice:
    """What the records say, drafts included."""
    return Choice(state.label, (state.said.also or ()) if state.said else ())


def pressed(choice: Choice, name: str, labels: Container[str]) -> Choice:
    """The choice after the key of `name`: the first one is the label, another one also fits, or no longer.

    A label that is not among `labels` (of an older taxonomy) makes room.
    """
    if choice.label is None or choice.label not in labels:
        return Choice(name)
    if name in choice.also:
        return Choice(choice.label, tuple(label for label in choice.also if label != name))
    return Choice(choice.label, (*choice.also, name))


def undone(before: State, after: State) -> str:
    """What an undo took back, in a word or two: "label code/simple", "skip", "flag", "note"."""
    if before.said is not after.said and before.said is not None:
        return f"{'draft' if before.draft else 'label'} {before.label}"
    if before.skipped and not after.skipped:
        return "skip"
    if before.flagged and not after.flagged:
        return "flag"
    return "note"
