"""Progress on stderr: a bar or a line that is drawn anew in a terminal, else a line every ten seconds."""

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

from routerlab.cli.shared.show import redraws
from routerlab.engine.lab.events import Notice, RunChanged

if TYPE_CHECKING:
    from routerlab.engine.lab.events import Event
    from routerlab.engine.lab.runner import Progress

EVERY_S = 10.0


class Bar:
    """How far a run is, while the `with` block lasts."""

    def __init__(self, what: str, unit: str = "trials") -> None:
        self._unit = unit
        self._last = time.monotonic()
        self._plain = not redraws()
        self._bar = RichProgress(
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=Console(stderr=True),
            disable=self._plain,
        )
        self._task = self._bar.add_task(what, left="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, event: "Event") -> None:
        """Watch a lab: its run's progress, and what a person should read."""
        self.notice(event)
        if isinstance(event, RunChanged):
            self.show(event.progress)

    def notice(self, event: "Event") -> None:
        """Watch a lab only for what a person should read."""
        if isinstance(event, Notice):
            self.say(event.message)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if self._plain:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, p: "Progress") -> None:
        """Draw, or every ten seconds print, how far it is."""
        left = f"about {_duration(p.eta_s)} left" if p.eta_s is not None else ""
        self._bar.update(self._task, completed=p.done, total=p.total or None, left=left)
        if self._plain and time.monotonic() - self._last >= EVERY_S:
            self._last = time.monotonic()
            print(f"{p.done}/{p.total} {self._unit}, {left}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def teller(progress: str) -> Any:
    """How far it is, as the user wants to read it: (what, done, total) -> None."""
    last: dict[str, float] = {}
    tty = redraws()

    def tell(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done < total and now - last.get(what, 0.0) < (0.2 if tty or progress == "json" else 10.0):
            return
        last[what] = now
        if progress == "json":
            print(json.dumps({"stage": what, "done": done, "total": total}), flush=True)
        elif tty:
            end = "\n" if done == total else ""
            print(f"\r\x1b[K{what}: {done}/{total}", end=end, file=sys.stderr, flush=True)
        else:
            print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)

    return tell
