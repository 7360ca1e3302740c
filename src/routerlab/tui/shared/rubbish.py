"""When Python collects garbage. In full, after a few dialogs, that is 30 ms in which no key is heard."""

import asyncio
import gc
import time

EVERY_S = 1.0
QUIET_S = 0.05
"""Time that the event loop's thread may have worked in that second for it to count as quiet."""
DUE, LATEST = 5, 100
"""Collections of what is young after which a full one is worth it in a quiet second, and after which there is
one at any time (Python's own number is 10)."""


async def collect_when_quiet() -> None:
    """Look every second whether it is a good moment, until cancelled."""
    before = gc.get_threshold()
    gc.set_threshold(*before[:2], LATEST)
    try:
        while True:
            worked = time.thread_time()
            await asyncio.sleep(EVERY_S)
            if time.thread_time() - worked < QUIET_S and gc.get_count()[2] >= DUE:
                gc.collect()
    finally:
        gc.set_threshold(*before)
