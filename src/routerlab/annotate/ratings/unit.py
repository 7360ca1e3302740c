"""What was said about a prompt: ratings, decisions, answers of models; and what sessions add up to."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from routerlab.core.corpus import Fit


@dataclass(frozen=True)
class Rating:
    """The label that an annotator submitted last. `session` is the session's id.

    `seen` is what had been shown before: models' suggestions, or everything (the label is a correction after
    the reveal). A label about a trial was given in the lab, beside the models' answers: a suggestion too.
    `blind` is the last label given with nothing shown, None where there is none. `fit` says that no label
    fits, `blind_fit` that none did with that one.
    """

    label: str
    also: tuple[str, ...]
    note: str | None
    at: datetime
    session: str
    seen: Literal["suggestion", "reveal"] | None
    blind: str | None
    fit: Fit | None = None
    blind_fit: Fit | None = None


@dataclass(frozen=True)
class Decision:
    """An adjudicator's label and reason; `between` is what it was decided between, annotator -> label."""

    label: str
    also: tuple[str, ...]
    reason: str | None
    at: datetime
    session: str
    between: dict[str, str]
    fit: Fit | None = None


@dataclass
class Unit:
    """One prompt and all that was said about it.

    `ratings` are by annotator, `decisions` by adjudicator, `models` by arm (the label of its latest answer
    that could be read) with `sure`, the probability it gave that label, and `familiar`, how familiar the
    prompt is to those that tell it. Who skipped it has no rating; who flagged it or wrote one of the `notes`
    may have one. `prompt` is None where it is known by its case's id only.
    """

    key: str
    prompt: str | None = None
    case: str | None = None
    gold: str | None = None
    ratings: dict[str, Rating] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    sure: dict[str, float | None] = field(default_factory=dict)
    familiar: dict[str, float] = field(default_factory=dict)
    flagged: set[str] = field(default_factory=set)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def decision(self) -> Decision | None:
        """What was decided last, by whichever adjudicator."""
        return max(self.decisions.values(), key=lambda d: d.at, default=None)

    @property
    def agreed(self) -> bool:
        """Whether all annotators who submitted a label (at least one) gave the same."""
        return len({rating.label for rating in self.ratings.values()}) == 1


@dataclass(frozen=True)
class Collected:
    """Units by key, in the order in which they were first met, and the ids of the sessions by file.

    `labels` are the newest session's taxonomy in its order, then others as they were met; `families` is label
    -> family as far as known. `notes` say what was left out or is doubtful, a line each.
    """

    units: dict[str, Unit]
    labels: tuple[str, ...]
    families: dict[str, str]
    sessions: dict[Path, str]
    notes: tuple[str, ...]

    @property
    def annotators(self) -> tuple[str, ...]:
        """Everybody who submitted a label, as met."""
        return tuple(dict.fromkeys(name for unit in self.units.values() for name in unit.ratings))

    @property
    def arms(self) -> tuple[str, ...]:
        """Every model that gave a label, as met."""
        return tuple(dict.fromkeys(arm for unit in self.units.values() for arm in unit.models))
