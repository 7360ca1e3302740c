"""Long work on models: in threads of its own, with how far it is, and a way to stop it."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from routerlab.core.errors import Exit, LabError
from routerlab.models.progress import Progress, Report, StoppedError

AT_ONCE = 2
"""Jobs that run at the same time; others wait. The app's own threads, which save, are not theirs."""

Phase = Literal["waiting", "running", "stopping", "done", "failed", "stopped"]
ACTIVE = frozenset({"waiting", "running", "stopping"})
Work = Callable[[Report, threading.Event], str]
"""Long work: it tells how far it is, stops when the event is set, and returns what it did in words."""


@dataclass
class Job:
    """`progress` is what was told last, `note` the last line for people, `message` how it ended."""

    title: str
    model: str
    phase: Phase = "waiting"
    progress: Progress | None = None
    note: str = ""
    message: str = ""
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def active(self) -> bool:
        """Whether it has not ended."""
        return self.phase in ACTIVE

    def hear(self, told: Progress) -> None:
        """Take a report in; called in the job's thread. StoppedError once it is to stop."""
        if self.cancel.is_set():
            raise StoppedError
        if told.stage == "note":
            self.note = told.text
        else:
            self.progress = told


class Jobs:
    """All jobs of this sitting, the oldest first."""

    def __init__(self) -> None:
        self.all: list[Job] = []
        self._pool = ThreadPoolExecutor(AT_ONCE, "models")

    def of(self, model: str) -> Job | None:
        """The job that works on this model now."""
        return next((job for job in self.all if job.model == model and job.active), None)

    @property
    def active(self) -> list[Job]:
        """Those that have not ended."""
        return [job for job in self.all if job.active]

    async def run(self, title: str, model: str, work: Work) -> Job:
        """Do the work, and wait for its end; the job says how it ended. LabError while another works on the
        model."""
        if self.of(model):
            raise LabError(f"{model} is worked on just now: wait, or cancel that (c)")
        job = Job(title, model)
        self.all.append(job)

        def carry_out() -> str:
            job.hear(Progress("note"))
            if job.phase == "waiting":
                job.phase = "running"
            return work(job.hear, job.cancel)

        try:
            job.message = await asyncio.get_running_loop().run_in_executor(self._pool, carry_out)
        except LabError as e:
            job.phase = "stopped" if e.code == Exit.INTERRUPTED else "failed"
            job.message = str(e)
        else:
            job.phase = "done"
        return job

    def stop(self, job: Job) -> None:
        """Ask it to stop: it does at its next report."""
        job.cancel.set()
        if job.active:
            job.phase = "stopping"

    async def close(self) -> None:
        """Stop all, and wait until they have."""
        for job in self.active:
            self.stop(job)
        await asyncio.to_thread(self._pool.shutdown)
