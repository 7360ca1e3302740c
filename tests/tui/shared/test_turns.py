"""Long work gives way, and garbage waits for a quiet second."""

import asyncio
import gc
import time
import weakref
from collections.abc import Iterator

import pytest

from routerlab.tui.shared import rubbish
from routerlab.tui.shared.turns import SLICE_S, turns
from tests.conftest import PATIENCE_S


async def test_others_have_a_turn_after_every_slice() -> None:
    seen: list[int] = []

    def slow() -> Iterator[int]:
        for i in range(5):
            end = time.perf_counter() + SLICE_S
            while time.perf_counter() <= end:
                pass
            yield i

    async def work() -> None:
        async for i in turns(slow()):
            seen.append(i)  # noqa: PERF401

    task = asyncio.create_task(work())
    for i in range(1, 6):
        await asyncio.sleep(0)
        assert len(seen) == i
    await task
    assert seen == list(range(5))


class Knot:
    """Only a full collection gets rid of it, once it is old."""

    def __init__(self) -> None:
        self.itself = self


async def test_garbage_is_collected_when_it_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    monkeypatch.setattr(rubbish, "EVERY_S", 0.001)
    monkeypatch.setattr(rubbish, "DUE", 0)
    monkeypatch.setattr(rubbish, "QUIET_S", 0.0)
    knot = Knot()
    left = weakref.ref(knot)
    gc.collect()  # now it is old
    del knot
    task = asyncio.create_task(rubbish.collect_when_quiet())
    await asyncio.sleep(0.01)
    assert left() is not None
    assert gc.get_threshold() == (*before[:2], rubbish.LATEST)
    monkeypatch.setattr(rubbish, "QUIET_S", PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        while left() is not None:
            await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert gc.get_threshold() == before
