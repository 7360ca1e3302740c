"""A line of a page, and what it says of records that wait."""

from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from routerlab.core.text import plural, printable


class Line(Static):
    """Text that is drawn again only when it changed; away while there is none. With `flows`, it wraps."""

    def __init__(self, name: str, flows: bool = False) -> None:
        super().__init__(id=name, markup=False)
        self._flows = flows
        self._shown = Content()

    def show(self, text: Content) -> None:
        """Show it."""
        self.display = bool(text)
        if not text.is_same(self._shown):
            taller = text.plain.count("\n") != self._shown.plain.count("\n")
            self._shown = text
            self.clear_cached_dimensions()  # which what is not mounted yet would keep, and so its height
            self._layout_cache.clear()
            self.update(text, layout=taller or self._flows)


def unsaved_text(records: int, path: Path | None) -> Content:
    """So many records could not be written so far; nothing while none waits."""
    wait = plural(records, "record waits", "records wait")
    text = f"not saved: {wait}; {printable(path.name if path else '')} cannot be written"
    return Content(text) if records else Content()
