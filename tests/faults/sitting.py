"""A real lab with real workers, and what must hold of it after every fault."""

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from unittest.mock import patch

from routerlab.core.prediction import Trial
from routerlab.core.session.file import read_session
from routerlab.engine.arms import local as pool
from routerlab.engine.arms import process
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.names import ContractName
from routerlab.engine.lab.events import Event, TrialDone
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.resources import TAXONOMY
from routerlab.settings import Settings
from tests.engine.asking import TWO
from tests.engine.workers import arms
from tests.faults.disk import Disk
from tests.proc import alive

LIMIT_S = 120.0
"""Deadline of every wait: far above what is needed, so that only a hang reaches it."""
TIMEOUT_S = 60.0
SUBJECT, BYSTANDER = "subject", "bystander"
SETTLED = ("ready", "failed")


_logs: ContextVar[Path] = ContextVar("logs")
"""Where the workers of a sitting write: several may go on at once."""


class Violation(Exception):  # noqa: N818 (what the suite looks for, not a fault of its own)
    """Something does not hold that must."""


@contextmanager
def short_limits() -> Iterator[None]:
    """Pauses and limits for a suite of many faults; none is so short that a busy machine trips it, and if it
    does all the same, an arm outlives that: a full disk kills two workers in a row, and may meet a third."""
    with (
        patch.object(process, "BEAT_S", 0.1),
        patch.object(process, "SILENCE_S", 4.0),
        patch.object(process, "START_S", 8.0),
        patch.object(process, "EOF_S", 0.3),
        patch.object(pool, "PAUSES_S", (0.0, 0.1, 0.1)),
        patch.object(process, "log_dir", _logs.get),
    ):
        yield


class Sitting:
    """A lab with two arms: faults hit the subject, and the bystander must not notice."""

    def __init__(self, lab: Lab, disk: Disk) -> None:
        self.lab = lab
        self.disk = disk
        self.delivered: list[Trial] = []
        self.pids: set[int] = set()
        self.seen: Counter[str] = Counter()
        """Statuses of trials, for the summary."""
        lab.subscribe(self._watch)

    def _watch(self, event: Event) -> None:
        if isinstance(event, TrialDone):
            self.delivered.append(event.trial)
            self.seen[event.trial.status] += 1
        for arm in self.lab.arms.values():
            if arm.state.pid is not None:
                self.pids.add(arm.state.pid)

    def arm(self, name: str = SUBJECT) -> ModelArm:
        """The arm; every arm here is one model."""
        arm = self.lab.arms[name]
        assert isinstance(arm, ModelArm)
        return arm

    @property
    def pid(self) -> int:
        """The subject's worker."""
        pid = self.arm().state.pid
        assert pid is not None
        return pid

    @property
    def worker(self) -> process.Worker:
        """The lab's end of the subject's worker."""
        worker = self.arm()._worker
        assert worker is not None
        return worker

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait for a condition; Violation at the deadline."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not condition():
                    await asyncio.sleep(0.003)
        except TimeoutError:
            raise Violation(f"waited {LIMIT_S:g} s for {what}") from None

    async def phase(self, *wanted: str, name: str = SUBJECT) -> None:
        """Wait until the arm is in one of these phases."""
        await self.until(f"{name} to be {' or '.join(wanted)}", lambda: self.arm(name).state.phase in wanted)

    async def replaced(self, pid: int) -> None:
        """Wait until the subject has another worker than `pid`, ready."""
        arm = self.arm()
        await self.until(
            f"worker {pid} to be replaced", lambda: arm.state.phase in SETTLED and arm.state.pid != pid
        )

    async def ask(self, prompt: str) -> list[Trial]:
        """Put a prompt to every arm that is not out; their trials."""
        before = len(self.delivered)
        self.lab.ask(prompt)
        asked = [name for name, arm in self.lab.arms.items() if arm.state.phase != "failed"]
        await self.until("every answer", lambda: len(self.delivered) >= before + len(asked))
        return self.delivered[before:]

    async def check(self, bystander: int) -> None:
        """What must hold after a fault, else Violation. `bystander` is that arm's pid before the fault."""
        for name in (SUBJECT, BYSTANDER):
            await self.phase(*SETTLED, name=name)
            state = self.arm(name).state
            if state.phase == "failed":
                raise Violation(f"{name} is out: {state.message}")
        for trial in await self.ask("a plain question"):
            if trial.status not in ("ok", "unparsed"):
                raise Violation(f"a plain question to {trial.arm}: {trial.status}: {trial.error}")
        if (other := self.arm(BYSTANDER).state.pid) != bystander:
            raise Violation(f"the bystander's worker was {bystander}, now it is {other}")
        if self.lab.unsaved:
            raise Violation(f"{self.lab.unsaved} records wait in memory")
        self.saved()
        now = {arm.state.pid for arm in self.lab.arms.values()}
        await self.until("orphans to end", lambda: not any(alive(pid) for pid in self.pids - now))

    def saved(self) -> None:
        """Violation unless the session file has every trial that was delivered, as it was."""
        assert self.lab.path is not None
        opened = read_session(self.lab.path)
        if opened.torn:
            raise Violation(f"{opened.torn} bytes at the end of the session are torn")
        if (want := [_kept(t) for t in self.delivered]) != (
            have := [_kept(t) for t in opened.session.trials]
        ):
            raise Violation(f"the session has {len(have)} trials, delivered were {len(want)}, or they differ")


def _kept(trial: Trial) -> tuple[object, ...]:
    return (trial.id, trial.arm, trial.prompt, trial.repeat, trial.status, trial.label, trial.tokens)


@asynccontextmanager
async def sitting(
    disk: Disk, subject: Path, contract: ContractName, bystander: Path
) -> AsyncIterator[Sitting]:
    """A lab with both arms ready; at the end it is closed, and Violation if a process or a fault is left."""
    faults: list[str] = []

    def fault(_: object, context: dict[str, Any]) -> None:
        faults.append(f"{context['message']}: {context.get('exception')!r}")

    asyncio.get_running_loop().set_exception_handler(fault)
    settings = Settings(threads=1, gpu_layers=0, context=1024, annotator="ada", timeout_s=TIMEOUT_S)
    folder = Path(tempfile.mkdtemp(dir=disk.folder))
    _logs.set(folder / "logs")
    materials = Materials(TWO, TAXONOMY, None, None)
    it = Sitting(Lab(materials, settings, arms(settings), folder / "session.toml"), disk)
    try:
        it.lab.add_arm(ArmSpec(name=BYSTANDER, model=bystander))
        it.lab.add_arm(ArmSpec(name=SUBJECT, model=subject, contract=contract))
        await it.check(await _pid(it, BYSTANDER))
        yield it
    finally:
        async with asyncio.timeout(LIMIT_S):
            await it.lab.close()
    it.saved()
    await it.until("workers to end", lambda: not any(alive(pid) for pid in it.pids))
    shutil.rmtree(folder)
    await asyncio.sleep(0)
    if faults:
        raise Violation(f"nobody caught: {faults[0]}")


async def _pid(it: Sitting, name: str) -> int:
    await it.phase(*SETTLED, name=name)
    return it.arm(name).state.pid or 0


def children() -> list[int]:
    """Processes that this one has started and not yet buried."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return []
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    found: list[int] = []
    for file in tasks:
        with suppress(OSError):  # of a thread that has ended
            found += map(int, file.read_text().split())
    return found
