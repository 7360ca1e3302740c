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


async def test_a_text_that_missed_how_wide_it_is_learns_it_when_it_is_drawn() -> None:
    app = One()
    async with app.run_test(size=(40, 10)) as pilot:
        text = app.query_one(LongText)
        text.show("word " * 16)
        await settle(pilot, lambda: text.virtual_size.height == 2, 0.0)
        text._width = 30
        text.refresh()
        await settle(pilot, lambda: text._width == 40)
