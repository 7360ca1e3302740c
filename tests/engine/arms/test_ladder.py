"""A cascade of three real workers: who answers, and what killing one or a prompt too long for one does."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.cascade import CascadeArm
from routerlab.engine.arms.local import ModelArm
from tests.conftest import PATIENCE_S
from tests.engine import tuned
from tests.engine.arms.members import cascade
from tests.engine.tuned import Tuned, deep_model, factory, tuned_spec, write
from tests.engine.workers import pid_of, until
from tests.proc import alive

NAMES = ("small", "middle", "large")


@pytest.fixture(scope="module")
def rungs(tmp_path_factory: pytest.TempPathFactory) -> list[Tuned]:
    """Three tuned routers; the first reads a prompt whole, so that one may be too long for it."""
    folder = tmp_path_factory.mktemp("rungs")
    made = []
    for i, name in enumerate(NAMES):
        with pytest.MonkeyPatch.context() as patch:
            if i == 0:
                patch.setattr(tuned, "WINDOW", None)
            made.append(write(deep_model(folder / f"{name}.gguf", seed=i), folder / f"{name}.toml"))
    return made


@asynccontextmanager
async def ladder(rungs: list[Tuned], *thresholds: float) -> AsyncIterator[tuple[CascadeArm, list[ModelArm]]]:
    make = factory()
    specs = [tuned_spec(r).model_copy(update={"name": n}) for n, r in zip(NAMES, rungs, strict=True)]
    members = [make.model_arm(s, r.router) for s, r in zip(specs, rungs, strict=True)]
    spec = ArmSpec(name="c:cascade", model=rungs[-1].model, contract="cascade", router=Path("c.toml"))
    arm = CascadeArm(spec, cascade(*thresholds), members)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await arm.start()
            assert arm.state.phase == "ready", arm.state
            yield arm, members
    finally:
        pids = [m.state.pid for m in members if m.state.pid]
        await arm.stop()
        assert not [pid for pid in pids if alive(pid)]


async def test_who_answers_follows_the_thresholds(rungs: list[Tuned]) -> None:
    async with ladder(rungs, 1.0, 0.0) as (arm, members):
        found = await arm.ask("yes1 1yes yes", 30.0)
        alone = await members[1].ask("yes1 1yes yes", 30.0)
    assert (found.status, found.member, found.error) == ("ok", "middle", None)
    assert (found.label, found.probabilities) == (alone.label, alone.probabilities)
    assert found.tokens.evaluated > alone.tokens.evaluated  # the first's are in it


async def test_a_prompt_too_long_for_the_first_is_the_next_ones(rungs: list[Tuned]) -> None:
    async with ladder(rungs, 0.0, 0.0) as (arm, _):
        long = await arm.ask("word " * 3000, 30.0)
        short = await arm.ask("yes", 30.0)
    assert (long.status, long.member) == ("ok", "middle")
    assert long.error is not None
    assert long.error.startswith("small: refused: the prompt has ")
    assert (short.member, short.error) == ("small", None)


@pytest.mark.parametrize(("killed", "answers"), [(0, "large"), (2, "middle")])
async def test_a_killed_member_costs_its_own_answer_only(
    rungs: list[Tuned], killed: int, answers: str
) -> None:
    """The next one answers, or the one before though unsure; and then all are there again."""
    async with ladder(rungs, 1.0, 1.0) as (arm, members):
        pid = pid_of(members[killed])
        os.kill(pid, signal.SIGSTOP)  # it is asked, and does not answer before it dies
        asking = asyncio.create_task(arm.ask("yes1 1yes yes", 30.0))
        await until(lambda: members[killed].state.phase == "busy")
        os.kill(pid, signal.SIGKILL)
        found = await asking
        assert (found.status, found.member) == ("ok", answers)
        assert found.error is not None
        assert found.error.startswith(f"{NAMES[killed]}: crashed: ")
        assert "killed (signal 9)" in found.error
        await until(lambda: arm.state.phase == "ready")
        again = await arm.ask("yes1 1yes yes", 30.0)
        assert (again.member, again.error) == ("large", None)
        assert pid_of(members[killed]) != pid
