"""One sitting: arms, a runner and a session file, and everybody who watches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from routerlab.core.corpus import Corpus
from routerlab.core.prediction import Item, Trial
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.arm import Arm, ArmSpec
from routerlab.settings import Settings

RunPhase = Literal["idle", "running", "paused"]
Filter = Literal["all", "errors", "disagreements"]


@dataclass(frozen=True)
class Progress:
    """Where a run stands: trials done of total, seconds elapsed (pauses not counted), seconds left or None."""

    phase: RunPhase = "idle"
    done: int = 0
    total: int = 0
    elapsed_s: float = 0.0
    eta_s: float | None = None


@dataclass(frozen=True)
class ArmChanged:
    name: str


@dataclass(frozen=True)
class TrialDone:
    trial: Trial


@dataclass(frozen=True)
class RunChanged:
    progress: Progress


@dataclass(frozen=True)
class Notice:
    message: str
    severity: Literal["information", "warning", "error"] = "information"


Event = ArmChanged | TrialDone | RunChanged | Notice


class Lab:
    """See the interface below; bodies follow."""

    taxonomy: Taxonomy
    corpus: Corpus | None
    settings: Settings
    arms: dict[str, Arm]          # by name, in the order added
    progress: Progress
    # self.session: core.session.Session-like: header (None before the first record), trials, annotations,
    #   current(trial_id) -> State(label, skipped, flagged, note), last_annotated()

    def subscribe(self, watcher: Callable[[Event], None]) -> Callable[[], None]:
        """Call `watcher` on the event loop for every event; returns a function that ends the subscription."""
        raise NotImplementedError

    def add_arm(self, spec: ArmSpec) -> None:
        """Start loading an arm in the background; LabError if the name is taken. ArmChanged follows."""

    async def remove_arm(self, name: str) -> None:
        """Stop an arm; its pending questions are dropped. ArmChanged follows."""

    async def restart_arm(self, name: str) -> None:
        """Stop and load again (after "failed" or on request)."""

    def ask(self, prompt: str) -> None:
        """Put a typed prompt to every arm, ahead of any replay; TrialDone follows for each. LabError if empty."""

    def cases(self, which: Filter = "all", family: str | None = None) -> list[Item]:
        """The corpus's cases that a replay with this filter would ask."""
        raise NotImplementedError

    def replay(self, items: Sequence[Item], again: bool = False) -> None:
        """Ask every arm every item; goes on where this session stopped, a complete one begins the next
        repeat; `again` asks all of `items` once more. RunChanged and TrialDone follow."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def step(self) -> None:
        """While paused: let every arm answer one more item, then pause again."""
    def cancel(self) -> None:
        """Stop the run; questions in progress end as "cancelled"."""

    async def annotate(self, trial_id: str, *, label: str | None = None,
                       action: Literal["skip", "flag"] | None = None, note: str | None = None) -> None:
        """Append an annotation of this trial."""

    async def undo(self) -> str | None:
        """Undo the latest annotation of this sitting; the trial id it was on, or None if there is none."""
        raise NotImplementedError

    async def close(self) -> None:
        """Cancel, stop every arm, write what waits, close the session. Idempotent."""
