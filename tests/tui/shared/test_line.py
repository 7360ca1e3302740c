"""A line of a page."""

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.geometry import Size

from routerlab.tui.shared.line import Line


class Page(App[None]):
    def compose(self) -> ComposeResult:
        yield Line("line")


async def test_a_line_that_grows_before_it_is_mounted_is_as_high_as_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, room = Page(), Size(40, 10)
    async with app.run_test():
        line = app.query_one(Line)
        line.show(Content("one"))
        monkeypatch.setattr(line, "_is_mounted", False)
        assert line.get_content_height(room, room, 40) == 1
        line.show(Content("one\ntwo"))
        assert line.get_content_height(room, room, 40) == 2
