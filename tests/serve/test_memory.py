"""A server gives back what it freed."""

import asyncio
import ctypes

import psutil
import pytest

from routerlab.serve.run import _give_back
from tests.engine.workers import until


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc keeps what is freed")
async def test_memory_that_lies_between_what_is_used_goes_back_to_the_system() -> None:
    process, mib = psutil.Process(), 2**20  # type: ignore[no-untyped-call]
    blocks = [bytes(9000) for _ in range(12_000)]  # each over two pages, from the heap
    kept = blocks[::500]
    del blocks
    before = process.memory_info().rss
    giving = asyncio.create_task(_give_back(0.001))
    await until(lambda: process.memory_info().rss < before - 40 * mib)
    giving.cancel()
    assert len(kept) == 24
