"""Guidelines: Markdown to scroll through, which may come from strangers."""

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Markdown

from routerlab.core.text import printable

LONGEST = 200_000
"""Characters that are shown."""


class Pane(VerticalScroll, can_focus=False):
    """Something to scroll that takes no focus: the screen has all the keys."""


class Guide(Pane):
    """Nothing in the text is followed, opened or obeyed."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(id=name)
        more = len(text) - LONGEST
        self._markdown = text if more <= 0 else f"{text[:LONGEST]}\n\n… {more:,} more characters"

    def compose(self) -> ComposeResult:
        """The text."""
        yield Markdown(printable(self._markdown, keep_newlines=True), open_links=False)

    @on(Markdown.TableOfContentsUpdated)
    def _mounted(self) -> None:
        """Textual gives the cells of a table tooltips that it reads as markup: `[/x]` would end the app."""
        for widget in self.query("*"):
            widget.tooltip = None
            widget.can_focus = False
