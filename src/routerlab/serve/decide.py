"""Asks the router that is at work, within its limits, and those that shadow it."""

import asyncio
import time
from collections.abc import Sequence

from routerlab.api import AsyncRouter, Decision
from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency
from routerlab.engine.arms.arm import Arm
from routerlab.engine.lab.materials import Materials
from routerlab.serve.ledger import Recorder
from routerlab.serve.limits import Limits, RefusedError
from routerlab.serve.metrics import Metrics

SMOOTH = 0.1
"""How much of the mean time of a turn the latest decision is."""
IN_TIME = 0.7
"""Share of the deadline that an answer may be away when it is asked for. In a full queue all have waited as
long as it is: were that the whole deadline, all would be late, and what is done for them is lost."""
RANKS = {"ready": 0, "busy": 0, "failed": 2, "stopped": 2}
"""Which workers are asked first: those that can answer, then those that will, then those that are out."""


class Pool:
    """One arm, as often as there are workers: each has a process and a queue of its own."""

    def __init__(self, routers: Sequence[AsyncRouter]) -> None:
        self.name = routers[0].name
        self.labels = routers[0].labels
        self._routers = routers
        self._pending = [0] * len(routers)
        self._turn_s = 0.0
        """What a decision took lately, for each turn of the workers that it waited for, its own included."""

    @property
    def arm(self) -> Arm:
        """One of them, for what is to be said of all."""
        return self._routers[0].arm

    @property
    def ready(self) -> bool:
        """Whether one is there, or will be by itself."""
        return min(self._rank(i) for i in range(len(self._routers))) < 2

    @property
    def pending(self) -> int:
        """Questions that are asked and not answered."""
        return sum(self._pending)

    @property
    def capacity(self) -> int:
        """Questions that are answered at a time."""
        return sum((r.arm.state.info and r.arm.state.info.concurrency) or 1 for r in self._routers)

    @property
    def wait_s(self) -> float:
        """About how long a question that came now would wait."""
        return self.pending / self.capacity * self._turn_s

    @property
    def answer_s(self) -> float:
        """About how long until a question that came now is answered; 0 where it need not wait."""
        return self.wait_s + self._turn_s if self.pending else 0.0

    async def start(self) -> None:
        """Load them one after the other; LabError when one cannot be loaded, and then none is left."""
        try:
            for router in self._routers:
                await router.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End all workers."""
        await asyncio.gather(*(router.close() for router in self._routers))

    async def route(self, prompt: str) -> Decision:
        """The decision of the worker that has the least to do (see AsyncRouter.route)."""
        at = min(range(len(self._routers)), key=lambda i: (self._rank(i), self._pending[i]))
        turns, began = self.pending / self.capacity + 1.0, time.perf_counter()
        self._pending[at] += 1
        try:
            decision = await self._routers[at].route(prompt)
        except asyncio.CancelledError:  # nobody knows how long it would have taken, but so long at least
            self._learn(max(self._turn_s, (time.perf_counter() - began) / turns))
            raise
        finally:
            self._pending[at] -= 1
        if decision.status == "ok":
            self._learn((time.perf_counter() - began) / turns)
        return decision

    def _learn(self, turn_s: float) -> None:
        self._turn_s += (turn_s - self._turn_s) * (SMOOTH if self._turn_s else 1.0)

    def _rank(self, at: int) -> int:
        return RANKS.get(self._routers[at].arm.state.phase, 1)


class Decider:
    """The arm that decides, and its shadows, whose answers are written down and change nothing."""

    def __init__(
        self,
        materials: Materials,
        main: Pool,
        shadows: Sequence[Pool],
        limits: Limits,
        metrics: Metrics,
        recorder: Recorder,
    ) -> None:
        self.materials = materials
        self.main = main
        self._shadows = shadows
        self._limits = limits
        self._metrics = metrics
        self._recorder = recorder
        self._beside: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Load all; LabError when one cannot be loaded, and then none is left."""
        try:
            for pool in (self.main, *self._shadows):
                await pool.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let the shadows go, and end all workers."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await asyncio.gather(*(pool.close() for pool in (self.main, *self._shadows)))

    async def decide(self, prompt: str) -> Decision:
        """What the router says in time; status "timeout" where it does not. RefusedError when it is not
        asked: the prompt is too long, the router is out, or too many wait already for it to be in time, or
        at all."""
        most = self._limits.prompt_characters
        if len(prompt) > most:
            raise RefusedError(413, "prompt_too_long", f"the prompt is longer than {most} characters")
        if not self.main.ready:
            raise RefusedError(503, "router_out", f"{self.main.name} was given up; reload the server", 30.0)
        full = self.main.pending >= self._limits.queue + self.main.capacity
        if full or self.main.answer_s > IN_TIME * self._limits.deadline_s:
            wait_s = min(max(1.0, self.main.wait_s), self._limits.retry_s)
            code = "queue_full" if full else "would_be_late"
            raise RefusedError(429, code, f"{self.main.pending} prompts wait already", wait_s)
        try:
            return await self._in_time(self.main, prompt)
        except LabError:
            message = f"{self.main.name} was ended by a reload; ask again"
            raise RefusedError(503, "router_out", message, 1.0) from None

    async def settle(self, prompt: str, decision: Decision, target: str | None) -> None:
        """Count and write down what was decided, and where the prompt went; then ask the shadows."""
        self._metrics.decided(decision, target)
        contended = any(pool.pending for pool in self._shadows)
        written = await self._recorder.write(
            self.materials, self.main.arm, prompt, decision, target, contended
        )
        for pool in self._shadows:
            if pool.pending < self._limits.queue + pool.capacity:
                task = asyncio.create_task(self._shadow(pool, prompt, decision, written))
                self._beside.add(task)
                task.add_done_callback(self._beside.discard)
            else:
                self._metrics.lost.inc()

    async def _shadow(self, pool: Pool, prompt: str, beside: Decision, repeat: int) -> None:
        decision = await self._in_time(pool, prompt)
        self._metrics.decided(decision, None)
        agrees = "yes" if decision.label == beside.label else "no"
        self._metrics.shadows.labels(pool.name, agrees if decision.label else "silent").inc()
        contended = self.main.pending > 0
        await self._recorder.write(self.materials, pool.arm, prompt, decision, None, contended, repeat)

    async def _in_time(self, pool: Pool, prompt: str) -> Decision:
        limit = self._limits.deadline_s
        self._metrics.queue.inc()
        try:
            async with asyncio.timeout(limit):
                return await pool.route(prompt)
        except TimeoutError:
            late = Latency(total=limit * 1000.0)
            error = f"no decision in {limit:g} s"
            return Decision(arm=pool.name, status="timeout", error=error, latency_ms=late)
        finally:
            self._metrics.queue.dec()
