"""A sample of the fault suite (`make faults` has 500), and whether its checks see what they look for."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from routerlab.engine.contract.names import ContractName
from tests.faults.kinds import KINDS
from tests.faults.sitting import BYSTANDER, Sitting, Violation, children, short_limits, sitting
from tests.faults.suite import BLOCK, Suite


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    """A suite that mounts nothing: a full disk is a limit on the size of files."""
    with short_limits(), Suite(0, tmp_path, mount=False) as made:
        yield made


SLOW = {"SIGSTOP", "shrunk file"}


@pytest.mark.parametrize(
    ("family", "contract", "kinds"), [(0, "score", KINDS), (2, "json", [k for k in KINDS if k not in SLOW])]
)
async def test_every_kind_of_fault(
    suite: Suite, family: int, contract: ContractName, kinds: Sequence[str]
) -> None:
    async with sitting(suite.disks[0], suite.tiny[family], contract, suite.tiny[0]) as it:
        for n, kind in enumerate(kinds):
            await suite.fault(it, kind, n)
    assert suite.done.total() == len(kinds)
    assert it.seen["crashed"] >= 1


async def checked(it: Sitting) -> None:
    await it.check(it.arm(BYSTANDER).state.pid or 0)


async def test_the_checks_see_what_they_look_for(suite: Suite) -> None:
    async with sitting(suite.disks[0], suite.tiny[0], "score", suite.tiny[0]) as it:
        await checked(it)
        bystander = it.arm(BYSTANDER).state.pid or 0
        os.kill(bystander, signal.SIGKILL)
        await it.until("another worker", lambda: it.arm(BYSTANDER).state.pid not in (bystander, None))
        with pytest.raises(Violation, match="bystander's worker was"):
            await it.check(bystander)
        await checked(it)
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stray:
            assert stray.pid in children()
        assert stray.pid not in children()
        it.delivered.append(it.delivered[-1].model_copy(update={"id": "t999999"}))
        with pytest.raises(Violation, match="or they differ"):
            it.saved()
        it.delivered.pop()


async def test_what_nobody_catches_is_a_violation(suite: Suite) -> None:
    async def lost() -> None:
        raise ValueError("lost")

    async def careless() -> None:
        async with sitting(suite.disks[0], suite.tiny[0], "score", suite.tiny[0]) as it:
            task = asyncio.create_task(lost())
            await it.until("its end", task.done)
            del task

    with pytest.raises(Violation, match=r"nobody caught: .*lost"):
        await careless()


async def test_a_violation_says_how_to_repeat_it(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    async def harmful(it: Sitting, rng: random.Random) -> None:
        raise Violation("harm")

    monkeypatch.setitem(KINDS, "SIGKILL", (KINDS["SIGKILL"][0], harmful))
    n = next(
        n for n in range(999) if suite.kind(n) == "SIGKILL" and suite.subject(n // BLOCK)[0] in suite.tiny
    )
    with pytest.raises(Violation, match="harm"):
        await suite.run([n])
    assert suite.broken.startswith(f"fault {n}, SIGKILL, on ")
    assert suite.again == f"python -m tests.faults --seed 0 --first {n} --count 1"
