"""The annotator's app: the annotate screen over an open desk."""

import asyncio
from contextlib import suppress

from textual import on
from textual.message import Message

from routerlab.annotate.desk.desk import Desk
from routerlab.settings import Settings
from routerlab.tui.annotate.screen import AnnotateScreen
from routerlab.tui.shared.shell import Shell, styles

ROUNDS = 3
"""How often what was typed may become something else on its way: a key, a dialog's answer, an action."""
CATCH_UP_S = 5.0
"""Seconds that keys typed ahead may take when the app is left."""


class Marker(Message):
    """Goes the way of a key: when it arrives, all keys before it have been dealt with."""


class AnnotateApp(Shell):
    """Labels are written as they are given; leaving closes the desk's file."""

    TITLE = "routerlab annotate"
    CSS_PATH = styles("annotate.tcss")

    def __init__(self, desk: Desk, guidelines: str, settings: Settings, notes: tuple[str, ...] = ()) -> None:
        """`guidelines` is Markdown; `notes` are shown before the first item."""
        page = AnnotateScreen(desk, guidelines, settings, notes)
        super().__init__(settings, page)
        self.desk = desk
        self._finish = page.finish
        self._caught_up = asyncio.Event()

    async def close(self) -> None:
        """Let the keys typed before take effect, keep what is chosen as a draft, close the session's file."""
        if self._leaving is not None:  # otherwise the screens are going already
            await self._catch_up()
        await self._finish()

    async def _catch_up(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                for _ in range(ROUNDS):  # Enter in a dialog becomes a message, which a marker must follow too
                    for place in (self.focused or self.screen, self._page):  # a dialog hands on to the page
                        self._caught_up.clear()
                        if place.post_message(Marker()):
                            await self._caught_up.wait()

    @on(Marker)
    def _marked(self) -> None:
        self._caught_up.set()
