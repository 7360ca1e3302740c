"""Which model a conversation had, in a store that several servers share: Redis, Valkey or alike."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from routerlab.core.errors import LabError
from routerlab.serve.metrics import Metrics

PASSWORD = "ROUTERLAB_STICKY_PASSWORD"
"""The environment variable that holds the store's password, if it has one."""
PREFIX = "routerlab:sticky:"
"""Before the hash of a conversation, which is all that the store knows of it."""
WAIT_S = 0.5
"""Seconds that a chat waits for the store."""
PAUSE_S = 2.0
"""Seconds in which nobody asks it again when it failed."""


def connect(url: str, password: str | None) -> Redis:
    """What asks the store at redis://HOST:PORT, connected at the first question; LabError, without a word of
    the address, when it is none or has a password in it."""
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("redis", "rediss") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong:
        raise LabError("--sticky-store: write redis://HOST:PORT, or rediss://HOST:PORT for TLS")
    if parts.password or parts.query:
        raise LabError(f"--sticky-store: others can read what stands there: put the password into {PASSWORD}")
    # Protocol 2 is what every such server speaks. One more try is for a connection that was closed meanwhile.
    pool = BlockingConnectionPool.from_url(
        url, password=password, protocol=2, timeout=WAIT_S, retry=Retry(NoBackoff(), 1)
    )
    return Redis.from_pool(pool)


class SharedStickiness:
    """Conversation -> model in the store, for `seconds` after each request (see `Sticky`). Where it does not
    answer, chats go on as if they were new: `tell` hears of it once, `metrics` count them."""

    def __init__(self, seconds: float, store: Redis, metrics: Metrics, tell: Callable[[str], None]) -> None:
        self._ms = max(1, round(seconds * 1000))
        self._store = store
        self._metrics = metrics
        self._tell = tell
        self._down = False
        self._again = 0.0
        """time.monotonic() from which on it is asked again."""

    async def model(self, conversation: str) -> str | None:
        """See `Sticky.model`."""
        found = await self._asked(lambda: self._store.get(PREFIX + conversation))
        return found.decode(errors="replace") if found else None

    async def had(self, conversation: str, model: str) -> None:
        """See `Sticky.had`."""
        await self._asked(lambda: self._store.set(PREFIX + conversation, model, px=self._ms))

    async def close(self) -> None:
        """End its connections."""
        await self._store.aclose()

    async def _asked(self, question: Callable[[], Awaitable[Any]]) -> Any:
        """The store's answer, None where there is none in time."""
        if time.monotonic() >= self._again:
            try:
                async with asyncio.timeout(WAIT_S):
                    answer = await question()
                if self._down:
                    self._tell("the store for --sticky answers again")
                self._down = False
                return answer
            except (RedisError, OSError) as e:  # a timeout is one, too
                if not self._down:  # by its kind: its text may have the password in it
                    self._tell(
                        f"the store for --sticky fails ({type(e).__name__}): chats go on without stickiness"
                    )
                self._down, self._again = True, time.monotonic() + PAUSE_S
        self._metrics.store_failures.inc()
        return None
