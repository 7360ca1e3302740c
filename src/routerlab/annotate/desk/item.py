"""One prompt in a queue, and what others said of it."""

from dataclasses import dataclass, field

from routerlab.core.corpus import Fit


@dataclass(frozen=True)
class Opinion:
    """What another annotator said."""

    label: str
    also: tuple[str, ...] = ()
    note: str | None = None
    fit: Fit | None = None


@dataclass(frozen=True)
class QueueItem:
    """A prompt to label. `source` says where it stands in the file it came from.

    `models` is arm -> (label, the probability the arm gave that label, None where it gave none), `familiar`
    arm -> how familiar the prompt is to it (0..1), of those that tell it; `people` is annotator -> opinion.
    None is shown before a label is submitted, nor is `gold`.
    """

    id: str
    prompt: str
    source: str
    gold: str | None = None
    models: dict[str, tuple[str, float | None]] = field(default_factory=dict)
    people: dict[str, Opinion] = field(default_factory=dict)
    familiar: dict[str, float] = field(default_factory=dict)
