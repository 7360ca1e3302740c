"""Several prompts in one decode: the answers of one by one, whatever is asked together."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from routerlab import resources
from routerlab.core.corpus import load_corpus
from routerlab.core.prediction import Prediction
from routerlab.core.session.file import SessionFile
from routerlab.core.statistics.metrics import summarise
from routerlab.engine.contract.contract import frame
from routerlab.engine.contract.head import PARTS, Head
from routerlab.engine.contract.names import ContractName
from routerlab.engine.lab.factory import ModelArms
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.materials import Materials
from routerlab.engine.worker import generate, inference
from routerlab.engine.worker.inference import Predictor
from routerlab.engine.worker.llama import Model
from tests.engine import tiny
from tests.engine.asking import FRONT_DOOR, SHOTS, SIX, TWO, shots_for
from tests.engine.workers import SETTINGS, phase, pid_of, running, spec

PROMPTS = (
    "write a function that sorts numbers",
    "",
    "why is the sky blue? " * 30,
    "plan a holiday and book it",
    "no",
    "tell me about whales " * 60,
    "and another one of the usual kind",
)
CONTRACTS: Sequence[ContractName] = ("score", "json", "probe")
families = pytest.mark.parametrize("family", tiny.FAMILIES)
contracts = pytest.mark.parametrize("contract", CONTRACTS)


@pytest.fixture(autouse=True)
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tiny models write goes on to the limit, whatever it is: here to a nearer one."""
    for module in (generate, inference):
        monkeypatch.setattr(module, "MAX_NEW_TOKENS", 32)


def made(
    model: Model,
    contract: ContractName,
    slots: int = 4,
    n_ctx: int = 2048,
    layer: int = 0,
    scale: float = 1.0,
) -> Predictor:
    """The head of a probe is random, at this layer; its weights are `scale` on average."""
    framing = frame(SIX, contract, shots_for(SIX.labels), model.chat_renderer())
    probe = contract == "probe"
    random = np.random.default_rng(0)
    weights = random.normal(0, scale, (6, PARTS * model.n_embd)).astype(np.float32)
    return Predictor(
        model,
        framing,
        SIX.labels,
        n_ctx,
        1,
        lambda _: None,
        layers=(layer,) if probe else (),
        head=Head(weights, np.zeros(6, np.float32), "") if probe else None,
        slots=slots,
    )


def alone(predictor: Predictor, prompts: Sequence[str]) -> list[Prediction]:
    return [predictor.predict(prompt, lambda: False) for prompt in prompts]


@contracts
@families
def test_answers_together_are_those_one_by_one(
    tiny_models: dict[tiny.Family, Model], family: tiny.Family, contract: ContractName
) -> None:
    one = made(tiny_models[family], contract, slots=1)
    many = made(tiny_models[family], contract)
    assert many.slots == (1 if family in ("mamba", "lfm2") else 4)
    expected = alone(one, PROMPTS)
    for _ in range(2):  # the second time the cache is full of the first
        found = many.predict_many(PROMPTS, lambda: False)
        for a, b in zip(found, expected, strict=True):
            assert (a.status, a.label, a.answer) == (b.status, b.label, b.answer)
            assert a.tokens == b.tokens
            if b.probabilities is not None:
                assert a.probabilities == pytest.approx(b.probabilities, abs=1e-4)
    last = many.predict(PROMPTS[0], lambda: False)  # and alone again
    assert last.label == expected[0].label


@contracts
def test_one_that_does_not_fit_is_refused_and_the_others_are_answered(
    tiny_models: dict[tiny.Family, Model], contract: ContractName
) -> None:
    many = made(tiny_models["llama"], contract, n_ctx=1024)
    found = many.predict_many(["yes", "far too long " * 900, "no"], lambda: False)
    assert [f.status == "refused" for f in found] == [False, True, False]
    assert "are free" in (found[1].error or "")
    assert [f.label for f in found if f.status != "refused"] == [f.label for f in alone(many, ["yes", "no"])]


@contracts
def test_more_than_the_context_holds_at_once_goes_in_turns(
    tiny_models: dict[tiny.Family, Model], contract: ContractName
) -> None:
    many = made(tiny_models["llama"], contract, slots=16, n_ctx=1024)
    prompts = [f"{i} of a kind, told at some length " * 4 for i in range(20)]
    found = many.predict_many(prompts, lambda: False)
    assert [f.label for f in found] == [f.label for f in alone(many, prompts)]


@contracts
def test_a_cancelled_batch_leaves_no_trace(
    tiny_models: dict[tiny.Family, Model], contract: ContractName
) -> None:
    many = made(tiny_models["llama"], contract)
    before = many.predict_many(PROMPTS, lambda: False)
    calls = iter(range(10**6))
    stopped = many.predict_many(PROMPTS, lambda: next(calls) >= 3)
    assert stopped[-1].status == "cancelled"
    again = many.predict_many(PROMPTS, lambda: False)
    assert [(a.label, a.answer) for a in again] == [(b.label, b.answer) for b in before]


def test_times_of_a_batch_are_shares(tiny_models: dict[tiny.Family, Model]) -> None:
    found = made(tiny_models["llama"], "score").predict_many(PROMPTS[:2], lambda: False)
    assert len({f.latency_ms.prefill for f in found}) == 1
    assert found[0].latency_ms.prefill > 0


async def test_an_arm_answers_many_together_and_says_so(tiny_files: dict[tiny.Family, Path]) -> None:
    maker = ModelArms(TWO, shots_for(TWO.labels), None, SETTINGS, slots=4)
    async with running(maker.model_arm(spec(tiny_files["llama"]))) as arm:
        expected = [await arm.ask(prompt, 30.0) for prompt in PROMPTS[:5]]
        found = await arm.ask_many([*PROMPTS[:4], "half a pair \ud800"], 30.0)
        assert [f.label for f in found[:4]] == [e.label for e in expected[:4]]
        assert {f.batched for f in found} == {True}
        assert {e.batched for e in expected} == {None}
        assert len({f.latency_ms.total for f in found}) == 1
        os.kill(pid_of(arm), signal.SIGSTOP)
        stuck = await arm.ask_many(PROMPTS[:3], 0.05)
        assert [f.status for f in stuck] == ["timeout"] * 3
        await phase(arm, "ready")
        assert (await arm.ask_many(PROMPTS[:1], 30.0))[0].label == expected[0].label


async def test_a_replay_in_bulk_has_the_labels_of_one_by_one_and_no_latency(
    tiny_files: dict[tiny.Family, Path], tmp_path: Path
) -> None:
    labels = []
    for bulk in (1, 3):
        maker = ModelArms(FRONT_DOOR, SHOTS, None, SETTINGS.model_copy(update={"context": 4096}), slots=bulk)
        corpus = load_corpus(resources.ROUTING60, FRONT_DOOR)
        materials = Materials(FRONT_DOOR, resources.TAXONOMY, corpus, resources.ROUTING60)
        lab = Lab(materials, SETTINGS, maker, tmp_path / f"{bulk}.toml", bulk=bulk)
        lab.add_arm(spec(tiny_files["llama"]))
        await lab.settled()
        lab.replay(lab.cases()[:7])
        await lab.finished()
        await lab.close()
        file = SessionFile.open(tmp_path / f"{bulk}.toml")
        trials = file.session.trials
        file.close()
        assert [t.batched for t in trials] == [True if bulk > 1 else None] * 7
        labels.append([(t.case, t.label) for t in trials])
        (summary,) = summarise(trials, FRONT_DOOR.families)
        assert (summary.p50 is None) == (bulk > 1)
    assert labels[0] == labels[1]
