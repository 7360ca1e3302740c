"""A remote arm against a real server: llama-cpp-python's own, with the real model, on loopback."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from routerlab.core.remote import Remote
from routerlab.engine.contract.contract import parse_answer
from routerlab.engine.remote.arm import RemoteArm, RemoteSpec
from routerlab.engine.remote.info import RemoteInfo
from tests.conftest import PATIENCE_S
from tests.engine.asking import SIX
from tests.engine.workers import SETTINGS, arms, spec

PROMPTS = ("write a regex for ISO dates", "why is the sky blue?")


@pytest.fixture(scope="module")
def server(smollm2: Path) -> Iterator[str]:
    """The address of a server that is ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {"model": smollm2, "host": "127.0.0.1", "port": port, "n_ctx": 1024, "n_batch": 512}
    options |= {"n_threads": 1, "n_threads_batch": 1, "model_alias": "smol"}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "llama_cpp.server", *words]
    log = subprocess.DEVNULL
    with subprocess.Popen(command, stdin=log, stdout=log, stderr=log) as process:
        url = f"http://127.0.0.1:{port}/v1"
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not _answers(url):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.1)
            yield url
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/models", trust_env=False).is_success
    except httpx2.TransportError:
        return False


def remote(url: str, **more: object) -> RemoteSpec:
    # Left to itself this server punishes repetition, so its greedy answers are not the model's.
    body = {"repeat_penalty": 1.0}
    told = {"name": "smol", "base_url": url, "model": "smol", "hosting": "self-hosted", "body": body}
    return RemoteSpec(name="remote:smol", remote=Remote.model_validate(told | more))


async def test_the_same_model_says_the_same_here_and_behind_a_server(server: str, smollm2: Path) -> None:
    """So it is the same contract: prompt, template, limit and greedy decoding."""
    arm = RemoteArm(remote(server), SIX)
    await arm.start()
    assert (arm.state.phase, arm.state.message) == ("ready", "")
    answers = [await arm.ask(prompt, PATIENCE_S) for prompt in PROMPTS]
    info = arm.state.info
    await arm.stop()
    assert isinstance(info, RemoteInfo)
    assert (info.served_model, info.body) == ("smol", {"repeat_penalty": 1.0})

    local = arms(SETTINGS, SIX, ()).model_arm(spec(smollm2, "json"))
    await local.start()
    here = [await local.ask(prompt, PATIENCE_S) for prompt in PROMPTS]
    await local.stop()
    assert [a.answer for a in answers] == [a.answer for a in here]
    assert [(a.status, a.label, a.confidence) for a in answers] == [
        (a.status, a.label, a.confidence) for a in here
    ]
    for answer in answers:
        parsed = parse_answer(answer.answer or "", SIX.labels)
        assert (answer.label, answer.status == "ok") == (parsed.label, parsed.label is not None)
        assert answer.tokens.evaluated > 100
        assert 0 < answer.tokens.generated <= 128
        assert [a.http for a in answer.attempts or ()] == [200]


async def test_a_prompt_that_does_not_fit_is_refused_with_the_servers_words(server: str) -> None:
    arm = RemoteArm(remote(server), SIX)
    await arm.start()
    answer = await arm.ask("word " * 2000, PATIENCE_S)
    assert answer.status == "refused"
    assert "HTTP 400 Bad Request: " in str(answer.error)
    assert "1024" in str(answer.error)
    await arm.stop()


async def test_a_real_answer_can_be_cancelled(server: str) -> None:
    arm = RemoteArm(remote(server), SIX)
    await arm.start()
    task = asyncio.create_task(arm.ask(PROMPTS[0], PATIENCE_S))
    await asyncio.sleep(0)
    while arm.state.phase != "busy":
        await asyncio.sleep(0.005)
    arm.cancel()
    assert (await task).status == "cancelled"
    assert (await arm.ask(PROMPTS[1], PATIENCE_S)).answer
    await arm.stop()
