"""An HTTP server on loopback that does what a test says: an OpenAI-compatible one, and everything else."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from routerlab.core.prediction import Prediction
from routerlab.core.remote import Remote
from routerlab.core.taxonomy import Taxonomy
from routerlab.engine.remote.arm import FIRST, RemoteArm, RemoteSpec
from tests.conftest import PATIENCE_S
from tests.engine.asking import FRONT_DOOR

KEY = "sk-Zq7/secret+key=that-nobody-may-see"
KEY_ENV = "ROUTERLAB_TEST_KEY"
SIMPLE = '{"label": "code/simple", "confidence": 0.75}'


@dataclass
class Request:
    """What a client sent."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Act = Callable[[asyncio.StreamWriter, Request], Awaitable[None]]
"""Answers one request; the connection is kept if it returns, and closed if it raises ConnectionError."""


def http(status: int, body: bytes, headers: dict[str, str] | None = None) -> Act:
    """A whole answer."""

    async def act(writer: asyncio.StreamWriter, request: Request) -> None:
        told = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (headers or {})
        head = f"HTTP/1.1 {status} x\r\n" + "".join(f"{k}: {v}\r\n" for k, v in told.items())
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()

    return act


def completion(content: str | None = SIMPLE, finish: str = "stop", **more: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 200, "completion_tokens": 15, "prompt_tokens_details": {"cached_tokens": 64}}
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": finish}
    told = {"model": "m-2026-11", "system_fingerprint": "fp_1", "usage": usage}
    return {"id": "x", "object": "chat.completion", "created": 0, "choices": [choice]} | told | more


def says(content: str | None = SIMPLE, finish: str = "stop", **more: Any) -> Act:
    """A chat completion with this content."""
    return http(200, json.dumps(completion(content, finish, **more)).encode())


def error(status: int, message: str = "no", **headers: str) -> Act:
    """An error as these servers put it."""
    told = {k.replace("_", "-"): v for k, v in headers.items()}
    return http(status, json.dumps({"error": {"message": message, "type": "e"}}).encode(), told)


async def never(writer: asyncio.StreamWriter, request: Request) -> None:
    """No answer at all."""
    await asyncio.sleep(3600)


async def cut(writer: asyncio.StreamWriter, request: Request) -> None:
    """The connection ends in the middle of the answer."""
    body = json.dumps(completion()).encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[: len(body) // 2])
    await writer.drain()
    raise ConnectionError


async def hang_up(writer: asyncio.StreamWriter, request: Request) -> None:
    """The connection ends before any answer."""
    raise ConnectionError


def dribbles(pause: float, parts: int) -> Act:
    """A good answer, a piece at a time."""

    async def act(writer: asyncio.StreamWriter, request: Request) -> None:
        body = json.dumps(completion()).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        size = len(body) // parts + 1
        for i in range(parts):
            await asyncio.sleep(pause)
            writer.write(body[i * size : (i + 1) * size])
            await writer.drain()

    return act


MODELS = http(200, b'{"object": "list", "data": [{"id": "m", "object": "model"}]}')
SAYS = says()


@dataclass
class Server:
    """Does `script` in turn, then what is usual. `asked` are the questions it got, not those for models, and
    not the one that an arm asks while it loads: that is among `began`, and `first` answers it."""

    script: deque[Act] = field(default_factory=deque)
    models: Act = MODELS
    first: Act = SAYS
    usual: Act = SAYS
    asked: list[Request] = field(default_factory=list)
    began: list[Request] = field(default_factory=list)
    port: int = 0
    open: int = 0
    """Connections that are open now."""
    now: int = 0
    most: int = 0
    """Questions that are being answered now, and at most."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def remote(self, **more: Any) -> Remote:
        told = {"name": "test", "base_url": self.url, "model": "m", "hosting": "api", "key_env": KEY_ENV}
        return Remote.model_validate(told | more)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        gone = asyncio.ensure_future(asyncio.sleep(0))
        try:
            while (request := await _read(reader)) is not None:
                act = self.models if request.line.startswith("GET") else self._next(request)
                self.now += 1
                self.most = max(self.most, self.now)
                answer = asyncio.ensure_future(act(writer, request))
                # A client that leaves is noticed at once, also while it waits.
                gone = asyncio.ensure_future(_left(reader))
                await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
                self.now -= 1
                if not answer.done():
                    answer.cancel()
                    return
                answer.result()
                gone.cancel()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            gone.cancel()
            self.open -= 1
            writer.close()

    def _next(self, request: Request) -> Act:
        if FIRST.encode() in request.body:
            self.began.append(request)
            return self.first
        self.asked.append(request)
        return self.script.popleft() if self.script else self.usual


async def _left(reader: asyncio.StreamReader) -> None:
    """Wait until the client closed the connection (a client that waits for an answer sends nothing)."""
    while not reader.at_eof():
        await asyncio.sleep(0.005)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = head.strip().split("\r\n")
    headers = {k.lower(): v for k, _, v in (text.partition(": ") for text in lines)}
    return Request(line, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def serving(*script: Act) -> AsyncIterator[Server]:
    """A server that does these things in turn."""
    server = Server(deque(script))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        if hasattr(listening, "close_clients"):
            listening.close_clients()


@contextmanager
def serving_beside(*script: Act) -> Iterator[Server]:
    """The same in a thread of its own, for tests that run programs."""
    ready, end = threading.Event(), threading.Event()
    held: list[Server] = []

    async def run() -> None:
        async with serving(*script) as server:
            held.append(server)
            ready.set()
            await asyncio.to_thread(end.wait)

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    ready.wait()
    try:
        yield held[0]
    finally:
        end.set()
        thread.join()


@asynccontextmanager
async def asking(server: Server, taxonomy: Taxonomy = FRONT_DOOR, /, **more: Any) -> AsyncIterator[RemoteArm]:
    """A remote arm that is ready; afterwards nothing of it is left."""
    before = asyncio.all_tasks()
    arm = RemoteArm(RemoteSpec(name="remote:test", remote=server.remote(**more)), taxonomy)
    await arm.start()
    assert arm.state.phase == "ready", arm.state.message
    try:
        yield arm
    finally:
        await arm.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while server.open:
                    await asyncio.sleep(0.005)
        assert server.open == 0
        assert not {t for t in asyncio.all_tasks() - before if "serve" not in repr(t)}


async def asked_once(*script: Act, timeout_s: float = PATIENCE_S) -> tuple[Prediction, Server]:
    """The answer when a server does these things in turn."""
    async with serving(*script) as server, asking(server) as arm:
        return await arm.ask("a regex, please", timeout_s), server


def codes(answer: Prediction) -> list[int | None]:
    """The HTTP status of every attempt."""
    return [attempt.http for attempt in answer.attempts or ()]
