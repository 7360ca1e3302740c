"""Where a run stands, arm by arm, for a screen: counts, times and load, and no outcome (see tally.py). Pure
functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from routerlab.engine.arms.arm import ArmState
from routerlab.study.trial.protocol.protocol import Traffic
from routerlab.study.trial.run.tally import Said, Tally

Phase = Literal["waiting", "loading", "restarting", "idle", "busy", "failed", "dropped", "stopped", "done"]
Stage = Literal["loading", "sending", "paused", "over"]
_PHASES: Mapping[str, Phase] = {
    "busy": "busy",
    "ready": "idle",
    "loading": "loading",
    "starting": "loading",
    "crashed": "restarting",
    "failed": "failed",
    "stopped": "stopped",
}
"""A connection's phase -> the arm's; the first of them counts, for one that works is enough to go on."""


@dataclass(frozen=True)
class Lane:
    """An arm of a run. `note` says more of its phase: why it is out, or how far loading is.

    Of its `assigned` sessions, `sent` were sent and `over` are answered or given up (`lost` without an
    answer, by status); of the others that were sent, `serving` are being answered (of those that are decoded
    together one is counted) and `queued` wait.
    P50 and P95 are in milliseconds, as the protocol has them; `gates` is gate -> its answer so far. The arm
    serves `connections` sessions at a time.
    """

    arm: str
    phase: Phase
    note: str
    assigned: int
    sent: int
    over: int
    lost: Mapping[str, int]
    serving: int
    queued: int
    connections: int
    per_minute: float | None
    p50: float | None
    p95: float | None
    gates: Mapping[str, Said]

    @property
    def total(self) -> int:
        """The sessions that the run waits for: a dropped arm is sent no more."""
        return self.sent if self.phase == "dropped" else self.assigned


@dataclass(frozen=True)
class Overview:
    """A whole run. `ended` says how it ended, "" while it goes on; times are in seconds, without pauses, and
    `left_s` is None where nothing can be told. `unsaved` records wait for a disk that has no room."""

    stage: Stage
    lanes: tuple[Lane, ...]
    active_s: float = 0.0
    left_s: float | None = None
    ended: str = ""
    unsaved: int = 0

    @property
    def over(self) -> int:
        """Sessions that are over."""
        return sum(lane.over for lane in self.lanes)

    @property
    def total(self) -> int:
        """Sessions that the run waits for."""
        return sum(lane.total for lane in self.lanes)


@dataclass(frozen=True)
class Load:
    """What an arm has to do now: the states of its connections (none before it is loaded), its sessions that
    were sent and are not over, and why it was dropped, if it was."""

    states: Sequence[ArmState] = ()
    under_way: int = 0
    dropped: str | None = None


def lane(arm: str, assigned: int, tally: Tally, load: Load, now: float, active_s: float) -> Lane:
    """The arm's lane at `now` (time.monotonic()), `active_s` seconds after the run's first session."""
    phase, note = _phase(load, tally.over >= assigned)
    serving = min(load.under_way, sum(state.phase == "busy" for state in load.states))
    return Lane(
        arm=arm,
        phase=phase,
        note=note,
        assigned=assigned,
        sent=tally.over + load.under_way,
        over=tally.over,
        lost=dict(tally.lost),
        serving=serving,
        queued=load.under_way - serving,
        connections=max(1, len(load.states)),
        per_minute=tally.per_minute(now, active_s),
        p50=tally.percentile(0.5),
        p95=tally.percentile(0.95),
        gates=tally.gates,
    )


def _phase(load: Load, all_over: bool) -> tuple[Phase, str]:
    if load.dropped is not None:
        return "dropped", load.dropped
    if all_over:
        return "done", ""
    if not load.states:
        return "waiting", ""
    state = min(load.states, key=lambda one: list(_PHASES).index(one.phase))
    phase = _PHASES[state.phase]
    note = {"loading": state.stage, "restarting": state.message, "failed": state.message}
    return phase, note.get(phase, "")


def schedule_left(
    due: Sequence[float], second: float, work_s: Mapping[str, float], turns: Sequence[str]
) -> float:
    """Seconds until an open run is over: the schedule's, or where arms cannot keep up with it, theirs.

    `due` are the seconds at which the arms' last sessions are due, `second` is now; `work_s` is the service
    that each arm still owes. Arms in `turns` serve one after the other.
    """
    schedule = max((at - second for at in due), default=0.0)
    together = sum(work_s.get(arm, 0.0) for arm in turns)
    alone = max((s for arm, s in work_s.items() if arm not in turns), default=0.0)
    return max(0.0, schedule, together, alone)


def work_left(tally: Tally, one: Lane) -> float:
    """Seconds of service that the arm still owes, if sessions take as long as those so far."""
    mean_s = tally.served_ms / tally.over / 1000 if tally.over else 0.0
    return mean_s * (one.total - one.over) / one.connections


def loop_left(done: int, left: int, active_s: float) -> float | None:
    """Seconds until a closed loop is over, at its pace so far; None before the first answer."""
    return left * active_s / done if done else None


def traffic_words(traffic: Traffic) -> str:
    """What sessions come like, in a few words."""
    if traffic.pattern == "closed":
        think = f", {traffic.think_s:g} s of thought" if traffic.think_s else ""
        return f"closed loop, {traffic.users} at a time{think}"
    rate = f", {traffic.rate:g} a second" if traffic.rate else ""
    most = f", {traffic.concurrency} at a time at most" if traffic.concurrency else ""
    return f"{traffic.pattern}{rate}{most}"
