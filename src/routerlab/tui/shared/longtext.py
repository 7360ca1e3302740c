"""A text of any length to scroll through. It is wrapped in slices of time, and drawn line by line."""

import asyncio
import time
from collections.abc import Iterator

from rich.segment import Segment
from textual import work
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from routerlab.tui.shared.wrap import wrapped

SLICE_S = 0.002
"""Wrapping holds the event loop up for no longer than this."""
CHECK = 16
"""Lines between looks at the clock."""
TELL_S = 0.1
"""Seconds between two times that the scroll bar learns of more lines."""


class LongText(ScrollView, can_focus=False):
    """Shows a text: its first lines at once, the others as they are wrapped (`wrapping`)."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._text = ""
        self._width = 0
        self._lines: list[str] = []
        self._more: Iterator[str] = iter(())
        self.wrapping = False

    @property
    def text(self) -> str:
        """What is shown."""
        return self._text

    def show(self, text: str) -> None:
        """Show another text from its beginning."""
        if text is not self._text:
            self._text = text
            self._wrap(0)

    def on_resize(self) -> None:
        """Wrap again where the width changed, and go where the person was."""
        if self._room != self._width:
            self._wrap(sum(map(_signs, self._lines[: self.scroll_offset.y])))

    @property
    def _room(self) -> int:
        return max(1, self.scrollable_content_region.width)

    def _wrap(self, seek: int) -> None:
        """Begin again, and scroll to the line that has the sign `seek`, counted without spaces."""
        self.workers.cancel_node(self)
        self._width = self._room
        self._lines = []
        self._more = wrapped(self._text, self._width)
        self.wrapping = self._take()
        self._grow()
        self.scroll_to(y=0, animate=False)
        self.refresh()
        if seek or self.wrapping:
            self._rest(seek)

    @work
    async def _rest(self, seek: int) -> None:
        told = time.perf_counter()
        while self.wrapping:
            await asyncio.sleep(0)
            self.wrapping = self._take()
            if time.perf_counter() - told > TELL_S:
                self._grow()
                told = time.perf_counter()
        self._grow()
        for y, line in enumerate(self._lines if seek else ()):
            seek -= _signs(line)
            if seek < 0:
                self.scroll_to(y=y, animate=False)
                break

    def _take(self) -> bool:
        """Wrap for a slice of time; whether there is more."""
        end = time.perf_counter() + SLICE_S
        for n, line in enumerate(self._more, 1):
            self._lines.append(line)
            if n % CHECK == 0 and time.perf_counter() > end:
                return True
        return False

    def _grow(self) -> None:
        self.virtual_size = Size(self._width, len(self._lines))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in `crop`. A scroll bar that comes or goes is another width, and no resize: it is seen
        here, whatever the order in which it was told."""
        if self._room != self._width:
            self.call_later(self.on_resize)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line of the text."""
        at = self.scroll_offset.y + y
        style = self.rich_style
        line = self._lines[at] if at < len(self._lines) else ""
        return Strip([Segment(line, style)]).adjust_cell_length(self.size.width, style)


def _signs(line: str) -> int:
    """How many there are; where lines break, a space may be left out."""
    return len(line) - line.count(" ")
