"""A pull's progress for people, on stderr: a bar on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from routerlab.models import progress as pulling
from routerlab.models.progress import human

EVERY = 5.0  # seconds between plain lines
WORDS = {
    "download": "downloading",
    "assemble": "assembling",
    "quantize": "quantizing",
    "verify": "verifying",
}


class Narrator:
    """Shows what a pull reports; use as a context manager and pass `report` on."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
        self._stage = ""
        self._task: TaskID | None = None
        self._bars: Progress | None = None
        self._began = self._last = 0.0
        self._from = 0
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[amount]}", markup=False),
                TransferSpeedColumn(),
                TimeRemainingColumn(compact=True),
                TimeElapsedColumn(),
                console=self._console,
                expand=True,
            )

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def report(self, p: pulling.Progress) -> None:
        """Takes one report of a pull."""
        if p.stage == "note":
            if self._bars:
                self._bars.console.print(p.text)
            else:
                print(p.text, file=sys.stderr, flush=True)
        elif self._bars:
            self._bar(self._bars, p)
        else:
            self._line(p)

    def verifying(self, name: str) -> Callable[[int, int], None]:
        """What to call with (bytes done, total) while a file of this name is hashed."""
        return lambda done, total: self.report(pulling.Progress("verify", f"verifying {name}", done, total))

    def _bar(self, bars: Progress, p: pulling.Progress) -> None:
        words = WORDS[p.stage]
        if self._task is None or self._stage != p.stage:
            if self._task is not None:
                bars.remove_task(self._task)
            # Bytes of an earlier pull are where the bar begins, not part of the rate.
            self._task = bars.add_task(words, total=p.total, completed=p.done, amount="")
            self._stage = p.stage
        amount = human(p.done) if p.total is None else f"{human(p.done)} of {human(p.total)}"
        bars.update(self._task, completed=p.done, total=p.total, amount=amount)
        if p.total is not None and p.done >= p.total:
            bars.remove_task(self._task)
            self._task = None

    def _line(self, p: pulling.Progress) -> None:
        now = time.monotonic()
        if p.stage != self._stage:
            self._stage, self._began, self._last, self._from = p.stage, now, now, p.done
        if now - self._last < EVERY:
            return
        self._last = now
        rate = (p.done - self._from) / (now - self._began)
        line = f"{p.text}: {human(p.done)}"
        if p.total is not None:
            line += f" of {human(p.total)} ({p.done / p.total:.0%})"
        line += f", {human(rate)}/s, {now - self._began:.0f} s so far"
        if p.total is not None and rate > 0:
            line += f", about {(p.total - p.done) / rate:.0f} s left"
        print(line, file=sys.stderr, flush=True)
