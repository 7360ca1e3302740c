"""A long text in a real app: its lines follow the room that it has."""

from textual.app import App, ComposeResult

from routerlab.tui.shared.longtext import LongText
from tests.tui.harness import settle


class One(App[None]):
    """A text and nothing else."""

    def compose(self) -> ComposeResult:
        """The text."""
        yield LongText("text")


async def test_a_line_as_wide_as_the_screen_is_whole_once_the_scroll_bar_has_gone() -> None:
    app = One()
    async with app.run_test(size=(40, 10)) as pilot:
        text = app.query_one(LongText)
        text.show("word " * 400)
        await settle(pilot, lambda: text.show_vertical_scrollbar and not text.wrapping)
        text.show("x" * 40)
        await settle(pilot, lambda: not text.show_vertical_scrollbar)
        assert text.virtual_size.height == 1
