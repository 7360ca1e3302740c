"""The line on top of every page: the modes with their keys, which one this is, and what is open in it."""

import os
from collections.abc import Mapping

from rich.cells import cell_len
from textual.content import Content
from textual.keys import format_key
from textual.widgets import Static

from routerlab.settings import READ_ONLY
from routerlab.tui.actions.registry import MODE_ACTIONS
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import one_line

GAP = "  "
LEAST = 12
"""Columns from which it is worth saying what is open."""


class ModeBar(Static):
    """A click on a mode goes there, as its key does."""

    def __init__(self) -> None:
        super().__init__(id="modes", markup=False)

    def render(self) -> Content:
        """Drawn anew whenever the page is."""
        page = self.screen
        assert isinstance(page, Page)
        return bar_text(self.app.current_mode, page.where(), page.keys, self.size.width, page.colours())


def bar_text(mode: str, where: str, keymap: Mapping[str, str], width: int, p: Palette) -> Content:
    """The modes, the one that is on marked, and at the right what is open in it, as far as there is room.

    Where one may only look there is no other mode to go to.
    """
    parts: list[Content] = []
    for action in MODE_ACTIONS:
        key = format_key(keymap.get(action.id, action.keys).split(",")[0].strip()).upper()
        if action.id == f"mode_{mode}":
            parts.append(Content.styled(f" {action.label} ", f"bold reverse {p.accent}"))
        elif not os.environ.get(READ_ONLY):
            parts.append(Content.from_markup(f"[@click={action.method}]{key} {action.label}[/]"))
    line = Content(GAP).join(parts)
    room = width - line.cell_length - len(GAP)
    if room < LEAST or not where:
        return line
    shown = one_line(where, room)
    return Content.assemble(line, " " * (width - line.cell_length - cell_len(shown)), (shown, p.dim))
