"""Long computation beside the event loop."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def off_loop(work: Callable[[], T]) -> T:
    """What `work()` returns or raises. It runs in a thread that Ctrl+C does not wait for, unlike
    asyncio.to_thread, whose threads keep an interrupted program alive until they are done."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            value = work()
        except Exception as e:
            tell(result.set_exception, e)
        else:
            tell(result.set_result, value)

    def tell(end: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if result.done() else end(value))

    threading.Thread(target=run, daemon=True).start()
    return await result


def telling(tell: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    """`tell` for such a thread: it is called in the loop."""
    loop = asyncio.get_running_loop()

    def told(what: str, done: int, total: int) -> None:
        loop.call_soon_threadsafe(tell, what, done, total)

    return told
