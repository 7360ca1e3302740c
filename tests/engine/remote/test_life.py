"""A remote arm starts, is cancelled, asked many things at once, and stopped; and nothing of it is left."""

import asyncio

import pytest

from routerlab.core.prediction import Tokens
from routerlab.engine.remote.arm import RemoteArm, RemoteSpec
from routerlab.engine.remote.info import RemoteInfo
from tests.conftest import PATIENCE_S
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import (
    KEY_ENV,
    Act,
    Server,
    asking,
    dribbles,
    error,
    hang_up,
    http,
    never,
    says,
    serving,
)

pytestmark = pytest.mark.usefixtures("remote_key")


@pytest.mark.parametrize("act", [never, dribbles(3600, 2), error(503, retry_after="59")])
async def test_cancel_works_at_once_and_the_next_question_is_answered(act: Act) -> None:
    async with serving(act) as server, asking(server) as arm:
        task = asyncio.create_task(arm.ask("x", PATIENCE_S))
        while not server.asked:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        arm.cancel()
        answer = await task
        assert answer.status == "cancelled"
        assert answer.latency_ms.total > 0
        assert len(answer.attempts or ()) == 1
        assert arm.state.phase == "ready"
        assert (await arm.ask("x", PATIENCE_S)).status == "ok"


async def test_stop_works_at_once_and_leaves_nothing() -> None:
    async with serving(never, never) as server, asking(server) as arm:  # which looks for what is left
        asked = [asyncio.create_task(arm.ask("x", PATIENCE_S)) for _ in range(2)]
        while len(server.asked) < 2:
            await asyncio.sleep(0.005)
        await arm.stop()
        assert [(await task).status for task in asked] == ["cancelled", "cancelled"]
        assert arm.state.phase == "stopped"
        assert (await arm.ask("x", PATIENCE_S)).status == "crashed"
        await arm.start()
        assert (await arm.ask("x", PATIENCE_S)).status == "ok"


async def test_many_are_asked_a_few_at_a_time() -> None:
    async with serving() as server:
        server.usual = dribbles(0.03, 2)
        async with asking(server, concurrency=3) as arm:
            answers = await arm.ask_many([f"prompt {i}" for i in range(8)], PATIENCE_S)
            assert arm.state.phase == "ready"
            one = await arm.ask_many(["alone"], PATIENCE_S)
    assert {a.status for a in answers} == {"ok"}
    assert all(a.batched for a in answers)
    assert one[0].batched is None
    assert server.most == 3
    prompts = [r.json["messages"][1]["content"] for r in server.asked]
    assert sorted(prompts) == sorted(["alone", *(f"prompt {i}" for i in range(8))])


async def test_cancel_ends_those_that_still_wait_as_well() -> None:
    async with serving(*[never] * 8) as server, asking(server, concurrency=2) as arm:
        task = asyncio.create_task(arm.ask_many(["x"] * 6, PATIENCE_S))
        while len(server.asked) < 2:
            await asyncio.sleep(0.005)
        arm.cancel()
        assert [a.status for a in await task] == ["cancelled"] * 6
        assert len(server.asked) == 2
        server.script.clear()
        assert (await arm.ask("x", PATIENCE_S)).status == "ok"


async def start(server: Server, **more: object) -> RemoteArm:
    """An arm that tried to start."""
    arm = RemoteArm(RemoteSpec(name="remote:test", remote=server.remote(**more)), FRONT_DOOR)
    await arm.start()
    return arm


async def test_a_server_that_is_not_there_is_a_failed_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as server:
        pass
    arm = await start(server)
    assert arm.state.phase == "failed"
    assert arm.state.message.startswith(f"127.0.0.1:{server.port}: connection failed: ")
    assert arm.state.message.endswith("(3 attempts)")


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (error(401, "bad key"), f"HTTP 401 Unauthorized: bad key; see the key in {KEY_ENV}"),
        (error(404, "no model m"), "HTTP 404 Not Found: no model m"),
        (error(429), "HTTP 429 Too Many Requests: no (3 attempts)"),
        (error(500), "HTTP 500 Internal Server Error: no (3 attempts)"),
        (http(301, b"", {"Location": "https://other.example/v1"}), "it sends us to other.example"),
        (http(200, b"<html>hello"), "no chat completion but a web page: see base_url"),
        (http(200, b'{"error": {"message": "out of order"}}'), "HTTP 200 OK, but an error: out of order"),
    ],
)
async def test_a_server_of_no_use_is_a_failed_arm(first: Act, message: str) -> None:
    async with serving() as server:
        server.first = first
        arm = await start(server)
        assert arm.state.phase == "failed"
        assert message in arm.state.message
        assert (await arm.ask("x", PATIENCE_S)).status == "crashed"


@pytest.mark.parametrize(
    "models", [error(404), error(405), http(200, b"<html>"), http(200, b'{"data": [1]}')]
)
async def test_a_server_need_not_list_its_models(models: Act) -> None:
    async with serving() as server:
        server.models = models
        async with asking(server) as arm:
            assert arm.state.message == ""
            assert (await arm.ask("x", PATIENCE_S)).status == "ok"


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (error(401, "no lists"), "HTTP 401 Unauthorized: no lists"),
        (error(403), "HTTP 403 Forbidden: no"),
        (error(429), "HTTP 429 Too Many Requests: no"),
        (error(500), "HTTP 500 Internal Server Error: no"),
        (http(301, b"", {"Location": "https://other.example/v1"}), "it sends us to other.example"),
        (hang_up, "connection failed: "),
        (never, "no answer in 0.2 s"),
    ],
)
async def test_a_server_that_lists_no_models_is_asked_all_the_same(
    monkeypatch: pytest.MonkeyPatch, models: Act, message: str
) -> None:
    monkeypatch.setattr("routerlab.engine.remote.arm.MODELS_S", 0.2)
    async with serving() as server:
        server.models = models
        async with asking(server) as arm:
            assert arm.state.message.startswith("it does not say which models it has: ")
            assert message in arm.state.message
            assert _info(arm).note == arm.state.message
            assert (await arm.ask("x", PATIENCE_S)).status == "ok"
    assert len(server.began) == 1


async def test_a_model_that_is_not_listed_is_told() -> None:
    async with serving() as server, asking(server, model="other") as arm:
        assert arm.state.message == f"127.0.0.1:{server.port} does not list a model other"


async def test_stop_while_starting() -> None:
    async with serving() as server:
        server.models = never
        arm = RemoteArm(RemoteSpec(name="remote:test", remote=server.remote()), FRONT_DOOR)
        task = asyncio.create_task(arm.start())
        while not server.now:
            await asyncio.sleep(0.005)
        await arm.stop()
        await task
        assert arm.state.phase == "stopped"
        while server.open:
            await asyncio.sleep(0.005)


def _info(arm: RemoteArm) -> RemoteInfo:
    assert isinstance(arm.state.info, RemoteInfo)
    return arm.state.info


async def test_what_the_server_says_of_itself_is_kept() -> None:
    async with serving(says(), says(system_fingerprint="fp_2"), says(model=None, usage=None)) as server:
        prices = {"input": 0.27, "output": 1.1, "currency": "USD", "date": "2026-11-24"}
        async with asking(server, prices=prices) as arm:
            seen, answers = [], []
            for _ in range(3):
                answers.append(await arm.ask("x", PATIENCE_S))
                seen.append(_info(arm))
    assert [(i.served_model, i.system_fingerprint) for i in seen] == [
        ("m-2026-11", "fp_1"),
        ("m-2026-11", "fp_2"),
        (None, "fp_1"),
    ]
    assert answers[-1].tokens == Tokens()
    info = seen[-1]
    assert info.base_url == server.url
    assert info.client.startswith("openai ")
    assert info.device == f"127.0.0.1:{server.port}"
    assert info.computes_on == {"CPU"}
