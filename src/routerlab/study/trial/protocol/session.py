"""A trial as its session has it: the locked protocol, the planned sessions, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.run import Mark, MarkKind, RunRecord
from routerlab.core.session.session import Session
from routerlab.study.trial.protocol.assignment import Planned, assign, plan_sha256
from routerlab.study.trial.protocol.interim import Standing, standing
from routerlab.study.trial.protocol.lock import Lock
from routerlab.study.trial.protocol.protocol import Protocol


@dataclass(frozen=True)
class Recorded:
    """The session in `path`, and the lock that it was run under."""

    path: Path
    session: Session
    lock: Lock

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol as it was locked."""
        return self.lock.content

    @property
    def arms(self) -> list[str]:
        """The names of all arms."""
        return [arm.name for arm in self.lock.arm]

    @property
    def routed(self) -> list[str]:
        """Those that put labels on prompts."""
        return [arm.name for arm in self.lock.arm if arm.contract != "none"]

    @property
    def control(self) -> str | None:
        """The arm without routing."""
        return next((arm.name for arm in self.lock.arm if arm.contract == "none"), None)

    @cached_property
    def planned(self) -> list[Planned]:
        """All sessions in order."""
        p = self.protocol
        return assign(p.assignment, self.lock.cases, self.arms, p.sessions, p.seed)

    @cached_property
    def answered(self) -> Mapping[str, Trial]:
        """Session id -> the trial that answers it."""
        return answered(self.session)

    @cached_property
    def standing(self) -> Standing:
        """Looks and drops, computed again from the trials."""
        return standing(self.protocol, self.planned, self.routed, self.session.trials)

    @property
    def ended(self) -> str | None:
        """Why the trial is over; None while it is not."""
        return ended(self.session)

    def marks(self, kind: MarkKind) -> list[Mark]:
        """The session's marks of this kind."""
        return [mark for mark in self.session.marks if mark.kind == kind]


def recorded(path: Path, session: Session) -> Recorded:
    """The trial of this session; LabError when it is of none."""
    runs = trial_runs(session)
    if not runs:
        raise LabError(f"{path}: is no trial's session; `routerlab trial run` makes one")
    try:
        lock = Lock.model_validate_json(runs[-1].plan)
    except ValueError as e:
        reason = str(e).splitlines()[0]
        raise LabError(f"{path}: holds a protocol that this version does not know: {reason}") from None
    found = Recorded(path, session, lock)
    if plan_sha256(found.planned) != lock.pins.get("sessions"):
        raise LabError(
            f"{path}: version {lock.lab_version} planned other sessions than this one would; use it"
        )
    return found


def trial_runs(session: Session) -> list[RunRecord]:
    """The runs of the trial that the session is of; none for a session of another kind."""
    return [run for run in session.runs if run.kind == "trial"]


def ended(session: Session) -> str | None:
    """Why the trial is over; None while it is not."""
    return next((mark.reason or "" for mark in session.marks if mark.kind == "end"), None)


def answered(session: Session) -> dict[str, Trial]:
    """Session id -> the trial that answers it; what was cancelled is asked again."""
    return {t.session: t for t in session.trials if t.session is not None and t.status != "cancelled"}
