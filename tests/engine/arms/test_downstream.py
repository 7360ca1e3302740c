"""Local models as downstream ones: their own template, greedily, several at once, watched like any worker."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from routerlab.engine.arms import downstream as arm
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.downstream import Answered, Asked, ChatModel
from routerlab.engine.worker.protocol import LoadChat
from routerlab.models.placement import want
from tests.engine import tiny
from tests.engine.workers import fake_worker, one_line, running

SHORT = Asked(max_tokens=12, stop=(), timeout_s=60.0)


def model(path: Path, slots: int = 1, system: str | None = None, n_ctx: int = 512) -> ChatModel:
    load = LoadChat(model=path, n_ctx=n_ctx, threads=1, wanted=want((), 0, None), slots=slots, system=system)
    return ChatModel(ArmSpec(name="m", model=path, contract="chat"), load)


async def asked(path: Path, *prompts: str, slots: int = 1, how: Asked = SHORT) -> list[Answered]:
    async with running(model(path, slots)) as chat:
        assert isinstance(chat, ChatModel)
        return list(await asyncio.gather(*(chat.chat(prompt, how) for prompt in prompts)))


async def test_a_real_model_answers_by_its_own_template(smollm2: Path) -> None:
    how = Asked(max_tokens=8, stop=(), timeout_s=300.0)
    one, two, cut = await asked(
        smollm2, "What is the capital of France?", "Count to a hundred.", "<|im_end|>" * 3, slots=3, how=how
    )
    assert "Paris" in one.text
    assert (two.status, two.finish, two.tokens_out) == ("ok", "length", 8)
    assert cut.tokens_in is not None
    assert one.tokens_in is not None
    assert cut.tokens_in > one.tokens_in  # as text these are some tokens each, and end nothing
    assert 0 < (one.first_ms or 0) <= (one.total_ms or 0)


@pytest.mark.parametrize("family", tiny.FAMILIES)
async def test_together_as_alone(tiny_files: dict[tiny.Family, Path], family: tiny.Family) -> None:
    """Recurrent ones go one by one, whatever is asked."""
    prompts = [
        f"{word} code {i} " * (1 + 5 * i) for i, word in enumerate(("hybrid", "label", "CoT", "you", "x"))
    ]
    alone = await asked(tiny_files[family], *prompts)
    together = await asked(tiny_files[family], *prompts, slots=3)
    assert [one.status for one in alone] == ["ok"] * 5
    assert [(a.text, a.finish, a.tokens_in) for a in together] == [
        (a.text, a.finish, a.tokens_in) for a in alone
    ]


async def test_an_answer_ends_at_a_stop_text(tiny_files: dict[tiny.Family, Path]) -> None:
    (whole,) = await asked(tiny_files["llama"], "code")
    stop = whole.text[len(whole.text) // 2 :][:3]
    assert stop
    how = Asked(max_tokens=12, stop=("never there", stop), timeout_s=60.0)
    (cut,) = await asked(tiny_files["llama"], "code", how=how)
    assert cut.text == whole.text.split(stop)[0]
    assert cut.finish == "stop"
    assert (cut.tokens_out or 0) < (whole.tokens_out or 0)


async def test_without_a_template_or_with_one_that_refuses_a_system_prompt(tmp_path: Path) -> None:
    plain = tiny.build(tmp_path / "plain.gguf")
    async with running(model(plain, system="Be short.")) as one:
        assert "asked in plain text" in one.state.message
    refuses = tiny.build(tmp_path / "refuses.gguf", template=tiny.TEMPLATES["refuses system"])
    async with running(model(refuses, system="Be short.")) as folded:
        assert folded.state.phase == "ready"
        assert "plain text" not in folded.state.message
    async with running(model(tiny.build(tmp_path / "x.gguf", pooled=True))) as embedding:
        assert embedding.state.phase == "failed"
        assert "embedding model" in embedding.state.message
    async with running(model(plain, system="word " * 600, n_ctx=256)) as crowded:
        assert crowded.state.phase == "failed"
        assert "the system prompt takes" in crowded.state.message


async def test_killed_with_two_under_way_and_back(tiny_files: dict[tiny.Family, Path]) -> None:
    long = Asked(max_tokens=400, stop=(), timeout_s=60.0)
    async with running(model(tiny_files["llama"], slots=2, n_ctx=2048)) as chat:
        assert isinstance(chat, ChatModel)
        both = [asyncio.create_task(chat.chat("code", long)) for _ in range(2)]
        await asyncio.sleep(0)
        assert chat.state.pid is not None
        os.kill(chat.state.pid, signal.SIGKILL)
        for one in await asyncio.gather(*both):
            assert one.status == "crashed"
            assert one_line(one.error or "")
        assert await chat.settled()
        assert (await chat.chat("code", SHORT)).status == "ok"
        assert chat.state.restarts == 0


async def test_one_that_takes_too_long_leaves_the_others_alone(tiny_files: dict[tiny.Family, Path]) -> None:
    endless = Asked(max_tokens=1500, stop=(), timeout_s=0.05)
    async with running(model(tiny_files["llama"], slots=2, n_ctx=4096)) as chat:
        assert isinstance(chat, ChatModel)
        pid = chat.state.pid
        late, fine = await asyncio.gather(chat.chat("code", endless), chat.chat("label", SHORT))
        assert (late.status, late.error) == ("timeout", "no answer in 0.05 s")
        assert fine.status == "ok"
        assert (await chat.chat("code", SHORT)).status == "ok"
        assert chat.state.pid == pid  # it obeyed


async def test_a_worker_that_does_not_obey_is_replaced(
    tmp_path: Path, tiny_files: dict[tiny.Family, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arm, "CANCEL_DEADLINE_S", 0.05)
    fake_worker(monkeypatch, tmp_path, "hear(); say(READY)\nwhile True: hear()\n")
    async with running(model(tiny_files["llama"])) as chat:
        assert isinstance(chat, ChatModel)
        pid = chat.state.pid
        late = await chat.chat("code", Asked(1, (), 0.05))
        assert late.status == "timeout"
        assert await chat.settled()
        assert chat.state.pid != pid
