"""What a request may cost, how it is refused when it costs more, and how work ends that nobody waits for."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive

T = TypeVar("T")
LARGE = 64 * 1024
"""Bytes or characters from which on a text is worked on off the event loop."""


@dataclass(frozen=True)
class Limits:
    """Of one server. `queue` are decisions that may wait besides those that the router is at work on;
    `requests` and `connections` are open at a time. A decision has `deadline_s`, a body `body_s` to arrive, a
    request's head `head_s`; an answer that stands still for `stall_s` in either direction is cut.
    `retry_s` is the longest wait that is asked for."""

    body_bytes: int = 8 * 2**20
    prompt_characters: int = 200_000
    queue: int = 64
    requests: int = 512
    connections: int = 4096
    deadline_s: float = 10.0
    body_s: float = 30.0
    head_s: float = 30.0
    stall_s: float = 60.0
    keep_alive_s: float = 75.0
    drain_s: float = 30.0
    retry_s: float = 60.0


class RefusedError(Exception):
    """A request that is answered with an error: a status, a line for people, and a code for programs; `allow`
    are the methods that the address has."""

    def __init__(
        self, status: int, code: str, message: str, retry_s: float | None = None, allow: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_s = retry_s
        self.allow = allow

    @property
    def response(self) -> JSONResponse:
        """As OpenAI-compatible servers put it. Where the body was not read, the connection ends."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error = {"message": str(self), "type": kind, "code": self.code}
        headers = {} if self.retry_s is None else {"Retry-After": str(max(1, ceil(self.retry_s)))}
        if self.status in (408, 413):
            headers["Connection"] = "close"
        if self.allow is not None:
            headers["Allow"] = self.allow
        return JSONResponse({"error": error}, self.status, headers)


class GoneError(Exception):
    """The client has left: nobody waits for an answer."""


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body; RefusedError when it is too long or takes too long, GoneError without its end."""
    most = limits.body_bytes
    too_long = RefusedError(413, "body_too_long", f"the body is longer than {most} bytes")
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and int(told) > most:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise too_long
    except TimeoutError:
        raise RefusedError(408, "body_too_slow", f"the body did not arrive in {limits.body_s:g} s") from None
    except ClientDisconnect:
        raise GoneError from None
    return bytes(body)


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """What `work` returns; what is large is worked on in a thread, so that nobody else waits for it."""
    return work() if size < LARGE else await asyncio.to_thread(work)


async def unless_gone(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, cancelled as soon as the client leaves (GoneError). The body was read before."""

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.create_task(work), asyncio.create_task(left())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise GoneError
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait((working,))
