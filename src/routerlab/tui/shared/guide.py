"""Guidelines: Markdown to scroll through, which may come from strangers."""

from textual.containers import VerticalScroll

from routerlab.core.text import printable

LONGEST = 200_000
"""Characters that are shown."""


class Guide(VerticalScroll, can_focus=False):
    """Nothing in the text is followed, opened or obeyed; the screen has all the keys."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(id=name)
        more = len(text) - LONGEST
        self._markdown = text if more <= 0 else f"{text[:LONGEST]}\n\n… {more:,} more characters"

    def on_mount(self) -> None:
        """The text comes after the first paint: a prompt does not wait for it."""
        self.call_after_refresh(self._fill)

    async def _fill(self) -> None:
        from textual.widgets import Markdown

        await self.mount(Markdown(printable(self._markdown, keep_newlines=True), open_links=False))

    def on_markdown_table_of_contents_updated(self) -> None:
        """Textual gives the cells of a table tooltips that it reads as markup: `[/x]` would end the app."""
        for widget in self.query("*"):
            widget.tooltip = None
            widget.can_focus = False
