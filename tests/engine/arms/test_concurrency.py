"""Questions that come at once are decoded together by a model, and each is answered for itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from routerlab.api import AsyncRouter, Decision
from routerlab.core.errors import LabError
from routerlab.core.prediction import Latency, Prediction
from routerlab.engine.arms.local import ModelArm
from routerlab.engine.contract.info import ArmInfo
from routerlab.engine.contract.names import ContractName
from routerlab.engine.lab.materials import arm_record
from routerlab.engine.worker.llama import Model
from tests.conftest import PATIENCE_S
from tests.engine import tiny
from tests.engine.arms.members import Member, arm_of, cascade
from tests.engine.asking import TWO
from tests.engine.worker.test_bulk import CONTRACTS, made
from tests.engine.workers import SETTINGS, arms, phase, pid_of, running, spec, until

FOUR = SETTINGS.model_copy(update={"concurrency": 4})
CLAIMED_MS = 1e9
QUESTIONS = ("a question", "another one", "", "and a third " * 20, "the last")


def arm_for(files: dict[tiny.Family, Path], family: tiny.Family = "llama") -> ModelArm:
    return arms(FOUR).model_arm(spec(files[family]))


@asynccontextmanager
async def routed(files: dict[tiny.Family, Path]) -> AsyncIterator[tuple[ModelArm, AsyncRouter]]:
    """The arm, and the router that asks it."""
    async with running(arm_for(files), start=False) as arm, AsyncRouter(arm, TWO.labels, 30.0) as router:
        yield arm, router


@pytest.mark.parametrize("contract", CONTRACTS)
def test_each_has_the_time_of_the_whole_decode(
    tiny_models: dict[tiny.Family, Model], contract: ContractName
) -> None:
    predictor = made(tiny_models["llama"], contract)
    shared = predictor.predict_many(QUESTIONS[:3], lambda: False)
    timed = predictor.predict_many(QUESTIONS[:3], lambda: False, timed=True)
    assert [t.label for t in timed] == [s.label for s in shared]
    assert all(t.latency_ms.prefill > 0 for t in timed)
    assert all((t.latency_ms.generate > 0) == (contract == "json") for t in timed)
    if contract != "json":
        assert len({t.latency_ms.prefill for t in timed}) == 1


@pytest.mark.parametrize("contract", ["score", "probe"])
def test_real_answers_together_are_those_one_by_one(real_model: Model, contract: ContractName) -> None:
    """A batch of another shape rounds otherwise: 0.003 apart when this was written."""
    predictor = made(real_model, contract, layer=real_model.n_layers // 2, scale=0.002)
    asked = [f"{text} {end}" for text in QUESTIONS for end in ("in Python", "für morgen")]
    alone = [predictor.predict(prompt, lambda: False) for prompt in asked]
    together = predictor.predict_many(asked, lambda: False, timed=True)
    assert [t.label for t in together] == [a.label for a in alone]
    sure = [max((a.probabilities or {}).values()) for a in alone]
    assert min(sure) < 0.99  # what is always sure would hide it
    pairs = [
        ((t.probabilities or {})[label], p)
        for t, a in zip(together, alone, strict=True)
        for label, p in (a.probabilities or {}).items()
    ]
    assert len(pairs) == 6 * len(asked)
    assert max(abs(one - other) for one, other in pairs) < 0.05


async def test_an_arm_takes_several_and_a_prompt_that_is_too_long_is_refused_alone(
    tiny_files: dict[tiny.Family, Path],
) -> None:
    async with running(arm_for(tiny_files)) as arm:
        record = arm_record(arm)
        assert (record and record.model_dump()["concurrency"]) == 4
        alone = [await arm.ask(prompt, 30.0) for prompt in QUESTIONS[:3]]
        found = await arm.ask_many([*QUESTIONS[:3], "too long " * 2000], 30.0, timed=True)
        assert [f.status for f in found] == ["ok", "ok", "ok", "refused"]
        assert [f.label for f in found[:3]] == [a.label for a in alone]
        assert {f.together for f in found} == {4}
        assert {f.batched for f in found} == {None}
        assert len({f.latency_ms.total for f in found}) == 1
        assert all(f.latency_ms.total > f.latency_ms.prefill for f in found)


async def test_one_at_a_time_is_as_it_was(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(arms().model_arm(spec(tiny_files["llama"]))) as arm:
        record = arm_record(arm)
        assert record is not None
        assert "concurrency" not in record.model_dump(exclude_none=True)
        assert (await arm.ask("a question", 30.0)).together is None


async def test_a_recurrent_model_takes_one_and_says_so(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(arm_for(tiny_files, "mamba")) as arm:
        assert isinstance(arm.state.info, ArmInfo)
        assert arm.state.info.concurrency is None
        assert arm.state.message == "decodes 1 at once, not 4"


async def test_killed_with_several_in_flight_each_is_told_once(tiny_files: dict[tiny.Family, Path]) -> None:
    async with routed(tiny_files) as (arm, router):
        os.kill(pid_of(arm), signal.SIGSTOP)  # so that nobody is answered before the end
        asked = [asyncio.create_task(router.route(prompt)) for prompt in QUESTIONS]
        await until(lambda: arm.state.phase == "busy")
        os.kill(pid_of(arm), signal.SIGKILL)
        async with asyncio.timeout(PATIENCE_S):
            found = await asyncio.gather(*asked)
        assert [f.status for f in found] == ["crashed"] * 4 + ["ok"]  # the fifth waits for the new worker
        assert {f.error for f in found[:4]} == {"the worker was killed (signal 9)"}
        assert [f.together for f in found] == [4, 4, 4, 4, None]


async def test_no_answer_in_time_is_no_answer_for_all_of_them(tiny_files: dict[tiny.Family, Path]) -> None:
    async with running(arm_for(tiny_files)) as arm:
        os.kill(pid_of(arm), signal.SIGSTOP)
        found = await arm.ask_many(QUESTIONS[:3], 0.05, timed=True)
        assert [f.status for f in found] == ["timeout"] * 3
        await phase(arm, "ready")
        assert {f.status for f in await arm.ask_many(QUESTIONS[:3], 30.0, timed=True)} == {"ok"}


async def test_cancelling_one_of_several_does_not_harm_the_others(
    tiny_files: dict[tiny.Family, Path],
) -> None:
    async with routed(tiny_files) as (arm, router):
        alone = [(await router.route(prompt)).label for prompt in QUESTIONS]
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        asked = [asyncio.create_task(router.route(prompt)) for prompt in QUESTIONS]
        await until(lambda: arm.state.phase == "busy")
        asked[0].cancel()  # at work, with three others
        asked[4].cancel()  # waits
        await asyncio.wait([asked[0], asked[4]])
        os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(PATIENCE_S):
            found = await asyncio.gather(*asked[1:4])
        assert [f.label for f in found] == alone[1:4]
        assert {f.together for f in found} == {4}
        assert all(isinstance(f, Decision) and f.latency_ms.total > 0 for f in found)
        assert pid_of(arm) == pid


async def test_when_nobody_waits_any_more_the_model_is_stopped(tiny_files: dict[tiny.Family, Path]) -> None:
    async with routed(tiny_files) as (arm, router):
        pid = pid_of(arm)
        os.kill(pid, signal.SIGSTOP)
        asked = [asyncio.create_task(router.route(prompt)) for prompt in QUESTIONS[:4]]
        await until(lambda: arm.state.phase == "busy")
        for one in asked[:3]:
            one.cancel()
        await asyncio.wait(asked[:3])
        assert not arm._cancelled  # one of them still waits
        asked[3].cancel()
        await asyncio.wait(asked)
        assert arm._cancelled
        os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(PATIENCE_S):
            assert (await router.route("a question")).ok
            os.kill(pid_of(arm), signal.SIGSTOP)
            waiting = asyncio.gather(*map(router.route, QUESTIONS), return_exceptions=True)
            await until(lambda: arm.state.phase == "busy")
            await router.close()
            found = await waiting
        told = [f.status if isinstance(f, Decision) else type(f) for f in found]
        assert told == ["cancelled"] * 4 + [LabError]


class Claims(Member):
    """Says that it took for ever."""

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        answer = await super().ask(prompt, timeout_s)
        return answer.model_copy(update={"latency_ms": Latency(total=CLAIMED_MS)})


async def test_a_cascade_asks_the_second_together_about_what_is_left_open() -> None:
    small, large = Claims("small", confidence=0.5), Claims("large")
    arm = arm_of([small, large], cascade(0.8))
    await arm.start()
    for member, most in ((small, 4), (large, 3)):
        assert member.state.info is not None
        told = member.state.info.model_copy(update={"concurrency": most})
        member.to(replace(member.state, info=told))
    assert arm.state.info is not None
    assert arm.state.info.concurrency == 3
    found = await arm.ask_many(["a", "b"], 30.0, timed=True)
    assert [f.together for f in found] == [2, 2]
    assert len({f.latency_ms.total for f in found}) == 1
    assert found[0].latency_ms.total < CLAIMED_MS  # the clock's, and not the sum of what the members say
    assert len(small.asked) == len(large.asked) == 2
    assert max(large.asked) < 30.0  # what the first one took is gone
