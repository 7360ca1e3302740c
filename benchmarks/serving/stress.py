"""What else a server meets: connections that do nothing, workers that are killed, hours."""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from statistics import median
from typing import Any

import psutil
from scipy.stats import theilslopes

from benchmarks.serving.drive import Driver, Reply
from benchmarks.serving.programs import Target
from routerlab.core.statistics.quantiles import percentile

IDLE = 1000
ROUNDS = 2
SAMPLE_S = 5.0
MIB = 2**20


@asynccontextmanager
async def idle_connections(url: str, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections that have asked once and say no more, as clients' pools keep them."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2 * count <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * count, hard))
    pairs = [await asyncio.open_connection(host, int(port)) for _ in range(count)]
    for reader, writer in pairs:
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b'{"status":"ok"}')
    yield [reader for reader, _ in pairs]
    for _, writer in pairs:
        writer.close()


async def idle(target: Target, driver: Driver, rate: float, seconds: float) -> dict[str, Any]:
    """Waits without and with idle connections, in turns, and how many of these were open in the end."""
    waits: dict[str, list[float]] = {"without": [], "with": []}
    refused, still = 0, 0
    for _ in range(ROUNDS):
        alone = await driver.run(rate, seconds)
        async with idle_connections(target.url, IDLE) as readers:
            beside = await driver.run(rate, seconds)
            still = sum(not reader.at_eof() for reader in readers)
        for name, run in (("without", alone), ("with", beside)):
            waits[name] += [reply.ms for reply in run.replies if reply.status == 200]
            refused += sum(reply.status != 200 for reply in run.replies)
    found: dict[str, Any] = {"rate": rate, "connections": IDLE, "open at the end": still, "refused": refused}
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        alone_ms, beside_ms = (percentile(waits[key], share) or 0.0 for key in ("without", "with"))
        found |= {f"{name}_ms": [alone_ms, beside_ms], f"{name}, with / without": beside_ms / alone_ms}
    return found


async def kill(target: Target, driver: Driver, rate: float, seconds: float) -> dict[str, Any]:
    """The worker is killed after a quarter of the time, and its successor after a half: what each request
    got, and the seconds until one that came after a kill had its decision."""
    kills = list[float]()

    async def murder(began: float) -> None:
        for share in (0.25, 0.5):
            await asyncio.sleep(began + share * seconds - time.perf_counter())
            for worker in psutil.Process(target.pid).children():
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
                    kills.append(time.perf_counter() - began)

    murdering = asyncio.create_task(murder(time.perf_counter()))
    run = await driver.run(rate, seconds)
    await murdering
    answered = [r for r in run.replies if r.status == 200]
    return {
        "rate": rate,
        "sent": len(run.replies),
        "statuses": run.statuses,
        "without any answer": sum(reply.status <= 0 for reply in run.replies),
        "back_s": [back(answered, at) for at in kills],
    }


def back(answered: list[Reply], at: float) -> float | None:
    """Seconds from `at` until the first decision on a request that was due after it; None without one."""
    return min((reply.done - at for reply in answered if reply.due > at), default=None)


async def soak(target: Target, driver: Driver, rate: float, minutes: float) -> dict[str, Any]:
    """So many requests a second for so long; of each minute what was answered, and the memory of the server
    and of its workers, with Theil and Sen's slope over all but the first fifth."""
    rows, samples = list[dict[str, Any]](), list[tuple[float, float, float]]()
    began = time.monotonic()

    async def sample() -> None:
        while True:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(target.pid)
                workers = sum(child.memory_info().rss for child in process.children())
                at = (time.monotonic() - began) / 60.0
                samples.append((at, process.memory_info().rss / MIB, workers / MIB))
            await asyncio.sleep(SAMPLE_S)

    sampling = asyncio.create_task(sample())
    while (left_s := 60.0 * minutes - (time.monotonic() - began)) > 1.0:
        run = await driver.run(rate, min(60.0, left_s))
        rows.append(run.told(float("inf")))
        print(f"soak: minute {len(rows)}, {run.statuses}", file=sys.stderr, flush=True)
    sampling.cancel()
    kept = [row for row in samples if row[0] >= 0.2 * minutes]
    found: dict[str, Any] = {"rate": rate, "minutes": minutes, "by_minute": rows, "samples_mib": samples}
    for n, name in ((1, "server"), (2, "workers")):
        found[name] = slope([row[0] for row in kept], [row[n] for row in kept])
    return found


def slope(minutes: list[float], mib: list[float]) -> dict[str, Any]:
    """The median in MiB and its growth in MiB an hour with a 95 % interval; flat: that holds 0. Medians of
    minutes are taken, for samples in a row are alike."""
    by_minute: dict[int, list[float]] = {}
    for at, value in zip(minutes, mib, strict=True):
        by_minute.setdefault(int(at), []).append(value)
    if len(by_minute) < 3:
        return {"mib": median(mib), "mib_per_hour": None}
    found = theilslopes([median(values) for values in by_minute.values()], list(by_minute))
    growth, low, high = (60.0 * float(value) for value in (found[0], found[2], found[3]))
    return {"mib": median(mib), "mib_per_hour": [growth, low, high], "flat": low <= 0.0 <= high}
