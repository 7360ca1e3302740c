"""Arms that are GGUF models: each a worker process that is started, watched, cancelled and restarted."""

import asyncio
import base64
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Prediction
from routerlab.core.text import plural
from routerlab.engine.arms.arm import ArmSpec, Watched
from routerlab.engine.arms.process import WORKER_ENV, Worker, log_tail, new_log, spawn
from routerlab.engine.worker.protocol import (
    Answer,
    Ask,
    Cancel,
    Failed,
    FromWorker,
    Load,
    Loading,
    LoadModel,
    Measure,
    Ready,
)
from routerlab.models.gguf import read_header

CANCEL_DEADLINE_S = 2.0
"""How long a worker may take to obey a cancellation before it is killed."""

END_S = 2.0
"""How long a worker that could not load may take to end."""

PAUSES_S = (0.0, 0.5, 1.0, 2.0)
"""Before each restart after crashes in a row: whatever ails the machine is given time to pass. After one more
crash the arm is given up until a person restarts it."""

TAIL_LINES = 5
"""Last lines of the log that are shown of an arm that was given up."""


class CrashError(Exception):
    """A worker ended before it said whether the model can be loaded."""


class ModelArm(Watched):
    """An arm that is a GGUF model (see `Arm`)."""

    _program = "routerlab.engine.worker.worker"

    def __init__(self, spec: ArmSpec, load: LoadModel, turn: asyncio.Lock) -> None:
        """`load` says how to load the model, `turn` is held while doing so (see lab/factory.py)."""
        super().__init__()
        self.spec = spec
        self._load = load
        self._turn = turn
        self._log: Path | None = None
        self._worker: Worker | None = None
        self._ready: asyncio.Future[Ready | Failed] | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._gpu_build = False
        self._question = 0
        self._cancelled = False
        self._spawning = asyncio.Lock()
        self._life = 0
        """Counts starts, restarts and stops: what began in an earlier life must not touch a later one."""
        self._interrupt = asyncio.Event()
        """Set when the life ends, for a restart that waits."""

    @property
    def log(self) -> Path | None:
        """The worker's output."""
        return self._log

    async def start(self) -> None:
        """Load the model: all layers on the GPU where the build has one, then half, then none.

        A worker that dies meanwhile is tried again, as after any crash.
        """
        life = self._begin()
        self.state = replace(self.state, restarts=0, log_tail=())
        await self._bring_up(life, pause=0.0)

    def _begin(self) -> int:
        self._life += 1
        self._interrupt.set()
        self._interrupt = asyncio.Event()
        return self._life

    async def _bring_up(self, life: int, pause: float | None) -> None:
        """Load after a pause; again after each crash, until the arm is ready, failed or given up."""
        while pause is not None:
            if pause:
                self._enter("starting", stage=f"restarting in {pause:g} s")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._interrupt.wait(), pause)
                if life != self._life:
                    return
            self._enter("starting", stage="waiting for its turn to load")
            try:
                await self._start(life)
                return
            except CrashError as e:
                pause = self._crashed(str(e)) if life == self._life else None
            except (OSError, ValueError, LabError) as e:  # no log, no process, a path that is not text
                if life == self._life:
                    if self._worker:
                        self._worker.kill()
                    message = f"{self._load.model}: no worker could be started: {e}"
                    self._enter("failed", message=message, pid=None)
                return

    def _crashed(self, reason: str) -> float | None:
        """Count a crash: the pause before the next attempt in seconds, None when the arm is given up."""
        n = self.state.restarts + 1
        self._enter("crashed", stage="", fraction=None, message=reason, restarts=n, pid=None)
        if n <= len(PAUSES_S):
            return PAUSES_S[n - 1]
        assert self._log is not None
        tail = log_tail(self._log, TAIL_LINES)
        message = f"given up after {n} crashes in a row: {reason}"
        self._enter("failed", message=message, log_tail=tail)
        return None

    async def _start(self, life: int) -> None:
        if self._log is None:
            self._log = new_log(self.spec.name)
        async with self._turn:
            plans = [self._load.wanted.layers]
            message = self.state.message  # after a crash: a person should still read why
            while plans and life == self._life:
                layers = plans.pop(0)
                reply = await self._try(life, layers, message)
                if life != self._life:
                    return
                plans = plans if isinstance(reply, Failed) and reply.retry else []
                if isinstance(reply, Ready):
                    told = "; ".join(filter(None, (self.state.message, reply.info.note)))
                    self._enter("ready", stage="", fraction=None, message=told, info=reply.info)
                    return
                message = reply.message
                if reply.retry and layers != 0 and not self._load.wanted.exact:
                    half = ((await asyncio.to_thread(read_header, self._load.model)).n_layers or 0) // 2
                    plans = [half, 0] if layers < 0 and half else [0]
                    message = f"{_layers(layers)} on the GPU did not load; trying {_layers(plans[0])}"
        if life == self._life:
            self._enter("failed", message=message, pid=None)

    async def _try(self, life: int, layers: int, message: str) -> Ready | Failed:
        """One worker, one attempt to load with so many layers on the GPU.

        CrashError when the worker ends without saying why, unless fewer layers might help.
        """
        assert self._log is not None
        ready = self._ready = asyncio.get_running_loop().create_future()
        async with self._spawning:
            env = WORKER_ENV | os.environ
            process = await spawn(self._program, self._log, layers == 0, env)
            worker = self._worker = Worker(process, self._log, self._heard)
        if life != self._life:  # stopped while the process was being made
            worker.kill()
            return Failed(message="stopped", retry=False)
        worker.ended.add_done_callback(lambda _: self._noticed_end(worker, life))
        self._enter("loading", stage="starting", message=message, pid=worker.process.pid)
        worker.send(self._load.model_copy(update={"wanted": replace(self._load.wanted, layers=layers)}))
        await first_of(ready, worker.ended)
        reply: Ready | Failed | None = ready.result() if ready.done() else None
        if isinstance(reply, Failed):  # it ends by itself, and should be gone before another needs the memory
            await first_of(worker.ended, timeout=END_S)
            worker.kill()
            return reply
        if not worker.ended.done():
            assert reply is not None
            return reply
        if worker.ended.result() == -getattr(signal, "SIGALRM", 0):
            limit = self._load.template_limit_s
            message = f"{self._load.model}: its chat template runs longer than {limit:g} s"
            return Failed(message=message, retry=False)
        message = f"while loading, {worker.death()}"
        # An abort may mean that the device is full; a kill says nothing about it.
        if self._gpu_build and layers != 0 and worker.ended.result() != -9:
            return Failed(message=message, retry=True)
        raise CrashError(message)

    def _noticed_end(self, worker: Worker, life: int) -> None:
        """A worker that dies between two questions is replaced at once, not when somebody asks."""
        if life == self._life and self.state.phase == "ready":
            self._replace(worker, worker.death())

    def _heard(self, message: FromWorker) -> None:
        if isinstance(message, Loading):
            self._gpu_build = message.gpu_build
            if self.state.phase == "loading":
                self._set(replace(self.state, stage=message.stage, fraction=message.fraction))
        elif isinstance(message, Answer):
            # A late answer to a question that was given up must not land in a newer one.
            if self._answer and not self._answer.done() and message.id == self._question:
                self._answer.set_result(message)
        elif isinstance(message, (Ready, Failed)) and self._ready and not self._ready.done():
            self._ready.set_result(message)

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See `Arm.ask`. A worker that dies, or does not answer in time, is replaced in the background."""
        return (await self._ask(prompt, timeout_s))[0]

    async def ask_many(
        self, prompts: Sequence[str], timeout_s: float, timed: bool = False
    ) -> list[Prediction]:
        """See `Arm.ask_many`: the worker computes them together."""
        n = len(prompts)
        limit = timeout_s if timed else timeout_s * n
        first, answer = await self._ask(prompts[0], limit, more=prompts[1:], timed=timed)
        total = {"total": first.latency_ms.total / (1 if timed else n)}
        how = {"together": n} if timed else {"batched": True}
        return [
            p.model_copy(update={**how, "latency_ms": p.latency_ms.model_copy(update=total)})
            for p in (first, *(answer.more if answer else [first] * (n - 1)))
        ]

    async def read(
        self, prompt: str, window: int | None, timeout_s: float
    ) -> tuple[Prediction, NDArray[np.float32] | None]:
        """The answer, and where layers are read their features: (layers, PARTS x n_embd)."""
        prediction, answer = await self._ask(prompt, timeout_s, window)
        if answer is None or answer.features is None:
            return prediction, None
        assert isinstance(self._load, Load)
        numbers = np.frombuffer(base64.b64decode(answer.features), dtype="<f4")
        return prediction, numbers.reshape(len(self._load.layers), -1)

    async def measure(
        self, prompt: str, what: Measure, timeout_s: float, window: int | None = None
    ) -> tuple[Prediction, dict[str, float]]:
        """The answer, and the milliseconds of its steps in the worker, none if it failed (see `Ask`)."""
        prediction, answer = await self._ask(prompt, timeout_s, window, what)
        return prediction, (answer.steps if answer else None) or {}

    async def _ask(
        self,
        prompt: str,
        timeout_s: float,
        window: int | None = None,
        measure: Measure | None = None,
        more: Sequence[str] = (),
        timed: bool = False,
    ) -> tuple[Prediction, Answer | None]:
        """The prediction with the whole time, and the worker's answer if there was one."""
        worker, life = self._worker, self._life
        if unready := self._unready():
            return unready, None
        assert worker is not None
        # Half a surrogate pair is no text to send.
        prompt, *others = (p.encode("utf-8", "replace").decode() for p in (prompt, *more))
        self._question += 1
        ask = Ask(
            id=self._question, prompt=prompt, more=tuple(others), window=window, timed=timed, measure=measure
        )
        self._cancelled = False
        self._answer = asyncio.get_running_loop().create_future()
        self._enter("busy")
        start = time.perf_counter()
        worker.send(ask)
        await first_of(self._answer, worker.ended, timeout=timeout_s)
        total = (time.perf_counter() - start) * 1000.0
        if self._answer.done():
            answer = self._answer.result()
            if life == self._life:
                self._enter("ready", restarts=0)
                if worker.ended.done():  # right after its answer
                    self._noticed_end(worker, life)
            latency = answer.prediction.latency_ms.model_copy(update={"total": total})
            return answer.prediction.model_copy(update={"latency_ms": latency}), answer
        latency = Latency(total=total)
        if self._cancelled or life != self._life:
            prediction = Prediction(status="cancelled", latency_ms=latency)
            reason = "stopped because it did not obey a cancellation"
        elif worker.ended.done():
            reason = worker.death()
            prediction = Prediction(status="crashed", error=reason, latency_ms=latency)
        else:
            reason = f"no answer in {timeout_s:g} s"
            prediction = Prediction(status="timeout", error=reason, latency_ms=latency)
        if life == self._life:
            self._replace(worker, reason)
        return prediction, None

    def _replace(self, worker: Worker, reason: str) -> None:
        worker.kill()
        pause = self._crashed(reason)
        if pause is not None:
            self._restart = asyncio.create_task(self._bring_up(self._begin(), pause))

    def cancel(self) -> None:
        """Ask the worker to stop the question in progress; kill it if it does not obey in two seconds."""
        if self.state.phase == "busy" and self._worker and not self._cancelled:
            self._cancelled = True
            self._enforcer = asyncio.create_task(self._enforce(self._worker, self._question))

    async def _enforce(self, worker: Worker, question: int) -> None:
        worker.send(Cancel(id=question))
        assert self._answer is not None
        await first_of(self._answer, worker.ended, timeout=CANCEL_DEADLINE_S)
        if self._question == question and not self._answer.done():
            worker.kill()

    async def stop(self) -> None:
        """Kill the worker and wait for its end. Nothing in it is worth saving."""
        life = self._begin()
        async with self._spawning:
            worker = self._worker
        if worker:
            worker.kill()
            await first_of(worker.ended)
        if life == self._life:
            self._enter("stopped", message="", restarts=0, pid=None)


async def first_of(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:  # noqa: ASYNC109
    """Wait until one of them is done, or the time is up; none is cancelled."""
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def _layers(n: int) -> str:
    return "all layers" if n < 0 else plural(n, "layer") if n else "no layers"
