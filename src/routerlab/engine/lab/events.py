"""What a lab tells everybody who watches."""

from dataclasses import dataclass
from typing import Literal

from routerlab.core.prediction import Trial
from routerlab.engine.lab.runner import Progress

Severity = Literal["information", "warning", "error"]


@dataclass(frozen=True)
class ArmChanged:
    """An arm was added, removed, or has a new state."""

    name: str


@dataclass(frozen=True)
class TrialDone:
    """A trial was recorded."""

    trial: Trial


@dataclass(frozen=True)
class RunChanged:
    """The run began, moved on, paused or ended."""

    progress: Progress


@dataclass(frozen=True)
class Annotated:
    """An annotation of this trial was recorded, or undone."""

    trial_id: str


@dataclass(frozen=True)
class Notice:
    """Something a person should read."""

    message: str
    severity: Severity = "information"


Event = ArmChanged | TrialDone | RunChanged | Annotated | Notice
