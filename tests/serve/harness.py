"""A server on loopback in this process, over real sockets, with arms that do what they are told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2

from routerlab.api import AsyncRouter
from routerlab.core.names import Turn
from routerlab.core.prediction import Prediction, Trial
from routerlab.core.session.file import read_session
from routerlab.core.session.session import Session
from routerlab.serve.app import Server
from routerlab.serve.chat.forward import Clients
from routerlab.serve.chat.reply import Choosing
from routerlab.serve.chat.stickiness import Stickiness, Sticky
from routerlab.serve.front import Front, MakeRouter, Wanted, load_work
from routerlab.serve.ledger import Keep, Recorder
from routerlab.serve.limits import Limits
from routerlab.serve.metrics import Metrics
from routerlab.serve.run import listen, uvicorn
from tests.conftest import PATIENCE_S
from tests.engine.arms.members import Member
from tests.engine.asking import FRONT_DOOR

LIMITS = Limits(deadline_s=PATIENCE_S, drain_s=5.0)
TOKEN = "a-token-that-nobody-guesses"
PROMPT = "what Zanzibar's harbour master told nobody"


@dataclass
class Told(Member):
    """A member that answers by the prompt: the first of `says` whose key is in it, else its own label."""

    label: str = "code/simple"
    says: Mapping[str, str] = field(default_factory=dict)
    prompts: list[str] = field(default_factory=list)

    async def ask(self, prompt: str, timeout_s: float) -> Prediction:
        self.prompts.append(prompt)
        usual = self.label
        self.label = next((label for key, label in self.says.items() if key in prompt), usual)
        try:
            return await super().ask(prompt, timeout_s)
        finally:
            self.label = usual
            self.cancels = 0


@dataclass
class Visit:
    """A server and somebody who asks it."""

    url: str
    client: httpx2.AsyncClient
    server: Server
    recorder: Recorder
    lines: list[str]

    async def route(self, prompt: str = PROMPT, **more: Any) -> httpx2.Response:
        return await self.client.post("/v1/route", json={"prompt": prompt}, **more)

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = (await self.client.get("/metrics")).text
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    def trials(self) -> list[Trial]:
        """What was written so far; nothing while there is no file."""
        path = self.recorder.path
        return read_session(path).session.trials if path is not None and path.exists() else []

    def session(self) -> Session:
        assert self.recorder.path is not None
        return read_session(self.recorder.path).session


@asynccontextmanager
async def serving(
    folder: Path,
    *arms: Member,
    limits: Limits = LIMITS,
    token: str | None = None,
    keep: Keep | None = None,
    make: MakeRouter | None = None,
    host: str = "127.0.0.1",
    wanted: Wanted | None = None,
    headers: Mapping[str, str] | None = None,
    sticky: float | Callable[[Metrics, Callable[[str], None]], Sticky] = 0.0,
    turn: Turn | None = "last",
    port: int = 0,
) -> AsyncIterator[Visit]:
    """A server whose router is the first arm, or one of `make`; the others are its shadows. All is closed in
    the end, and what was written can be read then."""
    names = [arm.name for arm in arms]
    by_name = {arm.name: arm for arm in arms}
    lines: list[str] = []
    metrics = Metrics()
    recorder = Recorder(folder / "sessions", keep or Keep(), metrics, lines.append)
    asked = wanted or Wanted(names[0] if names else "arm")
    asked = replace(asked, shadows=tuple(names[1:])) if names else asked

    def scripted(name: str) -> AsyncRouter:
        return AsyncRouter(by_name[name], FRONT_DOOR.labels, PATIENCE_S)

    front = Front(lambda: load_work(asked, limits, metrics, recorder, make or scripted), recorder, limits)
    models = Clients()
    remembers = sticky(metrics, lines.append) if callable(sticky) else Stickiness(sticky)
    choosing = Choosing(models, remembers, turn)
    server = Server(front, limits, metrics, choosing, token, lines.append)
    await front.load()
    sock = listen(host, port)
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    running = uvicorn(server, sock, host, address.set_result)
    task = asyncio.create_task(running.serve([sock]))
    try:
        url = await asyncio.wait_for(address, PATIENCE_S)
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, headers=headers) as client:
            yield Visit(url, client, server, recorder, lines)
    finally:
        running.should_exit = True
        await task
        await front.close()
        await recorder.close()
        await models.aclose()


async def raw(url: str, data: bytes, half_close: bool = False) -> bytes:
    """What comes back for these bytes until the server closes."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    if half_close:
        writer.write_eof()
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    finally:
        writer.close()


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def statuses(answers: Sequence[httpx2.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)
