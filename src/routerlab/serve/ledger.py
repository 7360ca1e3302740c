"""Writes what was decided into sessions like any other, behind the requests, and without texts unless a share
of them is to be kept."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from routerlab.api import Decision
from routerlab.core.corpus import prompt_sha256
from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.file import new_session_path
from routerlab.core.session.session import Event
from routerlab.engine.arms.arm import Arm, ArmSpec
from routerlab.engine.lab.keeper import Keeper
from routerlab.engine.lab.materials import Materials, arm_record, changed, new_header
from routerlab.engine.remote.redact import redactor
from routerlab.serve.limits import off_loop
from routerlab.serve.metrics import Metrics
from routerlab.version import __version__

WAITING = 1000
"""Records that may wait for the disk; what comes then is counted and lost."""
LONGEST = 50_000
"""Trials in one session: then another is begun, so that each can be read at once."""
TITLE = "routerlab serve"
"""What the titles of these sessions begin with."""
KNOWN = 100_000
"""Prompts whose repeats are counted: those that came last."""


@dataclass(frozen=True)
class Keep:
    """Of which share (0..1) of the prompts the texts are written, after `redact` took out what must not be;
    a prompt it raises for, or returns None for, is not kept. Keys of known shapes are always taken out."""

    share: float = 0.0
    redact: Callable[[str], str | None] = str

    def text(self, prompt: str, sha256: str) -> str | None:
        """What is to be written of the prompt, None for nothing. The same prompt is always kept, or never."""
        if int(sha256[:8], 16) / 2**32 >= self.share:
            return None
        try:
            left = self.redact(prompt)
            return None if left is None else redactor(None)(str(left))
        except Exception:  # a user's own function: what it cannot read is not kept
            return None


@dataclass(frozen=True)
class _Waiting:
    materials: Materials
    arm: Arm
    prompt: str | None
    sha256: str
    decision: Decision
    target: str | None
    contended: bool
    repeat: int
    at: datetime


def _texts(waiting: _Waiting) -> dict[str, Any]:
    """What may repeat the prompt, beside the arm, which has another name there: what a model generated, the
    reason that it cannot be read, and what a remote server, or a cascade's member, says of a fault."""
    texts: dict[str, Any] = {"arm": True, "answer": True, "attempts": {"__all__": {"error"}}}
    spec = waiting.arm.spec
    own = isinstance(spec, ArmSpec) and spec.contract != "cascade"
    if not own or waiting.decision.status == "unparsed":
        texts["error"] = True
    return texts


class Recorder:
    """Sessions in a folder, one after the other, or none where there is no folder."""

    def __init__(
        self, folder: Path | None, keep: Keep, metrics: Metrics, tell: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        """The sessions that were written, in order; the last is written to."""
        self._keep = keep
        self._metrics = metrics
        self._tell = tell
        self._keeper: Keeper | None = None
        self._count = 0
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue(WAITING)
        self._task: asyncio.Task[None] | None = None

    @property
    def path(self) -> Path | None:
        """The session that is written to, None before the first record."""
        return self.paths[-1] if self.paths else None

    def start(self) -> None:
        """Begin to write, if that is not so already."""
        if self.folder is not None and self._task is None:
            self._task = asyncio.create_task(self._run())

    async def write(
        self,
        materials: Materials,
        arm: Arm,
        prompt: str,
        decision: Decision,
        target: str | None,
        contended: bool,
        repeat: int | None = None,
    ) -> int:
        """Have it written soon; the number of this asking of the prompt, which its shadows get, too."""
        if self._task is None:
            return 1
        sha256 = await off_loop(len(prompt), lambda: prompt_sha256(prompt))
        if repeat is None:
            repeat = self._seen.get(sha256, 0) + 1
            self._seen[sha256] = repeat
            self._seen.move_to_end(sha256)
            if len(self._seen) > KNOWN:
                self._seen.popitem(last=False)
        kept = await off_loop(len(prompt), lambda: self._keep.text(prompt, sha256))
        now = datetime.now(UTC)
        waiting = _Waiting(materials, arm, kept, sha256, decision, target, contended, repeat, now)
        try:
            self._queue.put_nowait(waiting)
        except asyncio.QueueFull:
            self._metrics.lost.inc()
        return repeat

    async def close(self) -> None:
        """Write what waits; LabError when that cannot be done, which says where it is instead."""
        if self._task is None:
            return
        await self._queue.put(None)
        await self._task
        self._task = None
        if self._keeper:
            await self._keeper.close()

    async def _run(self) -> None:
        while (waiting := await self._queue.get()) is not None:
            try:
                await self._append(waiting)
            except Exception as e:  # of one record: the others are still to be written
                self._metrics.lost.inc()
                self._tell(f"a record was not written: {type(e).__name__}")

    async def _append(self, waiting: _Waiting) -> None:
        keeper = await self._open(waiting.materials)
        if keeper.unsaved > WAITING:  # a disk that is full: memory must not fill up as well
            await keeper.flush()
        if keeper.unsaved > WAITING:
            self._metrics.lost.inc()
            return
        record = arm_record(waiting.arm)
        known = keeper.session.arms.get(waiting.arm.spec.name)
        events: list[Event] = [record] if record and (known is None or changed(known, record)) else []
        trial = Trial(
            **waiting.decision.model_dump(exclude=_texts(waiting)),
            id=keeper.session.next_trial_id(),
            at=waiting.at,
            arm=waiting.decision.arm,
            repeat=waiting.repeat,
            prompt=waiting.prompt,
            prompt_sha256=waiting.sha256,
            target=waiting.target,
            contended=waiting.contended,
        )
        for event in (*events, trial):
            await keeper.append(event)
        keeper.session.trials.clear()  # they are in the file; here they would only fill the memory
        self._count += 1

    async def _open(self, materials: Materials) -> Keeper:
        """The session to write to: the next one where this has enough, or another taxonomy."""
        assert self.folder is not None
        full = self._count >= LONGEST
        if self._keeper and (
            full or self._keeper.session.header.taxonomy.sha256 != materials.taxonomy.sha256
        ):
            keeper, self._keeper = self._keeper, None
            try:
                await keeper.close()
            except LabError as e:  # it says where the records are instead
                self._tell(str(e))
        if self._keeper is None:
            header = new_header(materials, title=f"{TITLE} {__version__}")
            header = header.model_copy(update={"schedule": "parallel", "repeats": 1})
            path = new_session_path(self.folder, datetime.now(UTC))
            self.paths.append(path)
            self._keeper = Keeper(path, None, header, lambda line, _: self._tell(line))
            self._count = 0
        return self._keeper
