"""What goes to an OpenAI-compatible endpoint and what comes back, with every attempt on record.

The client library builds the requests. Trying again is done here, where it can be seen. Answers are not
streamed: an answer counts when all of it is here. Imported only when a remote arm starts.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import responses
from itertools import count
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai

from routerlab.core.prediction import Attempt, Status
from routerlab.core.remote import Remote
from routerlab.core.text import printable
from routerlab.engine.remote.completion import read_error, refused_key
from routerlab.engine.remote.redact import redactor

LARGEST = 2**20
"""Bytes of an answer that are read at most; what the contract asks for has a few hundred."""
CONNECT_S = 10.0
FIRST_PAUSE_S = 0.5
"""Before the second attempt, unless the server says how long to wait; doubled before each further one."""
LONGEST_WAIT_S = 60.0
"""A server that wants more is not waited for."""
_CLIP = 300
_HEARD = 4096
"""Characters of what a server says that are looked at."""
_KEPT = frozenset({"host", "accept", "content-type", "content-length", "connection", "user-agent"})
"""Headers that are sent. The library's others tell of this machine, or come from OpenAI's own variables."""

Send = Callable[[], Awaitable[httpx2.Response]]


class TooLargeError(Exception):
    """The server sends more than `LARGEST` bytes."""


@dataclass(frozen=True)
class Reply:
    """`content` is the body of the answer if `status` is "ok"; else `error` says why there is none. `http` is
    the last HTTP status, None where there was not even that. `refusal` is all that the server said of it."""

    status: Status
    content: bytes = b""
    error: str | None = None
    http: int | None = None
    refusal: str = ""


@dataclass(frozen=True)
class _Outcome:
    """How one attempt ended; `again` says that another may go better, `wait_s` after how long at least."""

    http: int | None = None
    content: bytes = b""
    error: str | None = None
    again: bool = False
    wait_s: float | None = None
    refusal: str = ""


class _Bounded(httpx2.AsyncByteStream):
    """The stream of a response, with an end."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        n = 0
        async for chunk in self._stream:
            n += len(chunk)
            if n > self._limit:
                raise TooLargeError
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


class Endpoint:
    """A connection to a remote's endpoint. The key is in the requests that are under way and nowhere else.

    `library` is the client library and its version, `clean` takes secrets out of what the server says.
    """

    library = f"openai {openai.__version__}"

    def __init__(self, remote: Remote, key: str | None) -> None:
        self._remote = remote
        self.clean = redactor(key)

        async def strip_down(request: httpx2.Request) -> None:
            for name in set(request.headers) - _KEPT:
                del request.headers[name]
            request.headers["Accept-Encoding"] = "identity"
            if key:
                request.headers["Authorization"] = f"Bearer {key}"

        async def bound(response: httpx2.Response) -> None:
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            packed = response.headers.get("content-encoding", "identity") != "identity"
            response.stream = _Bounded(response.stream, LARGEST // 64 if packed else LARGEST)

        timeout = httpx2.Timeout(None, connect=CONNECT_S)
        self._http = httpx2.AsyncClient(
            timeout=timeout,
            follow_redirects=False,  # a prompt and a key go where a person sent them
            trust_env=not remote.is_local,
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=60.0),
            event_hooks={"request": [strip_down], "response": [bound]},
        )
        self._client = openai.AsyncOpenAI(
            api_key="none",  # what the library takes from the environment where it is given nothing
            admin_api_key="none",
            base_url=remote.base_url,
            max_retries=0,
            timeout=timeout,
            http_client=self._http,
        )

    async def ask(self, body: Mapping[str, Any], timeout_s: float, attempts: list[Attempt]) -> Reply:
        """The answer to a chat. Every attempt is added to `attempts`, also when this is cancelled."""
        return await self._exchange(
            lambda: self._client.post("/chat/completions", body=body, cast_to=httpx2.Response),
            timeout_s,
            attempts,
            self._remote.retries,
        )

    async def models(self, timeout_s: float) -> Reply:
        """The server's list of models, asked for once."""
        return await self._exchange(
            lambda: self._client.get("/models", cast_to=httpx2.Response), timeout_s, [], 0
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def _exchange(self, send: Send, timeout_s: float, attempts: list[Attempt], retries: int) -> Reply:
        """Send until there is an answer, it was tried again `retries` times, or the time is used up."""
        begun = time.perf_counter()
        last = ""
        try:
            async with asyncio.timeout(timeout_s):
                for n in count(1):
                    outcome = await self._attempt(send, begun, attempts)
                    if outcome.error is None:
                        return Reply("ok", outcome.content, http=outcome.http)
                    tried = f" ({n} attempts)" if n > 1 else ""
                    last = f"{self._remote.host}: {outcome.error}{tried}"
                    pause = FIRST_PAUSE_S * 2 ** (n - 1) if outcome.wait_s is None else outcome.wait_s
                    left = timeout_s - (time.perf_counter() - begun)
                    if not outcome.again or n > retries or pause > min(left, LONGEST_WAIT_S):
                        break
                    await asyncio.sleep(pause)
        except TimeoutError:
            reason = f"no answer in {timeout_s:g} s"
            return Reply("timeout", error=f"{last}, then {reason}" if last else reason)
        if outcome.again and outcome.wait_s is not None and pause > min(left, LONGEST_WAIT_S):
            last += f"; it asks to wait {pause:g} s, which is too long"
        declined = outcome.http is not None and 300 <= outcome.http < 500
        return Reply("refused" if declined else "crashed", b"", last, outcome.http, outcome.refusal)

    async def _attempt(self, send: Send, begun: float, attempts: list[Attempt]) -> _Outcome:
        sent = time.perf_counter()
        outcome = _Outcome(error="given up while it was under way")
        try:
            outcome = await self._outcome(send)
        finally:
            attempts.append(
                Attempt(
                    at_ms=(sent - begun) * 1000.0,
                    took_ms=(time.perf_counter() - sent) * 1000.0,
                    http=outcome.http,
                    error=outcome.error,
                    wait_s=outcome.wait_s,
                )
            )
        return outcome

    async def _outcome(self, send: Send) -> _Outcome:
        """Whatever a library raises has an end here: its errors hold the request, and that the key."""
        try:
            response = await send()
            return self._unless_error(response)
        except openai.APIStatusError as e:
            return self._declined(e.response, e.response.status_code)
        except openai.APITimeoutError:
            return _Outcome(error=f"no connection in {CONNECT_S:g} s", again=True)
        except openai.APIConnectionError as e:
            return _Outcome(error=self.short(f"connection failed: {_reason(e.__cause__ or e)}"), again=True)
        except TooLargeError:
            return _Outcome(200, error=f"the answer is larger than {LARGEST // 2**20} MiB")
        except Exception as e:
            return _Outcome(error=self.short(f"the request failed: {_reason(e)}"))

    def _unless_error(self, response: httpx2.Response) -> _Outcome:
        """A good status, under which some servers send an error all the same, with a status of its own."""
        told, code = read_error(response.content)
        if not told:
            return _Outcome(200, response.content)
        return self._declined(response, code or 200)

    def _declined(self, response: httpx2.Response, code: int) -> _Outcome:
        """The status in words, and what the server says about it."""
        said, key = read_error(response.content)[0], refused_key(response.content)
        text = f"HTTP {code} {responses.get(code, '')}".strip()
        if 300 <= code < 400:
            text += f": it sends us to {_host(response)}, which is not followed; see base_url"
        elif code == 200:
            text += f", but an error: {said}"
        elif said:
            text += f": {said}"
        return _Outcome(
            code,
            error=self.short(text),
            again=code == 429 or code >= 500,
            wait_s=retry_after(response.headers),
            refusal=self.clean(f"{said[:_HEARD]} {key[:_CLIP]}"),
        )

    def short(self, text: str) -> str:
        """One line that may be shown and written down."""
        text = printable(self.clean(text[:_HEARD]))
        return text if len(text) <= _CLIP else text[: _CLIP - 3] + "..."


def _host(response: httpx2.Response) -> str:
    """Where a redirect points."""
    try:
        return urlsplit(response.headers.get("location", "")).netloc.rpartition("@")[2] or "another page"
    except ValueError:
        return "no address"


def _reason(e: BaseException) -> str:
    """The error in a line; some have no text of their own."""
    return str(e).strip() or type(e).__name__


def retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds that the server asks to wait, from a number or a date; None where it does not say."""
    said = headers.get("retry-after", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            when = parsedate_to_datetime(said)
            seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if isfinite(seconds) else None
