"""The fault suite: python -m tests.faults [--count 500] [--seed 0] [--first 0] [--only KIND] [--verbose].

Every fault is followed by the same checks: no record lost, no orphan, lab usable, the other arm untouched.
Exit 1 at the first that does not hold, with the command that does the same fault again.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.faults.kinds import KINDS
from tests.faults.sitting import Violation, children, short_limits
from tests.faults.suite import SIZE_MB, Suite

EVERY_S = 15.0
"""Seconds between two lines of progress."""


async def _watched(suite: Suite, numbers: range) -> None:
    start = time.monotonic()
    task = asyncio.create_task(suite.run(numbers))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=EVERY_S)
            print(f"{suite.done.total()}/{len(numbers)} faults, {time.monotonic() - start:.0f} s", flush=True)
    finally:
        task.cancel()
        await task


def _summary(suite: Suite, seconds: float) -> None:
    print(f"\n{'kind':22}{'faults':>7}{'seconds each':>14}")
    for kind in KINDS:
        if n := suite.done[kind]:
            print(f"{kind:22}{n:7}{suite.seconds[kind] / n:14.2f}")
    print(f"{'all':22}{suite.done.total():7}{seconds:12.0f} s")
    print("trials and files:", ", ".join(f"{n} {what}" for what, n in sorted(suite.outcomes.items())))


def main() -> int:
    """Run the suite; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="how many faults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first fault")
    parser.add_argument("--only", choices=list(KINDS), help="faults of one kind")
    parser.add_argument("--verbose", action="store_true", help="a line a fault")
    asked = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, short_limits():
        os.environ["XDG_CACHE_HOME"] = folder  # hundreds of broken models must not fill the user's
        with Suite(asked.seed, Path(folder), asked.only, asked.verbose) as suite:
            what = f"tmpfs of {SIZE_MB} MB" if suite.mounted else "limit on the size of files"
            print(f"seed {asked.seed}; a full disk is a {what}", flush=True)
            try:
                asyncio.run(_watched(suite, range(asked.first, asked.first + asked.count)))
                if left := children():
                    raise Violation(f"processes are left: {left}")
            except (KeyboardInterrupt, asyncio.CancelledError):
                return 130
            except Exception as e:
                if not isinstance(e, Violation):
                    traceback.print_exc()
                print(f"\n{suite.broken or 'at the end'}: {e}\nagain: {suite.again}", file=sys.stderr)
                return 1
        _summary(suite, time.monotonic() - start)
    return 0


if __name__ == "__main__":
    sys.exit(main())
