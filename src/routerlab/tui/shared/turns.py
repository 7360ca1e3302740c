"""Long work on the event loop, in turns with everything else."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")
SLICE_S = 0.002
"""Seconds that it holds the event loop up for at most."""


async def turns(items: Iterable[T]) -> AsyncIterator[T]:
    """Each of the items; others have their turn as soon as a slice of time is over."""
    end = time.perf_counter() + SLICE_S
    for item in items:
        yield item
        if time.perf_counter() > end:
            await asyncio.sleep(0)
            end = time.perf_counter() + SLICE_S
