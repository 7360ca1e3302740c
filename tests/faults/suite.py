"""Numbered faults: which kind and on which model each is depends on the seed and its number alone."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

from routerlab.engine.contract.names import ContractName
from tests.conftest import REPO, SMOLLM2
from tests.engine import tiny
from tests.faults.disk import SIZE_MB, Disk
from tests.faults.kinds import KINDS
from tests.faults.sitting import BYSTANDER, LIMIT_S, Sitting, Violation, sitting

__all__ = ["BLOCK", "SIZE_MB", "Suite"]

BLOCK = 20
"""Faults of one sitting; then another lab with another subject."""

LANES = 2
"""Sittings at a time, one a core."""


class Suite(ExitStack):
    """Runs faults and counts them. After a violation, `broken` says where, and `again` is what repeats it."""

    def __init__(
        self, seed: int, folder: Path, only: str | None = None, verbose: bool = False, mount: bool = True
    ) -> None:
        super().__init__()
        self.done: Counter[str] = Counter()
        self.seconds: dict[str, float] = dict.fromkeys(KINDS, 0.0)
        self.outcomes: Counter[str] = Counter()
        self.broken = self.again = ""
        self._seed, self._only, self._verbose = seed, only, verbose
        chat = tiny.TEMPLATES["chatml"]
        self.tiny = [tiny.build(folder / f"{f}.gguf", f, chat) for f in tiny.FAMILIES]
        self._real = REPO / "models" / SMOLLM2
        self.disks = [self.enter_context(Disk(folder / "disk0", mount))]
        if self.mounted:  # a limit on file sizes would hit every sitting of the process
            self.disks += [self.enter_context(Disk(folder / f"disk{i}")) for i in range(1, LANES)]

    @property
    def mounted(self) -> bool:
        """Whether full disks are real ones."""
        return self.disks[0].mounted

    def kind(self, n: int) -> str:
        """What fault `n` is."""
        names, weights = list(KINDS), [weight for weight, _ in KINDS.values()]
        return self._only or random.Random(f"{self._seed}/kind/{n}").choices(names, weights)[0]

    def subject(self, block: int) -> tuple[Path, ContractName]:
        """The model that the faults of a block hit: the real one in three of ten."""
        rng = random.Random(f"{self._seed}/block/{block}")
        if rng.random() < 0.3:
            return self._real, "score"
        return rng.choice(self.tiny), rng.choice(("score", "json"))

    async def run(self, numbers: Sequence[int]) -> None:
        """Do these faults; Violation, or whatever went wrong, at the first that does not end well."""
        blocks = iter([(b, list(group)) for b, group in groupby(numbers, lambda n: n // BLOCK)])
        lanes = [asyncio.create_task(self._lane(blocks, disk)) for disk in self.disks]
        try:
            await asyncio.wait(lanes, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for lane in lanes:
                lane.cancel()  # which does nothing to one that is done
            await asyncio.wait(lanes)
        for lane in lanes:
            if not lane.cancelled():
                lane.result()

    async def _lane(self, blocks: Iterator[tuple[int, list[int]]], disk: Disk) -> None:
        for block, numbers in blocks:
            subject, contract = self.subject(block)
            where, n = f"the lab of block {block}", numbers[0]
            try:
                async with sitting(disk, subject, contract, self.tiny[0]) as it:
                    for n in numbers:
                        where = f"fault {n}, {self.kind(n)}, on {subject.name} ({contract})"
                        took = await self.fault(it, self.kind(n), n)
                        if self._verbose:
                            print(f"{took:6.2f} s  {where}", flush=True)
                    where = f"closing the lab after fault {n}"
            except Exception:
                only = f" --only '{self._only}'" if self._only else ""
                self.again = f"python -m tests.faults --seed {self._seed} --first {n} --count 1{only}"
                self.broken = where
                raise
            self.outcomes += it.seen

    async def fault(self, it: Sitting, kind: str, n: int) -> float:
        """Do one fault and check what must hold after it (Violation); the seconds that took."""
        bystander = it.arm(BYSTANDER).state.pid or 0
        start = time.monotonic()
        try:
            async with asyncio.timeout(3 * LIMIT_S):
                await KINDS[kind][1](it, random.Random(f"{self._seed}/fault/{n}"))
                await it.check(bystander)
        except TimeoutError:
            raise Violation("the fault and its checks did not end") from None
        self.done[kind] += 1
        self.seconds[kind] += (took := time.monotonic() - start)
        return took
