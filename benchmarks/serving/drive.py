"""An open-loop driver: requests leave when a Poisson process says so, whether or not answers have come."""

import asyncio
import json
import math
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

HANG_S = 30.0
"""An answer that has not come by then will not: three times the longest deadline a server has by default."""
LATE_SHARE = 0.05


@dataclass(frozen=True)
class Reply:
    """A request by the run's clock, in seconds: when it was `due`, when it was `sent` and when its answer was
    read. `status` is HTTP's; 0 is a connection that broke, -1 none in `HANG_S`."""

    due: float
    sent: float
    done: float
    status: int
    label: str | None = None

    @property
    def ms(self) -> float:
        """What the client waited, from the moment it was due: a driver that is late hides nothing. One that
        got no decision waits for ever."""
        return (self.done - self.due) * 1000.0 if self.status == 200 else math.inf


@dataclass
class Run:
    """What came of so many requests a second for so many seconds; `given_up` where it was cut short, as more
    than 5 % of all its requests were late already."""

    rate: float
    seconds: float
    planned: int
    given_up: bool = False
    replies: list[Reply] = field(default_factory=list)

    def p(self, share: float) -> float:
        """The quantile (nearest rank) of the waits in ms over all requests, those refused included."""
        waits = sorted(reply.ms for reply in self.replies)
        return waits[max(0, math.ceil(share * len(waits)) - 1)] if waits else math.inf

    def keeps(self, limit_ms: float) -> bool:
        """Whether P95 is within the limit."""
        return not self.given_up and self.p(0.95) <= limit_ms

    def goodput(self, limit_ms: float) -> float:
        """Decisions a second that were there in time, and before the last request was due."""
        end = max((reply.due for reply in self.replies), default=0.0) if self.given_up else self.seconds
        good = sum(reply.ms <= limit_ms and reply.done <= end for reply in self.replies)
        return good / end if end else 0.0

    @property
    def statuses(self) -> dict[str, int]:
        """How many of each."""
        names = {0: "broken", -1: "hung"}
        return {names.get(s, str(s)): n for s, n in sorted(Counter(r.status for r in self.replies).items())}

    def told(self, limit_ms: float) -> dict[str, Any]:
        """For the file. Quantiles are None where so many got no decision."""
        p50, p95 = self.p(0.5), self.p(0.95)
        late = sorted(reply.sent - reply.due for reply in self.replies)
        answered = sorted(reply.ms for reply in self.replies if reply.status == 200)
        return {
            "rate": self.rate,
            "seconds": self.seconds,
            "sent": len(self.replies),
            "given_up": self.given_up,
            "statuses": self.statuses,
            "p50_ms": p50 if math.isfinite(p50) else None,
            "p95_ms": p95 if math.isfinite(p95) and not self.given_up else None,
            "answered_p95_ms": answered[int(0.95 * (len(answered) - 1))] if answered else None,
            "goodput": self.goodput(limit_ms),
            "driver_late_p95_ms": 1000.0 * late[int(0.95 * (len(late) - 1))] if late else None,
        }


class Driver:
    """Asks one server; the prompts go round, in an order that the seed says."""

    def __init__(self, session: aiohttp.ClientSession, url: str, prompts: Sequence[str], seed: int) -> None:
        self._session = session
        self._base, self._url = url, f"{url}/v1/route"
        self._random = random.Random(seed)
        self._bodies = [json.dumps({"prompt": prompt}).encode() for prompt in prompts]
        self._random.shuffle(self._bodies)
        self._next = 0

    async def ask(self, body: bytes, began: float, due: float) -> Reply:
        """One request."""
        sent = time.perf_counter() - began
        status, label = 0, None
        try:
            async with self._session.post(self._url, data=body) as answer:
                said = await answer.json()
                status, label = answer.status, said.get("label")
        except TimeoutError:
            status = -1
        except aiohttp.ClientError:
            pass
        return Reply(due, sent, time.perf_counter() - began, status, label)

    async def run(self, rate: float, seconds: float, limit_ms: float | None = None) -> Run:
        """So many requests a second. With a limit it ends as soon as P95 cannot keep it any more."""
        due = self._due(rate, seconds)
        run, asked = Run(rate, seconds, len(due)), set[asyncio.Task[Reply]]()
        late, began = 0, time.perf_counter()

        def ended(task: asyncio.Task[Reply]) -> None:
            nonlocal late
            if not task.cancelled():
                run.replies.append(task.result())
                late += limit_ms is not None and task.result().ms > limit_ms
            asked.discard(task)

        for at in due:
            await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            if late > LATE_SHARE * len(due):
                run.given_up = True
                break
            body = self._bodies[self._next % len(self._bodies)]
            self._next += 1
            task = asyncio.create_task(self.ask(body, began, at))
            task.add_done_callback(ended)
            asked.add(task)
        while asked and not run.given_up:
            await asyncio.wait(asked)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return run

    async def lost(self) -> int | None:
        """How many records the server did not write, for the disk was slower; None where it keeps none."""
        async with self._session.get(f"{self._base}/metrics") as answer:
            found = re.search(r"^routerlab_records_lost_total (\S+)", await answer.text(), re.MULTILINE)
        return round(float(found[1])) if found else None

    def _due(self, rate: float, seconds: float) -> list[float]:
        found, at = list[float](), self._random.expovariate(rate)
        while at < seconds:
            found.append(at)
            at += self._random.expovariate(rate)
        return found

    async def closed(self, prompts: Sequence[str], at_once: int, seconds: float) -> tuple[list[Reply], float]:
        """All prompts, then all again until the time is up, so many at a time: the first round's replies in
        order, and how many were answered a second."""
        began, first, count = time.perf_counter(), list[Reply](), 0
        gate = asyncio.Semaphore(at_once)

        async def one(prompt: str) -> Reply:
            async with gate:
                return await self.ask(json.dumps({"prompt": prompt}).encode(), began, 0.0)

        while not first or time.perf_counter() - began < seconds:
            replies = await asyncio.gather(*map(one, prompts))
            count += sum(reply.status == 200 for reply in replies)
            first = first or replies
        return first, count / (time.perf_counter() - began)


def session() -> aiohttp.ClientSession:
    """A client that opens as many connections as there are requests."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=HANG_S)
    )
