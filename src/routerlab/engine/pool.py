"""Arms that are GGUF models: each a worker process that is started, watched, cancelled and restarted."""

import asyncio
import base64
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Prediction, Record
from routerlab.engine.arm import Arm, ArmSpec, ArmState
from routerlab.engine.protocol import (
    LINE_LIMIT,
    Answer,
    Ask,
    Cancel,
    Failed,
    FromWorker,
    Load,
    Loading,
    Ready,
    encode,
    from_worker,
)
from routerlab.models.gguf import read_header
from routerlab.paths import log_dir

WORKER_ENV = {"GGML_NO_BACKTRACE": "1", "GOMP_SPINCOUNT": "1000"}
"""For workers, unless the user says otherwise: an abort forks no debugger, and threads that wait for each
other soon sleep (alone that costs about nothing, beside a busy process it saves a third and long stalls)."""

CANCEL_DEADLINE_S = 2.0
"""How long a worker may take to obey a cancellation before it is killed."""

MAX_RESTARTS = 3
"""Crashes in a row after which an arm is given up until a person restarts it."""


class Worker:
    """One child process and its pipe."""

    def __init__(self, process: asyncio.subprocess.Process, heard: Callable[[FromWorker], None]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.garbled = False
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._heard = heard
        self.ended = asyncio.create_task(self._read())
        """Done when the process has ended; its result is the exit code (negative: the signal)."""

    @staticmethod
    async def spawn(log: Path, hide_gpus: bool, heard: Callable[[FromWorker], None]) -> "Worker":
        """Start a worker whose output goes to `log`, in a session of its own: Ctrl+C is for the lab."""
        env = WORKER_ENV | os.environ
        if hide_gpus:
            env |= {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "GGML_VK_VISIBLE_DEVICES": ""}
        with log.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "routerlab.engine.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=sink,
                env=env,
                start_new_session=True,
                limit=LINE_LIMIT,
            )
        return Worker(process, heard)

    async def _read(self) -> int:
        try:
            while line := await self._stdout.readline():
                self._heard(from_worker.validate_json(line))
        except ValueError:  # not a message of ours: this worker cannot be trusted any more
            self.garbled = True
            self.kill()
        return await self.process.wait()

    def send(self, message: Record) -> None:
        """Write one message; a dead worker is noticed by `ended`, and a stuck one, which reads nothing, must
        not keep its sender waiting."""
        self._stdin.write(encode(message))

    def kill(self) -> None:
        """End the process at once."""
        if self.process.returncode is None:
            self.process.kill()


class ModelArm:
    """An arm that is a GGUF model (see `Arm`)."""

    def __init__(self, spec: ArmSpec, load: Load, turn: asyncio.Lock) -> None:
        """`load` says how to load the model, `turn` is held while doing so (see factory.py)."""
        self.spec = spec
        self.state = ArmState(since=time.monotonic())
        self.on_change: Callable[[Arm], None] = lambda _: None
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
        """Counts starts and stops: what began in an earlier life must not touch a later one."""

    @property
    def log(self) -> Path | None:
        """The worker's output."""
        return self._log

    def _set(self, state: ArmState) -> None:
        self.state = state
        self.on_change(self)

    async def start(self) -> None:
        """Load the model: all layers on the GPU where the build has one, then half, then none."""
        self._life += 1
        life = self._life
        self._set(self.state.to("starting", time.monotonic(), stage="waiting for its turn to load"))
        try:
            await self._start(life)
        except (OSError, ValueError, LabError) as e:  # no log, no process, a path that is not text
            if life == self._life:
                message = f"{self._load.model}: no worker could be started: {e}"
                self._set(self.state.to("failed", time.monotonic(), message=message, pid=None))

    async def _start(self, life: int) -> None:
        if self._log is None:
            self._log = _new_log(self.spec.name)
        async with self._turn:
            plans = [self._load.gpu_layers]
            message = self.state.message  # after a crash: a person should still read why
            while plans and life == self._life:
                layers = plans.pop(0)
                reply = await self._try(life, layers, message)
                if life != self._life:
                    return
                plans = plans if isinstance(reply, Failed) and reply.retry else []
                if isinstance(reply, Ready):
                    self._set(
                        self.state.to("ready", time.monotonic(), stage="", fraction=None, info=reply.info)
                    )
                    return
                message = reply.message
                if reply.retry and layers != 0:
                    half = ((await asyncio.to_thread(read_header, self._load.model)).n_layers or 0) // 2
                    plans = [half, 0] if layers < 0 and half else [0]
                    message = f"{_layers(layers)} on the GPU did not load; trying {_layers(plans[0])}"
        if life == self._life:
            self._set(self.state.to("failed", time.monotonic(), message=message, pid=None))

    async def _try(self, life: int, layers: int, message: str) -> Ready | Failed:
        """One worker, one attempt to load with so many layers on the GPU."""
        assert self._log is not None
        ready = self._ready = asyncio.get_running_loop().create_future()
        async with self._spawning:
            worker = await Worker.spawn(self._log, hide_gpus=layers == 0, heard=self._heard)
            self._worker = worker
        if life != self._life:  # stopped while the process was being made
            worker.kill()
            return Failed(message="stopped", retry=False)
        worker.ended.add_done_callback(lambda _: self._noticed_end(worker, life))
        pid = worker.process.pid
        self._set(self.state.to("loading", time.monotonic(), stage="starting", message=message, pid=pid))
        worker.send(self._load.model_copy(update={"gpu_layers": layers}))
        await _first(ready, worker.ended)
        if ready.done():
            reply: Ready | Failed = ready.result()
            if isinstance(reply, Failed):
                worker.kill()
            return reply
        if worker.ended.result() == -getattr(signal, "SIGALRM", 0):
            limit = self._load.template_limit_s
            message = f"{self._load.model}: its chat template runs longer than {limit:g} s"
            return Failed(message=message, retry=False)
        return Failed(
            message=f"while loading, {self._death(worker)}",
            retry=self._gpu_build and layers != 0,
        )

    def _noticed_end(self, worker: Worker, life: int) -> None:
        """A worker that dies between two questions is replaced at once, not when somebody asks."""
        if life == self._life and self.state.phase == "ready":
            self._replace(worker, self._death(worker))

    def _heard(self, message: FromWorker) -> None:
        if isinstance(message, Loading):
            self._gpu_build = message.gpu_build
            if self.state.phase == "loading":
                self._set(replace(self.state, stage=message.stage, fraction=message.fraction))
        elif isinstance(message, Answer):
            # A late answer to a question that was given up must not land in a newer one.
            if self._answer and not self._answer.done() and message.id == self._question:
                self._answer.set_result(message)
        elif self._ready and not self._ready.done():
            self._ready.set_result(message)

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        """See `Arm.ask`. A worker that dies, or does not answer in time, is replaced in the background."""
        return await self._ask(prompt, timeout_s)

    async def read(
        self, prompt: str, window: int | None, timeout_s: float
    ) -> tuple[Prediction, NDArray[np.float32] | None]:
        """The answer, and where layers are read their features: (layers, 2 x n_embd)."""
        prediction = await self._ask(prompt, timeout_s, window)
        text = self._answer.result().features if self._answer and self._answer.done() else None
        if prediction.status != "ok" or text is None:
            return prediction, None
        numbers = np.frombuffer(base64.b64decode(text), dtype="<f4")
        return prediction, numbers.reshape(len(self._load.layers), -1)

    async def _ask(self, prompt: str, timeout_s: float, window: int | None = None) -> Prediction:
        worker, life = self._worker, self._life
        if worker is None or self.state.phase != "ready":
            return Prediction(status="crashed", error=self.state.message or "the arm is not ready")
        self._question += 1
        self._cancelled = False
        self._answer = asyncio.get_running_loop().create_future()
        self._set(self.state.to("busy", time.monotonic()))
        start = time.perf_counter()
        worker.send(Ask(id=self._question, prompt=prompt, window=window))
        await _first(self._answer, worker.ended, timeout=timeout_s)
        total = (time.perf_counter() - start) * 1000.0
        if self._answer.done():
            prediction = self._answer.result().prediction
            if life == self._life:
                self._set(self.state.to("ready", time.monotonic(), restarts=0))
            latency = prediction.latency_ms.model_copy(update={"total": total})
            return prediction.model_copy(update={"latency_ms": latency})
        latency = Latency(total=total)
        if self._cancelled or life != self._life:
            prediction = Prediction(status="cancelled", latency_ms=latency)
            reason = "stopped because it did not obey a cancellation"
        elif worker.ended.done():
            reason = self._death(worker)
            prediction = Prediction(status="crashed", error=reason, latency_ms=latency)
        else:
            reason = f"no answer in {timeout_s:g} s"
            prediction = Prediction(status="timeout", error=reason, latency_ms=latency)
        if life == self._life:
            self._replace(worker, reason)
        return prediction

    def _replace(self, worker: Worker, reason: str) -> None:
        worker.kill()
        restarts = self.state.restarts + 1
        self._set(self.state.to("crashed", time.monotonic(), message=reason, restarts=restarts, pid=None))
        if restarts <= MAX_RESTARTS:
            self._restart = asyncio.create_task(self.start())
        else:
            message = f"given up after {restarts} crashes in a row: {reason}"
            self._set(self.state.to("failed", time.monotonic(), message=message))

    def cancel(self) -> None:
        """Ask the worker to stop the question in progress; kill it if it does not obey in two seconds."""
        if self.state.phase == "busy" and self._worker and not self._cancelled:
            self._cancelled = True
            self._enforcer = asyncio.create_task(self._enforce(self._worker, self._question))

    async def _enforce(self, worker: Worker, question: int) -> None:
        worker.send(Cancel(id=question))
        assert self._answer is not None
        await _first(self._answer, worker.ended, timeout=CANCEL_DEADLINE_S)
        if self._question == question and not self._answer.done():
            worker.kill()

    async def stop(self) -> None:
        """Kill the worker and wait for its end. Nothing in it is worth saving."""
        self._life += 1
        life = self._life
        async with self._spawning:
            worker = self._worker
        if worker:
            worker.kill()
            await _first(worker.ended)
        if life == self._life:
            self._set(self.state.to("stopped", time.monotonic(), message="", restarts=0, pid=None))

    def _death(self, worker: Worker) -> str:
        """How a worker ended, in words. After SIGKILL its log has nothing to tell: somebody else did it."""
        code = worker.ended.result()
        if code == -9 and not worker.garbled:
            return "the worker was killed (signal 9)"
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        if worker.garbled:
            how = "wrote what is no message of the protocol"
        return f"the worker {how}; {self._last_line()}"

    def _last_line(self) -> str:
        """The last line of the log, for a message; the log viewer shows the rest."""
        assert self._log is not None
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return "its log is gone"
        lines = deque((s for s in text.splitlines() if s.strip()), 1)
        return f"its log ends: {lines[0].strip()[:200]}" if lines else "its log is empty"


async def _first(*futures: asyncio.Future[Any], timeout: float | None = None) -> None:  # noqa: ASYNC109
    """Wait until one of them is done, or the time is up; none is cancelled."""
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


def _layers(n: int) -> str:
    return "all layers" if n < 0 else f"{n} layers" if n else "no layers"


def _new_log(name: str) -> Path:
    folder = log_dir()
    folder.mkdir(parents=True, exist_ok=True)
    safe = "".join(ch if ch.isalnum() or ch in ".-_" else "_" for ch in name)[:60]
    return folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}-{safe}.log"
