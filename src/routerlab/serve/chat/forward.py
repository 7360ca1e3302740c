"""Sends a chat on to a model, and its answer back as it comes, byte by byte."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import httpx2
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from routerlab.core.remote import Remote
from routerlab.engine.remote.endpoint import retry_after
from routerlab.engine.remote.redact import redactor
from routerlab.serve.chat.candidates import Table
from routerlab.serve.limits import GoneError, Limits, unless_gone
from routerlab.serve.metrics import Metrics
from routerlab.study.routing_table import Target

SENT = ("accept", "traceparent", "tracestate", "user-agent")
"""What is sent on of a client's headers: above all not its token, which is ours. The body was read as JSON,
whatever the client called it, and goes on as that."""
ENCODINGS = ("gzip", "deflate", "identity")
DROPPED = frozenset(
    {"connection", "date", "keep-alive", "proxy-authenticate", "server", "set-cookie", "te", "trailer"}
    | {"transfer-encoding", "upgrade"}
)
"""What is not sent back of a model's headers."""
TRY_ANOTHER = frozenset((401, 403, 404, 408, 409, 425, 429))
"""Answers, besides 3xx and 5xx, that are about the model and not the request."""
CONNECT_S = 5.0


class FaultError(Exception):
    """A model that did not begin to answer; `wait_s` is how long it asks to wait before another try."""

    def __init__(self, target: Target, reason: str, wait_s: float | None = None) -> None:
        super().__init__(f"{target.name}: {reason}")
        self.wait_s = wait_s


class Clients:
    """What asks the models, ended by `aclose`: those on this machine directly, others through the proxy that
    the environment may name. No redirects, which would take the key elsewhere."""

    def __init__(self) -> None:
        self._near, self._far = (
            httpx2.AsyncClient(
                timeout=httpx2.Timeout(None, connect=CONNECT_S),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
                follow_redirects=False,
                trust_env=far,
            )
            for far in (False, True)
        )

    def of(self, remote: Remote) -> httpx2.AsyncClient:
        """The one for this model."""
        return self._near if remote.is_local else self._far

    async def aclose(self) -> None:
        """End all connections."""
        await self._near.aclose()
        await self._far.aclose()


@dataclass(frozen=True)
class Begun:
    """An answer that has begun: its head, its first bytes, and the rest. An error is whole, and `clean`: what
    it says of our key is taken out."""

    target: Target
    answer: httpx2.Response
    first: bytes
    rest: AsyncIterator[bytes]
    clean: bool = False


async def begin(
    clients: Clients,
    table: Table,
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    metrics: Metrics,
) -> Begun:
    """The beginning of a model's answer, which may be that the request is no good; FaultError where another
    model may do better: it cannot be reached, refuses, fails, or does not begin in time."""
    remote, key = table.remotes[target.name], table.keys[target.name]
    assert target.endpoint is not None
    told = {name: headers[name] for name in SENT if name in headers}
    told["accept-encoding"] = _readable(headers.get("accept-encoding", ""))
    told["content-type"] = "application/json"
    if key is not None:
        told["authorization"] = f"Bearer {key}"
    sent = [(name.encode(), value.encode("latin-1")) for name, value in told.items()]
    client = clients.of(remote)
    began, status = time.perf_counter(), "unreachable"
    answer: httpx2.Response | None = None
    try:
        async with asyncio.timeout(target.endpoint.timeout_s):
            request = client.build_request(
                "POST", f"{remote.base_url}/chat/completions", content=body, headers=sent
            )
            answer = await client.send(request, stream=True)
            code = answer.status_code
            status = str(code)
            if code in TRY_ANOTHER or 300 <= code < 400 or code >= 500:
                raise FaultError(target, f"answered {code}", retry_after(answer.headers))
            if code >= 400:
                text = redactor(key)((await answer.aread()).decode("utf-8", "replace"))
                begun = Begun(target, answer, text.encode(), _nothing(), clean=True)
            else:
                rest = answer.aiter_raw()
                begun = Begun(target, answer, await anext(rest, b""), rest)
    except BaseException as e:
        if answer is not None:
            await answer.aclose()
        late, left = isinstance(e, TimeoutError), isinstance(e, asyncio.CancelledError)
        metrics.upstream.labels(target.name, "timeout" if late else "left" if left else status).inc()
        if isinstance(e, TimeoutError):
            raise FaultError(target, f"no answer began in {target.endpoint.timeout_s:g} s") from None
        if isinstance(e, httpx2.HTTPError | httpx2.StreamError):
            raise FaultError(target, "cannot be reached, or broke off") from None
        raise
    metrics.upstream.labels(target.name, status).inc()
    metrics.first_byte.labels(target.name).observe(time.perf_counter() - began)
    return begun


def _readable(accepted: str) -> str:
    """Of the encodings that a client takes, those in which an error can be looked through, too."""
    known = [one.strip() for one in accepted.split(",") if one.partition(";")[0].strip() in ENCODINGS]
    return ", ".join(known) or "identity"


async def _nothing() -> AsyncIterator[bytes]:
    """The rest of an answer that is whole."""
    for chunk in tuple[bytes, ...]():
        yield chunk


class Relay(Response):
    """A model's answer on its way to the client. Where it breaks off or stands still, the client's connection
    ends without the answer's end, so that nobody takes a part for the whole."""

    def __init__(self, begun: Begun, headers: Mapping[str, str], limits: Limits) -> None:
        self._begun = begun
        self._limits = limits
        self.status_code = begun.answer.status_code
        self.background = None
        theirs = [(n.lower(), v) for n, v in begun.answer.headers.multi_items()]
        dropped = DROPPED | ({"content-length", "content-encoding"} if begun.clean else set())
        kept = [(n, v) for n, v in theirs if n not in dropped and not n.startswith("x-routerlab-")]
        ours = [(n, "".join(c if " " <= c <= "~" else "?" for c in v)) for n, v in headers.items()]
        self.raw_headers = [(n.encode("latin-1"), v.encode("latin-1", "replace")) for n, v in (*kept, *ours)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as quickly as the client takes it."""
        try:
            await unless_gone(receive, self._send(send))
        except (GoneError, TimeoutError, httpx2.HTTPError, httpx2.StreamError):
            pass  # the response has no end now, and the server closes the connection
        finally:
            await self._begun.answer.aclose()

    async def _send(self, send: Send) -> None:
        stall_s = self._limits.stall_s
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        chunk: bytes | None = self._begun.first
        while chunk is not None:
            async with asyncio.timeout(stall_s):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            async with asyncio.timeout(stall_s):
                chunk = await anext(self._begun.rest, None)
        await send({"type": "http.response.body", "body": b"", "more_body": False})
