"""Speed: every way to get a label from a model, interleaved prompt by prompt in one run."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack

from routerlab.bench.memory import resident
from routerlab.bench.open import Plan, Tell, open_arms, open_peers
from routerlab.bench.peers.protocol import PeerKind
from routerlab.bench.rawdata import Run
from routerlab.bench.selection import Group
from routerlab.bench.ways import Timed, Way, WayKind
from routerlab.core.prediction import Record
from routerlab.engine.contract.info import ArmInfo

PAUSE_S = 0.01
"""Before every question: threads of the one before that still spin must not count against this one."""

WARM_UP = "How many planets are there?"
"""The first question each way, which is not counted: it reads weights and prefix in."""


class Sample(Timed):
    """One question one way; `place` is its place in the order in which this prompt was asked."""

    way: str
    case: str
    repeat: int
    place: int
    correct: bool


class WayRecord(Record):
    """A `Way`, to be written down. `resident` is the most that its processes had in memory after a prompt."""

    name: str
    kind: WayKind
    of: str
    info: ArmInfo | None
    start_s: float | None = None
    fit_s: float = 0.0
    resident: int | None = None


class Measured(Run):
    """Everything about one model; `skipped` says why a peer is not among the ways."""

    ways: tuple[WayRecord, ...]
    skipped: dict[PeerKind, str]
    samples: tuple[Sample, ...]


async def measure(group: Group, plan: Plan, tell: Tell, keep: Callable[[Measured], None]) -> None:
    """Ask every prompt every way, in an order that is drawn anew for each prompt.

    `keep` gets what there is after every prompt. LabError when an arm cannot be loaded, or a way fails.
    """
    async with AsyncExitStack() as stack:
        ways = await open_arms(group, plan, stack, tell)
        assert ways[0].info is not None
        peers, skipped = await open_peers(group, plan, ways[0].info, stack, tell)
        ways += peers
        for i, way in enumerate(ways):
            tell(f"{group.name}: warming up", i, len(ways))
            await way.ask(WARM_UP)
        rng = random.Random(plan.seed)
        samples: list[Sample] = []
        memory: dict[str, int] = {}
        rounds = [(repeat, case) for repeat in range(1, plan.repeats + 1) for case in plan.cases]
        for done, (repeat, case) in enumerate(rounds, 1):
            for place, way in enumerate(rng.sample(ways, len(ways))):
                await asyncio.sleep(PAUSE_S)
                timed = await way.ask(case.prompt)
                asked = {"way": way.name, "case": case.id, "repeat": repeat, "place": place}
                right = timed.label == case.label
                samples.append(Sample.model_validate({**timed.model_dump(), **asked, "correct": right}))
            for way in ways:
                if (pid := way.pid()) is not None:
                    memory[way.name] = max(memory.get(way.name, 0), resident(pid))
            records = tuple(_record(way, memory.get(way.name)) for way in ways)
            keep(Measured(name=group.name, ways=records, skipped=skipped, samples=tuple(samples)))
            tell(f"{group.name}: {len(ways)} ways, prompts", done, len(rounds))


def _record(way: Way, memory: int | None) -> WayRecord:
    return WayRecord(
        name=way.name,
        kind=way.kind,
        of=way.of,
        info=way.info,
        start_s=way.start_s,
        fit_s=way.fit_s,
        resident=memory,
    )
