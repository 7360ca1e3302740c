"""Watches a run for a screen: takes every trial as it comes, and tells where the run stands when asked."""

from collections import Counter
from collections.abc import Callable

from routerlab.core.statistics.gates import parse_gate
from routerlab.core.statistics.intervals import quantile_interval
from routerlab.engine.arms.arm import ArmState
from routerlab.engine.lab.events import Event, TrialDone
from routerlab.engine.lab.lab import Lab
from routerlab.study.trial.protocol.session import answered
from routerlab.study.trial.run.lanes import (
    Lane,
    Load,
    Overview,
    Stage,
    lane,
    loop_left,
    schedule_left,
    work_left,
)
from routerlab.study.trial.run.run import TrialRun
from routerlab.study.trial.run.tally import Tally


class Monitor:
    """What there is to see of a run. Make it before the run begins: it reads what the session has."""

    def __init__(self, run: TrialRun, now: Callable[[], float]) -> None:
        """`now` is time.monotonic, or a test's clock."""
        work = run.work
        self._run, self._now = run, now
        self._protocol = work.registered.protocol
        gates = [parse_gate(text) for text in self._protocol.gates]
        self._assigned = Counter(one.arm for one in run.planned)
        due = work.registered.due(len(run.planned))
        self._last_due = {one.arm: due[one.index] for one in run.planned} if due else {}
        self._tallies = {
            arm.name: Tally(self._protocol, gates if arm.contract != "none" else (), arm.connections)
            for arm in work.lock.arm
        }
        quantile_interval((0.0,), 0.5)  # loads what it needs now rather than in the middle of the run
        earlier = answered(run.lab.session).values()
        for trial in earlier:
            self._tallies[trial.arm].add(trial)
        self._before = len(earlier)
        self._active_s = 0.0
        self._latest: float | None = None
        self._until: float | None = None
        self._last: Overview | None = None

    def see(self, event: Event) -> bool:
        """Take a lab's event; whether it was a session of the trial."""
        if not isinstance(event, TrialDone) or event.trial.session is None:
            return False
        self._tallies[event.trial.arm].add(event.trial, self._now())
        return True

    def overview(self, ended: str = "") -> Overview:
        """Where the run stands, or stood when it `ended`. To be asked now and then: the time between counts
        as active or as a pause."""
        if self._last is not None:
            return self._last
        now, generator = self._now(), self._run.generator
        stage: Stage = "over" if ended else "loading"
        if generator is not None:
            stage = "paused" if generator.paused else "sending"
        if stage == "sending" and self._latest is not None:
            self._active_s += now - self._latest
        self._latest = now if generator is not None else None
        if generator is not None and self._until is None:
            self._until = now + self._protocol.limit_minutes * 60
        lanes = tuple(self._lane(arm, tally, now) for arm, tally in self._tallies.items())
        view = Overview(stage, lanes, self._active_s, self._left(lanes, now), ended, self._run.lab.unsaved)
        self._last = view if ended else None
        return view

    def _lane(self, arm: str, tally: Tally, now: float) -> Lane:
        generator = self._run.generator
        under_way = generator.under_way_of[arm] if generator else 0
        load = Load(_states(self._run.lab, arm), under_way, self._run.standing.dropped.get(arm))
        return lane(arm, self._assigned[arm], tally, load, now, self._active_s)

    def _left(self, lanes: tuple[Lane, ...], now: float) -> float | None:
        generator = self._run.generator
        if generator is None or self._until is None:
            return None
        if self._protocol.traffic.pattern == "closed":
            done = sum(one.over for one in lanes)
            left = loop_left(done - self._before, sum(one.total for one in lanes) - done, self._active_s)
        else:
            going = [one for one in lanes if one.over < one.total]
            turns = [one.arm for one in going if self._takes_turns(one.arm)]
            work_s = {one.arm: work_left(self._tallies[one.arm], one) for one in going}
            left = schedule_left([self._last_due[one.arm] for one in going], generator.second, work_s, turns)
        return None if left is None else max(0.0, min(left, self._until - now))

    def _takes_turns(self, arm: str) -> bool:
        here = any(state.info and state.info.computes_on for state in _states(self._run.lab, arm))
        return here and self._protocol.traffic.schedule == "exclusive"


def _states(lab: Lab, arm: str) -> list[ArmState]:
    """Of all the arm's connections."""
    return [one.state for name, one in lab.arms.items() if name == arm or name.startswith(f"{arm}#")]
