"""Asking a judge, local or remote: question by question, each judgement kept at once."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from routerlab.core.errors import Exit, LabError
from routerlab.core.remote import Remote
from routerlab.engine.arms.arm import ArmSpec
from routerlab.engine.arms.downstream import Answered, Asked, ChatModel
from routerlab.engine.lab.runner import Progress
from routerlab.engine.lab.start import Say
from routerlab.engine.remote.downstream import RemoteChat
from routerlab.engine.worker.protocol import LoadChat
from routerlab.models.placement import want
from routerlab.settings import Settings
from routerlab.study.outcome.judge.question import Question, read_verdict
from routerlab.study.outcome.judge.record import JudgeFile, Judgement

HOW = Asked(max_tokens=16, stop=(), timeout_s=600.0)
CONTEXT = 4096
"""Tokens of a local judge's memory; what does not fit is refused."""
Chat = Callable[[str, Asked], Awaitable[Answered]]


async def judge(
    by: Path | Remote,
    asked: Sequence[Question],
    file: JudgeFile,
    settings: Settings,
    say: Say,
    show: Callable[[Progress], None],
) -> None:
    """Ask what the session does not have yet. LabError when the judge cannot be loaded or reached, or the
    disk is full. To be stopped by cancelling it: all that is whole is kept."""
    todo = deque(one for one in asked if one.key not in file.judgements.of)
    if not todo:
        return
    done = first = len(asked) - len(todo)
    begun = time.monotonic()

    async def lane(chat: Chat) -> None:
        nonlocal done
        while todo:
            question = todo.popleft()
            at = datetime.now(UTC)
            file.append(_judgement(at, question, await chat(question.prompt, HOW)))
            done += 1
            elapsed = time.monotonic() - begun
            left = elapsed / (done - first) * (len(asked) - done)
            show(Progress("running", done, len(asked), elapsed, left))

    async with _opened(by, settings, say) as (chat, lanes):
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(lanes, len(todo))):
                    group.create_task(lane(chat))
        except BaseExceptionGroup as e:
            raise e.exceptions[0] from None


def _judgement(at: datetime, question: Question, answered: Answered) -> Judgement:
    ok = answered.status == "ok"
    return Judgement(
        at=at,
        task=question.task,
        first=question.first,
        second=question.second,
        status=answered.status,
        said=answered.text if ok else None,
        verdict=read_verdict(answered.text) if ok else None,
        tokens_in=answered.tokens_in,
        tokens_out=answered.tokens_out,
        latency_ms=answered.total_ms,
        error=answered.error,
    )


@asynccontextmanager
async def _opened(by: Path | Remote, settings: Settings, say: Say) -> AsyncIterator[tuple[Chat, int]]:
    """How the judge is asked, and how many questions at once."""
    if isinstance(by, Remote):
        far = await asyncio.to_thread(RemoteChat, by, None, HOW.max_tokens, HOW.stop)
        try:
            yield far.chat, by.concurrency
        finally:
            for line in far.changed:
                say(f"{by.name}: {line}")
            await far.close()
        return
    near = _local(by, settings)

    async def chat(prompt: str, how: Asked) -> Answered:
        if not await near.settled():
            raise LabError(near.state.message, Exit.MISSING)
        return await near.chat(prompt, how)

    try:
        await near.start()
        yield chat, 1
    finally:
        await near.stop()


def _local(path: Path, settings: Settings) -> ChatModel:
    load = LoadChat(
        model=path.absolute(),
        n_ctx=CONTEXT,
        threads=settings.threads,
        wanted=want(settings.devices, settings.gpu_layers, settings.split),
    )
    return ChatModel(ArmSpec(name=path.stem, model=path, contract="chat"), load)
