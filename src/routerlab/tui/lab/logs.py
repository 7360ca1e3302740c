"""The workers' logs: the end of the file, read off the event loop, refreshed while the dialog is open."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Label, Log

from routerlab.core.text import printable
from routerlab.tui.shared.dialogs import Dialog

TAIL = 64 * 1024
EVERY_S = 1.0


def tail(path: Path, size: int = TAIL) -> list[str]:
    """The last lines of a file within its last `size` bytes, safe to show."""
    with path.open("rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - size)
        file.seek(start)
        lines = file.read(size).decode("utf-8", "replace").splitlines()
    if start:
        lines[:1] = ["… (earlier lines are in the file)"]
    return [printable(line.replace("\t", "    ")) for line in lines]


class Logs(Dialog[None]):
    """One arm's log at a time; n and p choose the arm."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,q", "dismiss(None)", show=False),
        Binding("p,shift+tab", "turn(-1)", "Previous arm"),
        Binding("n,tab", "turn(1)", "Next arm"),
    ]
    SHAPE = "dialog wide"

    def __init__(self, logs: Sequence[tuple[str, Path | None]], at: int = 0) -> None:
        super().__init__("")
        self._logs = logs
        self._at = at
        self._seen: tuple[int, int] | None = None

    def body(self) -> ComposeResult:
        """The lines, below the arm's name and file."""
        yield Log(auto_scroll=True)

    def on_mount(self) -> None:
        """Read now and then."""
        self.query_one(Log).focus()
        self._read()
        self.set_interval(EVERY_S, self._read)

    def action_turn(self, step: int) -> None:
        """Show another arm's log."""
        self._at = (self._at + step) % len(self._logs)
        self._seen = None
        self._read()

    @work(exclusive=True, group="log")
    async def _read(self) -> None:
        name, path = self._logs[self._at]
        log = self.query_one(Log)
        place = f"{self._at + 1}/{len(self._logs)}  " if len(self._logs) > 1 else ""
        self.query_one(Label).update(
            Content.assemble(place + printable(name), (f"  {printable(str(path or ''))}", "$dim"))
        )
        if path is None:
            log.clear().write_line("This arm keeps no log.")
            return
        try:
            stat = await asyncio.to_thread(path.stat)
            if self._seen == (seen := (stat.st_size, stat.st_mtime_ns)):
                return
            lines = await asyncio.to_thread(tail, path)
        except OSError as e:
            log.clear().write_line(f"cannot be read: {e.strerror}")
            return
        self._seen = seen
        log.clear().write_lines(lines or ["(empty so far)"])
