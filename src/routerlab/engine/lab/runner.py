"""Prompts x arms -> trials: who is asked when. Nothing here knows files or screens.

Every arm has a lane with the questions that wait for it. Under the `exclusive` schedule a lane must
hold the turn while its arm works, so that no two models fight for the machine; waiting lanes get the
turn first come, first served, which makes the arms answer case by case, side by side. What an arm decodes
together is one turn.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from routerlab.core.names import Schedule
from routerlab.core.prediction import Item, Latency, Prediction
from routerlab.core.session.run import MarkKind
from routerlab.engine.arms.arm import Arm, ArmState, Phase, Streaming
from routerlab.engine.contract.info import share_a_device

RunPhase = Literal["idle", "running", "paused"]
UNSETTLED: tuple[Phase, ...] = ("starting", "loading", "crashed")
"""Phases in which an arm uses the machine without answering anybody."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands: trials done of total, seconds elapsed (without pauses), seconds left or None."""

    phase: RunPhase = "idle"
    done: int = 0
    total: int = 0
    elapsed_s: float = 0.0
    eta_s: float | None = None


@dataclass(frozen=True)
class Due:
    """A session of a trial: when it was to be sent, and time.perf_counter() at which it is not waited for any
    longer."""

    session: str
    at: datetime
    until: float = math.inf


@dataclass(frozen=True)
class Job:
    """One question for one arm. `index` is its place in the run, None for a typed prompt; `run` tells runs
    apart, so that a late answer never counts in a newer one. With a `mark` it is asked beside the trials."""

    item: Item
    repeat: int
    index: int | None = None
    run: int = 0
    mark: MarkKind | None = None
    asked: float = field(default_factory=time.perf_counter)
    due: Due | None = None

    @property
    def given_up(self) -> bool:
        """Whether its session is not waited for any longer."""
        return self.due is not None and time.perf_counter() >= self.due.until


Deliver = Callable[[Arm, Job, Prediction, bool], Awaitable[None]]
"""Takes (arm, job, prediction, contended)."""


@dataclass
class Lane:
    """An arm and what waits for it: typed prompts go before the run's cases."""

    arm: Arm
    typed: deque[Job] = field(default_factory=deque)
    cases: deque[Job] = field(default_factory=deque)
    current: Job | None = None
    contended: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    closing: bool = False
    task: asyncio.Future[None] = field(default_factory=asyncio.Future)


class Runner:
    """Drives the lanes; `deliver` gets every prediction, `changed` is called when the progress moved."""

    def __init__(
        self,
        schedule: Schedule,
        timeout_s: float,
        deliver: Deliver,
        changed: Callable[[], None],
        bulk: int = 1,
    ) -> None:
        """`bulk`: cases of a run that an arm is asked together; with more than one no latency is measured."""
        self.schedule = schedule
        self._bulk = bulk
        self._timeout_s = timeout_s
        self._deliver = deliver
        self._changed = changed
        self._lanes: dict[str, Lane] = {}
        self._turn = asyncio.Lock()
        self._phase: RunPhase = "idle"
        self._total = self._done = self._run = 0
        self._allowed = -1
        self._elapsed = 0.0
        self._since: float | None = None
        self.idle = asyncio.Event()
        """Set while no run is going on."""
        self.idle.set()

    @property
    def progress(self) -> Progress:
        """Where the run stands now."""
        elapsed = self._elapsed + (time.monotonic() - self._since if self._since is not None else 0.0)
        left = self._total - self._done
        eta = elapsed / self._done * left if self._done and self._phase != "idle" else None
        return Progress(self._phase, self._done, self._total, elapsed, eta)

    def add(self, arm: Arm, name: str | None = None) -> None:
        """Give an arm a lane; under another `name` than its own, it helps the arm that has a lane already."""
        first = self._lanes.get(arm.spec.name)
        lane = self._lanes[name or arm.spec.name] = Lane(arm, first.typed if first else deque())
        lane.task = asyncio.ensure_future(self._serve(lane))

    async def remove(self, name: str) -> None:
        """Drop an arm's questions and its lane; stop the arm first, so that the one in progress ends."""
        lane = self._lanes.pop(name, None)
        if lane is None:
            return
        self._total -= len(lane.cases)
        lane.cases.clear()
        if not self._sharing(lane):
            lane.typed.clear()
        lane.closing = True
        lane.wake.set()
        await lane.task
        self._settle()

    def ask(self, item: Item, repeat: int) -> None:
        """Put a question to every arm, ahead of the run."""
        job = Job(item, repeat)
        for lane in self._lanes.values():
            lane.typed.append(job)
        self.poke()

    def submit(self, name: str, item: Item, repeat: int, asked: float, due: Due) -> None:
        """Put one session of a trial to one arm that has a lane, ahead of any run. Its wait counts from
        `asked` (time.perf_counter()), which may have passed."""
        self._lanes[name].typed.append(Job(item, repeat, asked=asked, due=due))
        self.poke()

    def start(self, wanted: Sequence[tuple[Item, int, Sequence[str]]], mark: MarkKind | None = None) -> None:
        """Begin a run of (item, repeat, names of the arms to ask), in this order."""
        self._total = self._done = 0
        self._run += 1
        self._elapsed = 0.0
        for index, (item, repeat, names) in enumerate(wanted):
            for name in names:
                if name in self._lanes:
                    self._lanes[name].cases.append(Job(item, repeat, index, self._run, mark))
                    self._total += 1
        self._enter("running" if self._total else "idle")

    def pause(self) -> None:
        """Let the questions in progress finish and begin no other of the run."""
        if self._phase == "running":
            self._allowed = -1
            self._enter("paused")

    def resume(self) -> None:
        """Go on after a pause."""
        if self._phase == "paused":
            self._enter("running")

    def step(self) -> None:
        """While paused: let the arms that are furthest behind answer one more item."""
        heads = [lane.cases[0].index for lane in self._lanes.values() if lane.cases]
        if self._phase == "paused" and heads:
            self._allowed = min(index for index in heads if index is not None)
            self.poke()

    def cancel(self) -> None:
        """End the run; questions of it that are in progress end as "cancelled"."""
        for lane in self._lanes.values():
            lane.cases.clear()
            if lane.current is not None and lane.current.index is not None:
                lane.arm.cancel()
        self._enter("idle")

    def cancel_all(self) -> None:
        """End the run and drop typed prompts as well."""
        for lane in self._lanes.values():
            lane.typed.clear()
            if lane.current is not None:
                lane.arm.cancel()
        self.cancel()

    def poke(self) -> None:
        """Have every lane look again: a question came, an arm changed, a pause ended."""
        for lane in self._lanes.values():
            lane.contended = lane.contended or self._disturbed(lane)
            lane.wake.set()

    def _enter(self, phase: RunPhase) -> None:
        now = time.monotonic()
        if self._since is not None:
            self._elapsed += now - self._since
        self._since = now if phase == "running" else None
        self._phase = phase
        if phase == "idle":
            self.idle.set()
        else:
            self.idle.clear()
        self._changed()
        self.poke()

    def _settle(self) -> None:
        """Tell the progress, and end the run when nothing of it is left."""
        busy = any(
            lane.cases or (lane.current and lane.current.index is not None) for lane in self._lanes.values()
        )
        if self._phase != "idle" and not busy:
            self._enter("idle")
        else:
            self._changed()

    def _sharing(self, lane: Lane) -> list[Lane]:
        """The lanes whose questions are this one's."""
        return [other for other in self._lanes.values() if other.typed is lane.typed]

    def _others(self, lane: Lane) -> list[ArmState]:
        return [other.arm.state for other in self._lanes.values() if other is not lane]

    def _disturbed(self, lane: Lane) -> bool:
        """Whether another arm uses now what this one computes on."""
        own = lane.arm.state.info
        for other in self._others(lane):
            if other.phase in UNSETTLED:  # where it will be is not known yet
                return True
            if other.phase == "busy" and (
                own is None or other.info is None or share_a_device(own, other.info)
            ):
                return True
        return False

    def _next(self, lane: Lane) -> deque[Job] | None:
        """The queue of this lane from which a question may be taken now, if there is one."""
        if lane.arm.state.phase != "ready":
            return None
        if lane.typed:
            return lane.typed
        if not lane.cases:
            return None
        if self._phase == "paused":
            index = lane.cases[0].index
            return lane.cases if index is not None and index <= self._allowed else None
        # A timed run waits until every arm is loaded, for loading would spoil its latencies.
        if self.schedule == "exclusive" and any(other.phase in UNSETTLED for other in self._others(lane)):
            return None
        return lane.cases

    async def _serve(self, lane: Lane) -> None:
        while not lane.closing:
            if lane.arm.state.phase == "failed" and (lane.cases or lane.typed):
                self._total -= len(lane.cases)
                lane.cases.clear()
                if all(other.arm.state.phase == "failed" for other in self._sharing(lane)):
                    await self._give_up(lane)
                self._settle()
            if (waiting := self._next(lane)) is None:
                lane.wake.clear()
                await lane.wake.wait()
                continue
            # Whoever computes elsewhere keeps nobody from a turn, unless the arms of a run go case by case.
            free = self.schedule == "parallel" or (waiting is lane.typed and _computes_elsewhere(lane.arm))
            turn: AbstractAsyncContextManager[object] = nullcontext() if free else self._turn
            async with turn:
                waiting = self._next(lane)  # a pause or a typed prompt may have come meanwhile
                if waiting is not None:
                    await self._ask(lane, self._take(lane, waiting))

    def _take(self, lane: Lane, waiting: deque[Job]) -> list[Job]:
        """Take what is asked now: one question, or as many of those that wait as are computed together."""
        info = lane.arm.state.info
        bulk = waiting is lane.cases and self._bulk > 1
        most = self._bulk if bulk else (info and info.concurrency) or 1
        if bulk and isinstance(lane.arm, Streaming):
            most = len(waiting)
        jobs = [waiting.popleft()]
        if not bulk and jobs[0].given_up:  # nobody has to wait for others to be told so
            return jobs
        while waiting and len(jobs) < most and waiting is self._next(lane) and not waiting[0].given_up:
            jobs.append(waiting.popleft())
        return jobs

    async def _give_up(self, lane: Lane) -> None:
        """Drop what waits for an arm that is out; sessions of a trial end as crashed."""
        while lane.typed:
            job = lane.typed.popleft()
            if job.due is not None:
                gone = Prediction(status="crashed", error=f"the arm is out: {lane.arm.state.message}")
                await self._deliver(lane.arm, job, gone, False)

    async def _ask(self, lane: Lane, jobs: Sequence[Job]) -> None:
        job = lane.current = jobs[0]
        now = time.perf_counter()
        lane.contended = self._disturbed(lane)  # and `poke` sees what begins meanwhile
        if isinstance(lane.arm, Streaming) and self._bulk > 1 and job.index is not None:
            await self._stream(lane, lane.arm, jobs)
            return
        if len(jobs) == 1 and job.given_up:
            error = f"given up after waiting {now - job.asked:.1f} s for its turn"
            predictions = [Prediction(status="timeout", error=error)]
        elif len(jobs) > 1 or (self._bulk > 1 and job.index is not None):
            timed = self._bulk == 1 or job.index is None
            predictions = await lane.arm.ask_many([j.item.prompt for j in jobs], self._timeout_s, timed)
        else:
            predictions = [await lane.arm.ask(job.item.prompt, self._timeout_s)]
        contended = lane.contended
        for asked, prediction in zip(jobs, predictions, strict=True):
            queued = (now - asked.asked) * 1000.0 if asked.index is None else 0.0
            latency: Latency = prediction.latency_ms.model_copy(update={"queue": queued})
            done = prediction.model_copy(update={"latency_ms": latency})
            await self._deliver(lane.arm, asked, done, contended)
        lane.current = None
        if job.index is not None and self._phase != "idle":
            self._done += len(jobs) * (job.run == self._run)
            self._settle()

    async def _stream(self, lane: Lane, arm: Streaming, jobs: Sequence[Job]) -> None:
        """Deliver answers as they come. What has none, for the run was cancelled or the arm is out, is not of
        this run any more."""
        done = 0
        async for prediction in arm.stream([job.item.prompt for job in jobs], self._timeout_s):
            await self._deliver(lane.arm, jobs[done], prediction, lane.contended)
            done += 1
            if jobs[0].run == self._run and self._phase != "idle":
                self._done += 1
                self._changed()
        lane.current = None
        if self._phase != "idle":
            self._total -= (len(jobs) - done) * (jobs[0].run == self._run)
            self._settle()


def _computes_elsewhere(arm: Arm) -> bool:
    """Whether an arm that is ready uses nothing of this machine that others compute on."""
    return arm.state.info is not None and not arm.state.info.computes_on
