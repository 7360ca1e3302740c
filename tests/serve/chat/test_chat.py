"""Chats sent on over real sockets to models that answer, stall, cut and refuse."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from routerlab.serve.front import Wanted
from tests.conftest import PATIENCE_S
from tests.engine.remote.server import (
    KEY,
    KEY_ENV,
    Act,
    Request,
    Server,
    cut,
    error,
    hang_up,
    http,
    never,
)
from tests.engine.remote.server import serving as model
from tests.engine.workers import until
from tests.serve.chat.tables import table
from tests.serve.harness import LIMITS, PROMPT, TOKEN, Told, Visit, serving

SAYS = {"regex": "code/simple", "system": "code/complex", "why": "CoT/simple"}
NEVER_S = 2.0
"""How long a model is waited for that never answers: it must have been asked by then."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)


@dataclass
class Door:
    """A server with three models behind it: small and large at a provider's, home here."""

    visit: Visit
    small: Server
    large: Server
    home: Server
    router: Told

    async def chat(self, text: Any = "a regex", model: str = "auto", **more: Any) -> httpx2.Response:
        headers = more.pop("headers", {})
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return await self.visit.client.post("/v1/chat/completions", json=body, headers=headers)

    @property
    def asked(self) -> tuple[int, int, int]:
        """How often small, large and home were asked."""
        return len(self.small.asked), len(self.large.asked), len(self.home.asked)


@asynccontextmanager
async def door(folder: Path, router: Told | None = None, **more: Any) -> AsyncIterator[Door]:
    options = {key: more.pop(key) for key in ("default", "constrained") if key in more}
    small_s = more.pop("small_s", PATIENCE_S)
    async with model() as small, model() as large, model() as home:
        told = router or Told("main", says=SAYS)
        models: dict[str, tuple[int, str, Server | str]] = {
            "small": (1, "api", small),
            "large": (3, "api", large),
            "home": (2, "self-hosted", home),
        }
        path = table(folder / "routes.toml", models, timeout_s=PATIENCE_S, **options)
        path.write_text(path.read_text().replace(f"_s = {PATIENCE_S}", f"_s = {small_s}", 1))
        eco = table(folder / "eco.toml", {"large": (1, "api", small)}, **options)
        wanted = Wanted("main", tables={"": path, "eco": eco})
        async with serving(folder, told, wanted=wanted, **more) as visit:
            yield Door(visit, small, large, home, told)


BODY = (
    b'{ "temperature" : 1e-1, "stream":false,"tools":[{"type":"function","function":{"name":"f\\u00e9"}}],\r'
    b'\n\t"messages": [{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"a reg'
    b'ex \xc3\xa9\\ud83d\\ude00"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]}],'
    b' "model" : "auto" , "seed":12345678901234567890123 }\n'
)


async def test_all_is_sent_on_as_it_came_but_the_name_and_the_key(tmp_path: Path) -> None:
    answer = json.dumps({"odd": "é\u2028", "n": 1.0}).encode() + b"\n\n"
    async with door(tmp_path, token=TOKEN) as found:
        found.small.script.append(http(200, answer, {"X-Request-Id": "r1", "Set-Cookie": "a=b"}))
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Cookie": "c=d"}
        got = await found.visit.client.post("/v1/chat/completions", content=BODY, headers=headers)
        assert got.content == answer
        (sent,) = found.small.asked
        assert sent.body == BODY.replace(b'"auto"', b'"small-2026"')
        assert sent.line.startswith("POST /v1/chat/completions ")
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert TOKEN not in str(sent)
        assert "cookie" not in sent.headers
        told = {k: v for k, v in got.headers.items() if k.startswith("x-routerlab-")}
        assert told.pop("x-routerlab-ms")
        assert told == {
            "x-routerlab-label": "code/simple",
            "x-routerlab-probability": "0.9000",
            "x-routerlab-target": "small",
        }
        assert (got.headers["x-request-id"], got.headers.get("set-cookie")) == ("r1", None)
        assert found.router.prompts == ["a regex é😀"]
    assert [(t.label, t.target) for t in found.visit.session().trials] == [("code/simple", "small")]


async def test_headers_that_are_not_ascii_or_not_true_do_no_harm(tmp_path: Path) -> None:
    """What curl -d says of a body that is JSON, and a name as some clients write it."""
    async with door(tmp_path) as found:
        headers = [(b"User-Agent", b"Caf\xe9/1"), (b"Content-Type", b"application/x-www-form-urlencoded")]
        got = await found.visit.client.post("/v1/chat/completions", content=BODY, headers=headers)
        assert got.status_code == 200
        (sent,) = found.small.asked
        assert sent.headers["user-agent"].encode("latin-1") == b"Caf\xe9/1"
        assert sent.headers["content-type"] == "application/json"


def streams(*events: bytes, wait: asyncio.Event | None = None, end: bool = True, stall: bool = False) -> Act:
    """Server-sent events in chunks; the second waits for `wait`, and without `end` the stream breaks off."""

    async def act(writer: asyncio.StreamWriter, request: Request) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for n, event in enumerate(events):
            if n and wait is not None:
                await wait.wait()
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
        if stall:
            await asyncio.sleep(PATIENCE_S)
        if not end:
            raise ConnectionError
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    return act


EVENTS = (b'data: {"a": "\xc3', b'\xa9"}\n\ndata: {"b"', b": 2}\n\ndata: [DONE]\n\n")


async def test_a_stream_comes_as_it_is_written(tmp_path: Path) -> None:
    seen = asyncio.Event()
    async with door(tmp_path) as found:
        found.small.script.append(streams(*EVENTS, wait=seen))
        body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "a regex"}]}
        async with found.visit.client.stream("POST", "/v1/chat/completions", json=body) as got:
            assert got.headers["content-type"] == "text/event-stream"
            pieces = got.aiter_raw()
            first = await asyncio.wait_for(anext(pieces), PATIENCE_S)
            assert first == EVENTS[0]  # though the model has not written the rest yet
            seen.set()
            assert first + b"".join([piece async for piece in pieces]) == b"".join(EVENTS)


@pytest.mark.parametrize("stall", [False, True], ids=["cut", "stalled"])
async def test_a_stream_that_breaks_off_is_no_whole_answer(tmp_path: Path, stall: bool) -> None:
    async with door(tmp_path, limits=replace(LIMITS, stall_s=0.1)) as found:
        found.small.script.append(streams(*EVENTS[:2], end=False, stall=stall))
        with pytest.raises(httpx2.RemoteProtocolError):
            await found.chat(stream=True)
        assert found.asked == (1, 0, 0)  # what has begun is not begun again
        assert not found.visit.lines
        assert (await found.chat()).status_code == 200


async def test_a_client_that_leaves_ends_the_models_work(tmp_path: Path) -> None:
    async with door(tmp_path) as found:
        found.small.script.append(streams(*EVENTS, wait=asyncio.Event()))
        body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "a regex"}]}
        async with found.visit.client.stream("POST", "/v1/chat/completions", json=body) as got:
            await anext(got.aiter_raw())
        await until(lambda: found.small.open == 0)
        await until(lambda: found.visit.server.metrics.requests._value.get() == 0)
        assert not found.visit.lines


async def test_a_client_that_does_not_read_is_let_go(tmp_path: Path) -> None:
    async with door(tmp_path, limits=replace(LIMITS, stall_s=0.2)) as found:
        found.small.script.append(streams(*[b"x" * 2**20] * 64))
        body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "a regex"}]}
        async with found.visit.client.stream("POST", "/v1/chat/completions", json=body):
            await until(lambda: len(found.small.asked) == 1 and found.small.open == 0)
        await until(lambda: found.visit.server.metrics.requests._value.get() == 0)


@pytest.mark.parametrize(
    "act", [error(429), error(500), error(401), error(404), http(302, b""), hang_up, never, cut],
    ids=["429", "500", "401", "404", "302", "hangs up", "stalls", "cuts"],
)  # fmt: skip
async def test_the_next_stronger_model_answers_for_one_that_does_not(tmp_path: Path, act: Act) -> None:
    async with door(tmp_path, small_s=NEVER_S if act is never else PATIENCE_S) as found:
        found.small.script.append(act)
        if act is cut:  # its answer had begun: the client sees that it has no end
            with pytest.raises(httpx2.RemoteProtocolError):
                await found.chat()
            return
        got = await found.chat()
        assert (got.status_code, got.headers["x-routerlab-target"]) == (200, "home")
        assert got.headers["x-routerlab-fallback"] == "failed"
        assert found.asked == (1, 0, 1)


async def test_what_is_wrong_with_the_request_is_the_clients(tmp_path: Path) -> None:
    async with door(tmp_path) as found:
        found.small.script.append(error(400, "context_length_exceeded"))
        got = await found.chat()
        assert (got.status_code, found.asked) == (400, (1, 0, 0))
        assert "context_length_exceeded" in got.text


async def test_a_constraint_is_not_broken_when_its_model_fails(tmp_path: Path) -> None:
    async with door(tmp_path) as found:
        found.home.usual = error(503)
        got = await found.chat("why so")
        assert got.status_code == 502
        assert got.json()["error"]["message"] == "home: answered 503"
        assert found.asked == (0, 0, 1)


async def test_when_all_are_busy_the_client_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with door(tmp_path) as found:
        found.small.usual = found.large.usual = error(429, Retry_After="7")
        found.home.usual = error(429, Retry_After="3")
        got = await found.chat()
        assert (got.status_code, got.headers["Retry-After"]) == (429, "3")
        assert found.asked == (1, 1, 1)


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("why", ["abstained", "timeout", "crashed", "late", "would_be_late", "no_text"])
async def test_without_a_label_the_default_answers_if_every_constraint_allows_it(
    tmp_path: Path, why: Any, constrained: bool
) -> None:
    """One label may only go home, and nobody knows whether this prompt has it."""
    router = Told("main", label="code/simple", abstained=True if why == "abstained" else None)
    limits = LIMITS
    if why == "late":
        router.waits, limits = True, replace(LIMITS, deadline_s=0.05)
    elif why in ("timeout", "crashed"):
        router.status = why
    text: Any = [{"type": "image_url", "image_url": {"url": "data:,"}}] if why == "no_text" else PROMPT
    async with door(tmp_path, router, limits=limits, constrained=constrained) as found:
        if why == "would_be_late":
            work = found.visit.server.front._work
            assert work is not None
            work.decider.main._pending[0], work.decider.main._turn_s = 1, 1e9
        got = await found.chat(text)
        assert got.status_code == 200
        assert found.asked == ((0, 0, 1) if constrained else (0, 1, 0))
        reason = "timeout" if why == "late" else why
        assert got.headers["x-routerlab-fallback"] == reason
        assert await found.visit.metric(f'routerlab_fallbacks_total{{reason="{reason}"}}') == 1


async def test_variants_are_tables_and_other_models_are_not_there(tmp_path: Path) -> None:
    async with door(tmp_path) as found:
        listed = (await found.visit.client.get("/v1/models")).json()
        assert [m["id"] for m in listed["data"]] == ["auto", "auto:eco"]
        await found.chat("a system", model="auto:eco")
        assert found.asked == (1, 0, 0)
        for name in ("gpt", "auto:", "auto:none", "small"):
            got = await found.chat(model=name)
            assert got.status_code == (200 if name == "auto:" else 404)
        assert (await found.visit.route("a system")).json()["target"] == "large"


async def test_a_conversation_only_goes_up(tmp_path: Path) -> None:
    async def ask(*texts: str, **headers: str) -> str:
        turns = [{"role": "user", "content": text} for text in texts]
        body = {"model": "auto", "messages": turns}
        got = await found.visit.client.post("/v1/chat/completions", json=body, headers=headers)
        return got.headers["x-routerlab-target"]

    async with door(tmp_path, sticky=PATIENCE_S) as found:
        assert await ask("a regex") == "small"
        assert await ask("a regex", "a system") == "large"
        assert await ask("a regex", "a system", "a regex again") == "large"
        assert await ask("another regex") == "small"  # another conversation
        assert await ask("a regex", "why so") == "home"  # a constraint wins
        named = {"x-routerlab-session": "mine"}
        assert await ask("a system", **named) == "large"
        assert await ask("quite another regex", **named) == "large"


@pytest.mark.parametrize(
    ("turn", "read"),
    [("last", "why"), ("first", "a regex"), (None, "user: a regex\n\nassistant: yes\n\nuser: why")],
)
async def test_what_is_decided_on_is_a_setting(tmp_path: Path, turn: Any, read: str) -> None:
    async with door(tmp_path, turn=turn) as found:
        roles = (("system", "S"), ("user", "a regex"), ("assistant", "yes"), ("user", "why"))
        body = {"model": "auto", "messages": [{"role": role, "content": text} for role, text in roles]}
        await found.visit.client.post("/v1/chat/completions", json=body)
        assert found.router.prompts == [read]


async def test_nobody_reads_a_key_a_token_or_a_text_afterwards(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with door(tmp_path, token=TOKEN) as found:
        found.small.script += [error(401, KEY), error(429, PROMPT), hang_up]
        found.home.script += [error(400, KEY), streams(*EVENTS, end=False)]
        for text in (f"a regex {PROMPT}", f"a regex {PROMPT}", f"a regex {PROMPT}", f"why {PROMPT}"):
            with suppress(httpx2.RemoteProtocolError):
                assert KEY not in (await found.chat(text, headers=bearer)).text
        await found.visit.client.post("/v1/chat/completions", content=b"{" + PROMPT.encode(), headers=bearer)
        await found.visit.route(PROMPT, headers={"Authorization": f"Bearer {KEY}"})
        counted = (await found.visit.client.get("/metrics", headers=bearer)).text
    written = [p.read_text() for p in (tmp_path / "sessions").iterdir() if p.suffix == ".toml"]
    assert len(written) == 1
    out, err = capfd.readouterr()
    all_of_it = "".join([*written, counted, out, err, caplog.text, *found.visit.lines])
    for secret in (KEY, TOKEN, PROMPT, "Zanzibar"):
        assert secret not in all_of_it
