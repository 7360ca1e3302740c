"""A remote arm against a server that behaves, and one that does not."""

import asyncio
import gzip
import json

import pytest

from routerlab.core.prediction import Tokens
from routerlab.engine.contract.contract import system_prompt
from routerlab.engine.remote import endpoint
from tests.conftest import PATIENCE_S
from tests.engine.asking import FRONT_DOOR
from tests.engine.remote.server import (
    KEY,
    Act,
    asked_once,
    asking,
    codes,
    completion,
    dribbles,
    http,
    never,
    says,
    serving,
)

BIG = b"x" * (10 * 2**20)


pytestmark = pytest.mark.usefixtures("remote_key")


async def test_the_study_contract_is_asked_and_the_answer_read() -> None:
    answer, server = await asked_once()
    assert (answer.status, answer.label, answer.confidence) == ("ok", "code/simple", 0.75)
    assert answer.answer == '{"label": "code/simple", "confidence": 0.75}'
    assert answer.tokens == Tokens(cached=64, evaluated=136, generated=15)
    assert codes(answer) == [200]
    attempt = (answer.attempts or ())[0]
    assert 0 < attempt.took_ms <= answer.latency_ms.total
    assert server.asked[0].line == "POST /v1/chat/completions HTTP/1.1"
    assert server.asked[0].json == {
        "model": "m",
        "messages": [
            {"role": "system", "content": system_prompt(FRONT_DOOR, "json")},
            {"role": "user", "content": "a regex, please"},
        ],
        "temperature": 0.0,
        "max_tokens": 128,
    }


async def test_a_remote_may_have_more_said_in_every_request() -> None:
    async with serving() as server, asking(server, body={"top_p": 1.0, "x": {"y": ["z"]}}) as arm:
        await arm.ask("x", PATIENCE_S)
    assert server.asked[0].json | {"messages": None} == {
        "model": "m", "messages": None, "temperature": 0.0, "max_tokens": 128, "top_p": 1.0,
        "x": {"y": ["z"]},
    }  # fmt: skip


async def test_only_the_key_and_the_question_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "BASE_URL"):
        monkeypatch.setenv(f"OPENAI_{name}", "from-the-environment")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: from-the-environment\nAuthorization: Bearer other")
    _, server = await asked_once()
    headers = server.asked[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "from-the-environment" not in repr(server.asked)
    assert set(headers) <= {*endpoint._KEPT, "authorization", "accept-encoding"}


async def test_a_server_without_a_key_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    async with serving() as server, asking(server, key_env=None) as arm:
        assert (await arm.ask("x", PATIENCE_S)).status == "ok"
    assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(
    "body",
    [b"<html>welcome</html>", b"", b"{", b"[]", b"null", b"{}", b'{"choices": []}', b'{"choices": null}',
     b'{"choices": [{"message": {"content": 5}}]}', b'{"choices": "x"}', b"\xff\xfe", b"[" * 100_000,
     b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": -1}}'],
)  # fmt: skip
async def test_an_answer_that_is_none_is_a_fault_of_the_server(body: bytes) -> None:
    answer, server = await asked_once(http(200, body))
    assert answer.status == "crashed"
    assert "the answer is no chat completion" in str(answer.error)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "content", [None, "", "I think it is code", '{"label": "poetry"}', '{"label": "\\ud800"}']
)
async def test_an_answer_without_a_label_is_one_that_cannot_be_parsed(content: str | None) -> None:
    answer, _ = await asked_once(says(content))
    assert answer.status == "unparsed"
    assert answer.error
    assert answer.answer == (content or "")
    assert answer.tokens.generated == 15


async def test_an_answer_that_was_cut_off_says_so() -> None:
    answer, _ = await asked_once(says('{"label": "code', finish="length"))
    assert str(answer.error).endswith("(it ended at the limit of 128 tokens)")


def chunked(body: bytes, status: int = 200) -> Act:
    """Without saying how long it will be."""

    async def act(writer: asyncio.StreamWriter, request: object) -> None:
        writer.write(b"HTTP/1.1 %d x\r\nTransfer-Encoding: chunked\r\n\r\n" % status)
        for i in range(0, len(body), 65536):
            piece = body[i : i + 65536]
            writer.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    return act


@pytest.mark.parametrize(
    "act",
    [http(200, BIG), http(400, BIG), chunked(BIG), chunked(BIG, 500)],
    ids=["ok", "error", "chunked", "chunked-error"],
)
async def test_a_huge_answer_is_not_read(act: Act) -> None:
    answer, server = await asked_once(act)
    assert answer.status == "crashed"
    assert answer.error == f"127.0.0.1:{server.port}: the answer is larger than 1 MiB"
    assert len(server.asked) == 1


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_read() -> None:
    packed = gzip.compress(json.dumps(completion("y" * (100 * 2**20))).encode())
    answer, _ = await asked_once(http(200, packed, {"Content-Encoding": "gzip"}))
    assert answer.status == "crashed"
    short = gzip.compress(json.dumps(completion()).encode())
    answer, _ = await asked_once(http(200, short, {"Content-Encoding": "gzip"}))
    assert answer.label == "code/simple"


async def test_a_long_answer_is_kept_in_part() -> None:
    answer, _ = await asked_once(says("{" + "z" * 500_000))
    assert answer.status == "unparsed"
    assert len(str(answer.answer)) == 8192


async def test_a_remote_may_have_a_shorter_limit() -> None:
    async with serving(never) as server, asking(server, timeout_s=0.2) as arm:
        assert (await arm.ask("x", PATIENCE_S)).error == "no answer in 0.2 s"


async def test_a_slow_answer_is_whole_and_its_time_is_the_whole() -> None:
    answer, _ = await asked_once(dribbles(0.05, 5))
    assert answer.label == "code/simple"
    assert answer.latency_ms.total >= 250 - 1


async def test_a_redirect_is_not_followed() -> None:
    async with serving() as elsewhere:
        answer, _ = await asked_once(http(307, b"", {"Location": f"{elsewhere.url}/chat/completions"}))
        assert elsewhere.asked == []
    assert answer.status == "refused"
    assert f"it sends us to 127.0.0.1:{elsewhere.port}, which is not followed" in str(answer.error)
    assert (await asked_once(http(302, b"", {"Location": "http://[broken"})))[0].status == "refused"


async def test_half_a_character_can_be_asked() -> None:
    async with serving() as server, asking(server) as arm:
        assert (await arm.ask("a \udc80 b\x00", PATIENCE_S)).status == "ok"
    assert server.asked[0].json["messages"][1]["content"] == "a ? b\x00"
