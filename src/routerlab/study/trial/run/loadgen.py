"""Sends the sessions of a trial when they are due, whether or not earlier ones were answered.

Latency counts from the moment a session was due, so that a slow arm cannot hide behind a generator that waits
for it (what G. Tene calls coordinated omission). The wait for a turn is queueing, the rest is service.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from routerlab.core.errors import LabError
from routerlab.core.prediction import Item, Trial
from routerlab.engine.lab.events import Event, TrialDone
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.runner import Due
from routerlab.study.trial.protocol.protocol import Traffic


@dataclass(frozen=True)
class Sending:
    """A session to send: `at` is when it is due, in seconds from the beginning of the schedule."""

    id: str
    arm: str
    item: Item
    repeat: int
    at: float = 0.0


class LoadGenerator:
    """Sends sessions through a lab, which records them. Made inside an event loop; `close` ends it."""

    def __init__(
        self,
        lab: Lab,
        traffic: Traffic,
        skip: Callable[[Sending], bool] = lambda _: False,
        done: Callable[[Trial], None] = lambda _: None,
    ) -> None:
        """`skip` is asked when a session is due; `done` gets every session's trial."""
        self.latest_s = 0.0
        """By how much a session was sent late at worst, where no limit of the protocol held it back."""
        self.under_way_of: Counter[str] = Counter()
        """Arm -> its sessions that were sent and not answered yet."""
        self._lab, self._traffic, self._skip, self._done = lab, traffic, skip, done
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._places = asyncio.Semaphore(traffic.concurrency) if traffic.concurrency else None
        self._going, self._held = asyncio.Event(), asyncio.Event()
        self._going.set()
        self._stopped = False
        self._origin = 0.0
        self._paused_at: float | None = None
        self.close = lab.subscribe(self._seen)

    @property
    def paused(self) -> bool:
        """Whether nothing is sent until `resume`."""
        return self._paused_at is not None

    @property
    def second(self) -> float:
        """The second of an open schedule that it is; the schedule waits during a pause."""
        return (time.perf_counter() if self._paused_at is None else self._paused_at) - self._origin

    def pause(self) -> None:
        """Send nothing until `resume`; what is under way is answered."""
        if self._paused_at is None:
            self._paused_at = time.perf_counter()
            self._going.clear()
            self._held.set()

    def resume(self) -> float:
        """Go on with the schedule, which has waited; for how many seconds, 0 where there was no pause."""
        if self._paused_at is None:
            return 0.0
        waited = time.perf_counter() - self._paused_at
        self._origin += waited
        self._paused_at = None
        self._held.clear()
        self._going.set()
        return waited

    def stop(self) -> None:
        """Send nothing more; what is under way is answered."""
        self._stopped = True
        self._held.set()  # wakes up who waits for the next session, or for the end of a pause
        self._going.set()

    async def send(self, sessions: Sequence[Sending], begun: float = 0.0) -> None:
        """Send these sessions in order, and wait until all are answered. `begun` is the second of the
        schedule at which it goes on. LabError when the disk takes no more records."""
        if self._traffic.pattern == "closed":
            await self._closed(deque(sessions))
        else:
            await self._going.wait()  # a pause may have begun before this part of the schedule
            self._origin = time.perf_counter() - begun
            await self._open(sessions)
        while self._waiting:
            await asyncio.wait(list(self._waiting.values()))
        self._check_disk()

    async def _open(self, sessions: Sequence[Sending]) -> None:
        free = time.perf_counter()
        for one in sessions:
            await self._until(one.at)
            if self._stopped:
                return
            if self._skip(one):
                continue
            late = time.perf_counter() - max(self._origin + one.at, free)
            if self._places is not None:
                await self._places.acquire()
                await self._going.wait()
                if self._stopped or self._skip(one):  # while it waited for its place
                    self._places.release()
                    continue
            self.latest_s = max(self.latest_s, late)
            self._submit(one, self._origin + one.at)
            self._check_disk()
            free = time.perf_counter()

    async def _until(self, at: float) -> None:
        """Wait until this second of the schedule, which pauses put off."""
        while not self._stopped:
            await self._going.wait()
            left = self._origin + at - time.perf_counter()
            if left <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._held.wait()

    async def _closed(self, sessions: deque[Sending]) -> None:
        async def user() -> None:
            while sessions and not self._stopped:
                await self._going.wait()
                if self._stopped or not sessions:
                    return
                one = sessions.popleft()
                if self._skip(one):
                    continue
                await self._submit(one, time.perf_counter())
                if self._lab.unsaved:  # send says so
                    return
                await asyncio.sleep(self._traffic.think_s)

        async with asyncio.TaskGroup() as users:
            for _ in range(self._traffic.users):
                users.create_task(user())

    def _submit(self, one: Sending, due: float) -> asyncio.Future[None]:
        """Put the session to its arm; done when it is answered."""
        future = self._waiting[one.id] = asyncio.get_running_loop().create_future()
        at = datetime.now(UTC) - timedelta(seconds=time.perf_counter() - due)
        self.under_way_of[one.arm] += 1
        until = due + (self._traffic.patience_s or inf)
        self._lab.runner.submit(one.arm, one.item, one.repeat, due, Due(one.id, at, until))
        return future

    def _seen(self, event: Event) -> None:
        if not isinstance(event, TrialDone) or event.trial.session is None:
            return
        future = self._waiting.pop(event.trial.session, None)
        if future is not None:
            self.under_way_of[event.trial.arm] -= 1
            if self._places is not None:
                self._places.release()
            future.set_result(None)
            self._done(event.trial)

    def _check_disk(self) -> None:
        if self._lab.unsaved:
            raise LabError(
                f"{self._lab.path}: cannot be written any more; make room and give the command again"
            )
