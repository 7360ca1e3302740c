"""Tuning runs in a process of its own: this module starts it, hears how far it is, and ends it."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from routerlab.core.errors import LabError
from routerlab.core.text import printable
from routerlab.engine.contract.router import Row
from routerlab.resources import TAXONOMY

ROUTERLAB: tuple[str, ...] = (sys.executable, "-m", "routerlab")
LONGEST = 16 * 2**20
"""Bytes of a line that are read; a longer one is passed over."""
TAIL = 64 * 1024
"""Bytes of the child's stderr that are kept."""
PATIENCE_S = 5.0
"""Seconds the child has to obey an interrupt before it is killed."""
DRAIN_S = 1.0

Phase = Literal["idle", "running", "stopping", "done", "failed", "cancelled"]


class Said(BaseModel):
    """Base of what the child says; what a newer command adds is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Step(Said):
    """How far the child is."""

    stage: str
    done: int
    total: int


class Point(Said):
    """The learning curve at `n` labelled cases."""

    n: int
    accuracy: float
    low: float
    high: float


class Change(Said):
    """A prompt that the router labels otherwise than before."""

    prompt: str
    gold: str
    before: str
    after: str


class Learned(Said):
    """What `added` annotations changed."""

    added: int
    before: float
    after: float
    changed: tuple[Change, ...] = ()


class Outcome(Said):
    """The child's last word; `done` is the router file."""

    done: Path
    notes: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    curve: tuple[Point, ...] = ()
    learned: Learned | None = None


@dataclass(frozen=True)
class Job:
    """What is run: words for the screen, the model it is about, and prompt -> label where a router learns."""

    title: str
    model: Path
    labels: Mapping[str, str] = field(default_factory=dict)


def tune_arguments(model: Path, budget_min: float, taxonomy: Path) -> list[str]:
    """`routerlab`'s arguments to tune a model for the labels of the taxonomy file."""
    labels = [] if taxonomy == TAXONOMY else ["--taxonomy", str(taxonomy.absolute())]
    return ["tune", str(model.absolute()), "--progress", "json", "--budget", f"{budget_min:g}", *labels]


def learn_arguments(router: Path, session: Path) -> list[str]:
    """`routerlab`'s arguments to fit a router anew with a session's annotations."""
    paths = [str(router.absolute()), "--session", str(session.absolute())]
    return ["tune", "learn", *paths, "--progress", "json"]


class Tuning:
    """One child at a time. `version` counts what changed; `on_end` is called when a child has ended; `added`
    is the arm that the outcome's router became."""

    def __init__(self, now: Callable[[], float], patience_s: float = PATIENCE_S) -> None:
        """`now` is the clock of the elapsed time."""
        self.command: Sequence[str] = ROUTERLAB
        self.on_end: Callable[[], None] = lambda: None
        self.phase: Phase = "idle"
        self.job: Job | None = None
        self.step: Step | None = None
        self.outcome: Outcome | None = None
        self.message = ""
        self.added = ""
        self.version = 0
        self._now = now
        self._patience_s = patience_s
        self._began = self._ended = 0.0
        self._process: asyncio.subprocess.Process | None = None
        self._started = asyncio.Event()
        self._run: asyncio.Task[None] | None = None
        self._insist: asyncio.Task[None] | None = None
        self._killed = False

    @property
    def active(self) -> bool:
        """Whether a child runs."""
        return self.phase in ("running", "stopping")

    @property
    def elapsed(self) -> float:
        """Seconds since the child began, until it ended."""
        return (self._now() if self.active else self._ended) - self._began

    def start(self, job: Job, arguments: Sequence[str]) -> None:
        """Run `command` with these arguments. LabError while another child runs."""
        if self.active:
            raise LabError("a tuning is going on: cancel it first (c)")
        self.job, self.step, self.outcome, self.message, self.added = job, None, None, "", ""
        self._killed, self._process, self._started = False, None, asyncio.Event()
        self._began = self._now()
        self._to("running")
        self._run = asyncio.create_task(self._watch([*self.command, *arguments]))

    def take(self, arm: str) -> None:
        """The router is in the lab, as this arm."""
        self.added = arm
        self.version += 1

    def cancel(self) -> None:
        """Interrupt the child; kill it if it does not obey."""
        if self.phase == "running":
            self._to("stopping")
            self._insist = asyncio.create_task(self._stop())

    async def close(self) -> None:
        """End the child, if there is one, and wait for its end."""
        self.cancel()
        if self._run is not None:
            await self._run

    async def _stop(self) -> None:
        await self._started.wait()
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        await asyncio.sleep(self._patience_s)
        self._killed = True
        _kill(self._process)

    async def _watch(self, argv: Sequence[str]) -> None:
        try:
            phase, message = await self._live(argv)
        except OSError as e:
            phase, message = "failed", f"the command cannot be started: {e.strerror}"
        finally:
            if self._insist is not None:
                self._insist.cancel()
                self._insist = None
        self.message = message
        self._ended = self._now()
        self._to(phase)
        self.on_end()

    async def _live(self, argv: Sequence[str]) -> tuple[Phase, str]:
        """The child's life; the phase it ends in, and why."""
        pipe = asyncio.subprocess.PIPE
        process = self._process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            limit=LONGEST,
            start_new_session=True,  # Ctrl+C in the terminal is for the lab
        )
        self._started.set()
        assert process.stdout is not None
        assert process.stderr is not None
        reading = asyncio.create_task(self._read(process.stdout))
        tail = asyncio.create_task(_tail(process.stderr))
        try:
            code = await process.wait()
        finally:
            _kill(process)  # whatever it may have left behind
        # Something that outlived the child could hold its pipes open: no waiting for that.
        await asyncio.wait([reading, tail], timeout=DRAIN_S)
        reading.cancel()
        words = tail.result() if tail.done() else ""
        tail.cancel()
        return self._verdict(code, words)

    def _verdict(self, code: int, words: str) -> tuple[Phase, str]:
        if code == 0 and self.outcome is not None:
            return "done", ""
        self.outcome = None
        if self._killed:
            return "cancelled", "it did not obey and was killed; what it had read is kept"
        if self.phase == "stopping":
            return "cancelled", "cancelled; what was read is kept, and tuning again goes on from there"
        if code < 0:
            return "failed", f"the command was ended by {_signal(code)}; what it had read is kept"
        if code == 0:
            return "failed", "the command ended without a result"
        return "failed", words or f"the command ended with exit code {code}"

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than LONGEST
                continue
            if not line:
                return
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        """Take a line in; what is neither progress nor a result is passed over."""
        with suppress(ValidationError):
            self.step = Step.model_validate_json(line)
            self.version += 1
        with suppress(ValidationError):
            self.outcome = Outcome.model_validate_json(line)
            self.version += 1

    def _to(self, phase: Phase) -> None:
        self.phase = phase
        self.version += 1


async def _tail(stream: asyncio.StreamReader) -> str:
    """The last line of what the child complains of, without the word "error"."""
    kept = b""
    while piece := await stream.read(TAIL):
        kept = (kept + piece)[-TAIL:]
    lines = [line for line in kept.decode("utf-8", "replace").splitlines() if line.strip()]
    return printable(lines[-1].strip()).removeprefix("error: ") if lines else ""


def _signal(code: int) -> str:
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _kill(process: asyncio.subprocess.Process) -> None:
    """Kill the child and everything in its group, as long as there is anything."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
