"""`routerlab serve` under load, on loopback.

python -m benchmarks serving [--out FILE]: everything but the soak, in less than 12 minutes on two cores;
python -m benchmarks serving soak [--minutes 30] [--out FILE]: that alone, into the same file. Prints the
tables of all that the file has, for docs/serve.md. Run it on a quiet machine: driver and servers share it.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import Setup, setup
from benchmarks.serving import programs, stress
from benchmarks.serving.drive import Driver, session
from benchmarks.serving.fuzz import fuzz
from benchmarks.serving.knee import LIMITS_MS, sweep
from benchmarks.serving.programs import Target
from benchmarks.serving.table import table
from routerlab.bench.peers.protocol import PeerKind
from routerlab.core.corpus import load_corpus
from routerlab.core.files.atomic import write_new
from routerlab.engine.worker.build import machine
from routerlab.resources import POOL
from routerlab.version import __version__

ROUTERS = ("minilm:probe", "smollm2-135m:probe", "qwen2.5-coder-0.5b:probe")
PEERS: tuple[PeerKind, ...] = ("heuristics", "neighbours")
PARTS = ("rates", "peers", "idle", "kill", "fuzz")
SEED = 20261128
AT_ONCE = 16
"""Requests that are open while the cases are asked, more than the server decodes together."""
EASY, BUSY = 0.4, 0.8
"""Shares of what was answered a second with so many open: for kills there must be work to lose, else not."""


def main(words: Sequence[str]) -> None:
    """See above."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks serving", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join((*PARTS, 'soak'))}; all but soak by default")
    parser.add_argument(
        "--out", type=lambda word: Path(word).absolute(), help="a JSON file, whose other parts are kept"
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="of the soak")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each rate")
    parser.add_argument("--routers", nargs="+", default=ROUTERS, help="the first is also stressed and soaked")
    parser.add_argument("--concurrency", type=int, help="for `routerlab serve`; by default its own")
    parser.add_argument("--encoder", default="", help="sentence-transformers' folder: semantic-router's way")
    given = parser.parse_args(words)
    if unknown := set(given.parts) - {*PARTS, "soak"}:
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join((*PARTS, 'soak'))}")
    found: dict[str, Any] = json.loads(given.out.read_text()) if given.out and given.out.exists() else {}
    found |= {"machine": machine(), "routerlab": __version__, "limits_ms": LIMITS_MS, "seed": SEED}

    def keep(part: str, value: dict[str, Any]) -> None:
        at = {"at": f"{datetime.now(UTC):%Y-%m-%dT%H:%MZ}", "load": os.getloadavg()[0]}
        found.setdefault(part, {}).update(value | at)
        if given.out:
            write_new(given.out, (json.dumps(found, indent=1) + "\n").encode())

    asyncio.run(measure(given.parts or PARTS, given, keep))
    print(table(found))


async def measure(
    parts: Sequence[str], given: argparse.Namespace, keep: Callable[[str, dict[str, Any]], None]
) -> None:
    """Each part, handed on as soon as it is whole."""
    made = setup()
    seconds: float = given.seconds
    more = ["--concurrency", str(given.concurrency)] if given.concurrency else []

    async def rates(target: Target, driver: Driver) -> None:
        about, capacity = await cases(target, driver, made, seconds / 4)
        about |= await sweep(driver, capacity, seconds, target.name)
        keep("rates", {target.name: about | {"records_lost": await driver.lost()}})

    async def stressed(target: Target, driver: Driver) -> None:
        _, capacity = await cases(target, driver, made, seconds / 4)
        rate, about = EASY * capacity, {"router": target.name}
        if "idle" in parts:
            keep("idle", about | await stress.idle(target, driver, rate, seconds / 2))
        if "kill" in parts:
            keep("kill", about | await stress.kill(target, driver, BUSY * capacity, seconds))
        if "fuzz" in parts:
            keep("fuzz", about | await asyncio.to_thread(fuzz, target, seconds))
        if "soak" in parts:
            keep("soak", about | await stress.soak(target, driver, rate, given.minutes))

    if "rates" in parts:
        for router in given.routers:
            await driven(partial(programs.serve, router, more), rates)
    if "peers" in parts:
        for kind in PEERS:
            try:
                await driven(partial(programs.peer, kind, made, given.encoder), rates)
            except AssertionError as e:  # its environment has not what it needs
                reason = (str(e).strip().splitlines() or ["it did not start"])[-1]
                keep("rates", {kind: {"left out": reason}})
    if {"idle", "kill", "fuzz", "soak"} & set(parts):
        await driven(partial(programs.serve, given.routers[0], more), stressed)


async def driven(
    start: Callable[[Path], AbstractContextManager[Target]],
    work: Callable[[Target, Driver], Awaitable[None]],
) -> None:
    """The work with a server in a folder of its own, and a driver of it with the prompts of the pool."""
    prompts = [case.prompt for case in load_corpus(POOL, setup().taxonomy).case]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        target = stack.enter_context(start(folder))
        print(f"{target.name}: {target.url}", file=sys.stderr, flush=True)
        async with session() as client:
            await work(target, Driver(client, target.url, prompts, SEED))


async def cases(target: Target, driver: Driver, made: Setup, seconds: float) -> tuple[dict[str, Any], float]:
    """How many cases of routing60 it gets right, one by one; and answers a second with some open."""
    asked = made.corpus.case
    prompts = [case.prompt for case in asked]
    replies, _ = await driver.closed(prompts, 1, 0.0)
    _, capacity = await driver.closed(prompts, AT_ONCE, seconds)
    right = sum(reply.label == case.label for reply, case in zip(replies, asked, strict=True))
    return {"right": right, "cases": len(asked), "closed_per_s": capacity}, capacity
