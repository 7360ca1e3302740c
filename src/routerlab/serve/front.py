"""What a server is at work with: made whole from files and models, or not at all, and replaced as a whole."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from routerlab.api import AsyncRouter, load_async_router
from routerlab.core.errors import LabError
from routerlab.core.taxonomy import load_taxonomy
from routerlab.engine.lab.materials import Materials, arm_record
from routerlab.resources import TAXONOMY
from routerlab.serve.at_work import arm_at_work
from routerlab.serve.chat.candidates import Table, load_table
from routerlab.serve.decide import Decider, Pool
from routerlab.serve.drift import Seen, tuned
from routerlab.serve.ledger import Recorder
from routerlab.serve.limits import Limits
from routerlab.serve.metrics import Metrics
from routerlab.serve.own_options import Scorers
from routerlab.settings import Settings, load_settings

Against = Literal["tuning", "first"]
"""What drift is measured against: answers that the router was tuned with, where they are here, or always the
first decisions."""
MakeRouter = Callable[[str], AsyncRouter]
"""From an arm's name to a router; tests put a scripted one here."""


@dataclass(frozen=True)
class Wanted:
    """What a person asked for: arms as commands take them, files, and settings of the machine by their keys.
    `tables` are routing tables by the variant they are for, "" for `auto` alone. `against` is what drift is
    measured against."""

    router: str
    shadows: tuple[str, ...] = ()
    workers: int = 1
    taxonomy: Path | None = None
    tables: Mapping[str, Path] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    against: Against = "tuning"


@dataclass(frozen=True)
class Work:
    """A router that is loaded, and what belongs to it."""

    decider: Decider
    tables: Mapping[str, Table]
    scorers: Scorers

    @property
    def ready(self) -> bool:
        """Whether questions are answered."""
        return self.decider.main.ready

    async def close(self) -> None:
        """End all of it."""
        await self.decider.close()
        await self.scorers.close()


async def load_work(
    wanted: Wanted,
    limits: Limits,
    metrics: Metrics,
    recorder: Recorder,
    make: MakeRouter | None = None,
) -> Work:
    """All that was asked for, loaded; LabError when anything is wrong, and then nothing of it is left."""
    taxonomy = wanted.taxonomy or TAXONOMY

    def from_files(arm: str) -> AsyncRouter:
        return load_async_router(arm, taxonomy=taxonomy, **wanted.settings)

    def read() -> tuple[Materials, dict[str, Table], Settings, list[Pool]]:
        of, count = make or from_files, wanted.workers
        own = load_settings().model_copy(update=dict(wanted.settings))
        materials = Materials(load_taxonomy(taxonomy), taxonomy, None, None)
        tables = {name: load_table(path, materials.taxonomy) for name, path in wanted.tables.items()}
        at_work = arm_at_work(wanted.router)
        pools = [
            Pool([of(arm) for _ in range(n)])
            for arm, n in ((at_work, count), *((s, 1) for s in wanted.shadows))
        ]
        if at_work != wanted.router:  # a shadow that was promoted is at work now, and shadows nobody
            pools = [pools[0], *(pool for pool in pools[1:] if pool.name != pools[0].name)]
        names = [pool.name for pool in pools]
        if again := next((name for name in names if names.count(name) > 1), None):
            raise LabError(f"{again} cannot be its own shadow: name another arm")
        return materials, tables, own, pools

    materials, tables, own, (main, *shadows) = await asyncio.to_thread(read)
    decider = Decider(materials, main, shadows, limits, metrics, recorder)
    await decider.start()
    metrics.begin(await asyncio.to_thread(_references, wanted, (main, *shadows), materials, metrics))
    scorers = Scorers(main.arm, own, limits)
    return Work(decider, tables, scorers)


def _references(
    wanted: Wanted, pools: Sequence[Pool], materials: Materials, metrics: Metrics
) -> dict[str, Sequence[Seen]]:
    """What the drift of each arm is held against, for those that have it; the others are told."""
    found: dict[str, Sequence[Seen]] = {}
    if metrics.window and wanted.against == "tuning":
        for pool in pools:
            try:
                found[pool.name] = tuned(arm_record(pool.arm), materials.taxonomy.labels, metrics.window)
            except LabError as e:
                first = f"is held against its first {metrics.window} decisions"
                metrics.tell(f"drift: {pool.name}: {first}, for its tuning's are not here: {e}")
    return found


class Front:
    """The work that requests are done with now. What is put in its place is loaded first; what it replaces
    ends when the last request that has it is done."""

    def __init__(self, load: Callable[[], Awaitable[Work]], recorder: Recorder, limits: Limits) -> None:
        self._load = load
        self.recorder = recorder
        self._limits = limits
        self._work: Work | None = None
        self._users: dict[int, int] = {}
        self._loading = asyncio.Lock()
        self._idle = asyncio.Event()
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether questions are answered now."""
        return self._work is not None and self._work.ready

    @contextmanager
    def using(self) -> Iterator[Work]:
        """The work of now, which stays for as long as the block does."""
        work = self._work
        assert work is not None
        key = id(work)
        self._users[key] = self._users.get(key, 0) + 1
        try:
            yield work
        finally:
            if key in self._users:  # else it was waited for in vain
                self._users[key] -= 1
            self._idle.set()

    async def load(self) -> Work:
        """Load all anew and go on with that; LabError when anything is wrong: then nothing has changed."""
        async with self._loading:
            work = await self._load()
            before, self._work = self._work, work
            self.recorder.start()
            if before is not None:
                task = asyncio.create_task(self._end(before))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        return work

    async def close(self) -> None:
        """End what is left."""
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._work is not None:
            await self._work.close()

    async def _end(self, work: Work) -> None:
        try:
            async with asyncio.timeout(self._limits.drain_s):
                while self._users.get(id(work), 0):
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            pass  # what still waits gets an error when its router is closed
        self._users.pop(id(work), None)
        await work.close()
