"""A worker as the lab sees it: a child process, its pipe, its log, and a watch for one that is stuck."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from routerlab.core.prediction import Record
from routerlab.core.text import printable
from routerlab.engine.worker.protocol import (
    LINE_LIMIT,
    Answer,
    Ask,
    Chat,
    Failed,
    FromWorker,
    LoadModel,
    Ping,
    Pong,
    Ready,
    Said,
    Surprisals,
    Weigh,
    encode,
    from_worker,
)
from routerlab.paths import log_dir

WORKER_ENV = {"GGML_NO_BACKTRACE": "1", "GOMP_SPINCOUNT": "1000"}
"""For workers, unless the user says otherwise: an abort forks no debugger, and threads that wait for each
other soon sleep (alone that costs about nothing, beside a busy process it saves a third and long stalls)."""

NO_GPUS = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "GGML_VK_VISIBLE_DEVICES": ""}
"""For processes that must not use one: a GPU build does so for large products even without layers there."""

BEAT_S = 2.0
"""A worker that said nothing for so long is asked whether it is there. So a run of short questions is never
disturbed, for every answer is a word, and a question gets no ping before it is older than this; in a longer
one a ping costs some 0.1 ms of the reader's thread."""

SILENCE_S = 15.0
"""Silence after a ping that shows a worker to be stuck as a whole: stopped, or in code that keeps the
interpreter's lock. A chat template may keep it for 5 s, and a busy machine only makes it slow."""

STALL_S = 60.0
"""How long a worker that has work may tell nothing and use no processor time, while its reader answers pings:
native code that waits for ever."""

START_S = 60.0
"""Time for a worker's first word, while the interpreter and the library are read from a disk."""

MOVED_S = 0.001
"""Processor time between two pongs that counts as work; a process that only waits uses none."""

EOF_S = 2.0
"""Time to end for a process whose pipe is closed already."""


async def spawn(
    module: str, log: Path, hide_gpus: bool, env: Mapping[str, str]
) -> asyncio.subprocess.Process:
    """Run a module that reads lines and writes lines, with its output in `log`. It has a session of its own:
    Ctrl+C is for the lab."""
    with log.open("ab") as sink:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=sink,
            env={**env, **(NO_GPUS if hide_gpus else {})},
            start_new_session=True,
            limit=LINE_LIMIT,
        )


class Worker:
    """One child process and its pipe. `fault` is what the lab ended it for, in words, if it did."""

    def __init__(
        self, process: asyncio.subprocess.Process, log: Path, heard: Callable[[FromWorker], None]
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.log = log
        self.fault = ""
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._heard = heard
        self._spoke = self._moved = False
        """Whether anything came, and whether there was progress, since the last beat."""
        self._cpu_s = 0.0
        self._work_since: float | None = None
        self.ended = asyncio.create_task(self._read())
        """Done when the process has ended; its result is the exit code (negative: the signal)."""

    async def _read(self) -> int:
        watch = asyncio.create_task(self._watch())
        try:
            while line := await self._stdout.readline():
                self._hear(from_worker.validate_json(line))
        except ValueError:  # not a message of ours: this worker cannot be trusted any more
            self._end("wrote what is no message of the protocol")
        finally:
            watch.cancel()
        try:
            return await asyncio.wait_for(self.process.wait(), EOF_S)
        except TimeoutError:
            self._end("closed its pipe and went on")
            return await self.process.wait()

    def _hear(self, message: FromWorker) -> None:
        self._spoke = True
        if isinstance(message, Pong):
            if message.cpu_s - self._cpu_s > MOVED_S:
                self._cpu_s, self._moved = message.cpu_s, True
            return
        self._moved = True
        if isinstance(message, (Ready, Failed, Answer, Said, Surprisals)):
            self._work_since = None
        self._heard(message)

    async def _watch(self) -> None:
        """End the process when it is stuck. Beats are counted instead of seconds: a lab that was suspended
        itself must not blame its workers."""
        met = pinged = False
        silent = stalled = 0
        while True:
            await asyncio.sleep(BEAT_S)
            met = met or self._spoke
            silent = 0 if self._spoke else silent + pinged
            stalled = 0 if self._moved or self._work_since is None else stalled + 1
            limit = SILENCE_S if met else START_S
            if silent * BEAT_S >= limit:
                return self._end(f"did not move for {limit:g} s")
            if stalled * BEAT_S >= STALL_S:
                return self._end(f"had work and did nothing for {STALL_S:g} s")
            young = self._work_since is not None and _now() - self._work_since < BEAT_S
            pinged = not self._spoke and not young
            self._spoke = self._moved = False
            if pinged:
                self.send(Ping())

    def send(self, message: Record) -> None:
        """Write one message; a dead worker is noticed by `ended`, and a stuck one, which reads nothing, must
        not keep its sender waiting."""
        if isinstance(message, (LoadModel, Ask, Chat, Weigh)):
            self._work_since = _now()
        self._stdin.write(encode(message))

    def _end(self, fault: str) -> None:
        self.fault = self.fault or fault
        self.kill()

    def kill(self) -> None:
        """End the process at once."""
        if self.process.returncode is None:
            self.process.kill()

    def death(self) -> str:
        """How it ended, in words, once it has. After somebody else's SIGKILL its log has nothing to tell."""
        code = self.ended.result()
        if code == -9 and not self.fault:
            return "the worker was killed (signal 9)"
        how = self.fault or (f"was ended by signal {-code}" if code < 0 else f"ended with code {code}")
        last = log_tail(self.log, 1)
        return f"the worker {how}; {f'its log ends: {last[0]}' if last else 'its log is empty'}"


def new_log(name: str) -> Path:
    """A path for the log of an arm of this name; OSError when there can be no folder for it."""
    folder = log_dir()
    folder.mkdir(parents=True, exist_ok=True)
    safe = "".join(ch if ch.isalnum() or ch in ".-_" else "_" for ch in name)[:60]
    return folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}-{safe}.log"


def log_tail(log: Path, count: int) -> tuple[str, ...]:
    """The last lines of a log that say something, at most `count`, each cut and safe to show."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            text = file.read().decode("utf-8", "replace")
    except OSError as e:
        return (f"(the log cannot be read: {e.strerror})",)
    lines = deque((s.strip() for s in text.splitlines() if s.strip()), count)
    return tuple(printable(line[:200]) for line in lines)


def _now() -> float:
    return asyncio.get_running_loop().time()
