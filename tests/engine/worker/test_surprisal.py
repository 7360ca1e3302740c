"""A token's surprisal is minus its log probability after all before it, however the pass is cut up."""

from pathlib import Path

import numpy as np
import pytest

from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.downstream import Asked, ChatModel
from routerlab.engine.contract.contract import chat_frame
from routerlab.engine.worker.llama import Context, Model
from routerlab.engine.worker.protocol import LoadChat
from routerlab.engine.worker.surprisal import STEP, surprisals
from routerlab.models.placement import want
from tests.engine import tiny
from tests.engine.asking import open_model, plain_score
from tests.engine.workers import running


def reader(path: Path, n_ctx: int = 512) -> ChatModel:
    load = LoadChat(model=path, n_ctx=n_ctx, threads=1, wanted=want((), 0, None), weighs=True)
    return ChatModel(ArmSpec(name="m", model=path, contract="chat"), load)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_as_each_token_scored_from_scratch(
    tiny_models: dict[tiny.Family, Model], family: tiny.Family
) -> None:
    model = tiny_models[family]
    before = model.tokenize("user the code:", special=False)
    text = model.tokenize("label hybrid 12 " * 30, special=False)
    assert len(text) > 2 * STEP
    context = Context(model, 512, 2, STEP, 1)
    found = surprisals(context, before, text)
    for i in (0, 1, STEP - 1, STEP, STEP + 1, len(text) - 1):
        assert found[i] == pytest.approx(
            -plain_score(model, [*before, *text[:i]], text[i : i + 1], 1), rel=1e-3
        )
    assert surprisals(context, before, text) == pytest.approx(found, rel=1e-6)  # nothing was left behind
    alone = surprisals(context, (), text[:2])
    assert alone[0] == np.log(model.n_vocab)
    assert alone[1] == pytest.approx(-plain_score(model, text[:1], text[1:2], 1), rel=1e-3)
    assert not surprisals(context, (), ()).size


async def test_of_a_prompt_where_a_users_prompt_stands(smollm2: Path) -> None:
    prompt = "The capital of France is Paris, and naïve 日本."
    async with running(reader(smollm2)) as arm:
        assert isinstance(arm, ChatModel)
        found = await arm.weigh(prompt, 60.0)
        again = await arm.weigh(found.tokens, 60.0)
        answered = await arm.chat("Say hello.", Asked(4, (), 60.0))
        long = await arm.weigh("word " * 600, 60.0)
    assert "".join(found.pieces).encode("latin-1").decode() == prompt
    assert (again.tokens, again.nats) == (found.tokens, found.nats)
    assert answered.status == "ok"
    assert "more than a context of 512 takes" in (long.error or "")
    nats = {piece.strip(): n for piece, n in zip(found.pieces, found.nats, strict=True)}
    assert nats["Paris"] < nats["capital"]  # what is known to come says little
    model = open_model(smollm2)
    before = model.tokenize_pieces(chat_frame(None, model.chat_renderer()).prefix, start=True)
    assert sum(found.nats) == pytest.approx(-plain_score(model, before, found.tokens, 1), rel=1e-3)
    model.close()


async def test_a_worker_that_is_gone_has_no_answer(tiny_files: dict[tiny.Family, Path]) -> None:
    arm = reader(tiny_files["llama"])
    assert (await arm.weigh("code", 1.0)).error
