"""What every page of the apps has: its tuple of actions, the theme's colours, toasts, screenshots."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.content import Content
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widget import Widget

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import printable
from routerlab.paths import screenshots_dir
from routerlab.tui.actions.binding import Action
from routerlab.tui.actions.registry import MODE_ACTIONS, MODE_GROUPS
from routerlab.tui.shared.export import write
from routerlab.tui.shared.help import Help, help_page
from routerlab.tui.shared.line import Line
from routerlab.tui.shared.palette import Palette, palette


class Page(Screen[None]):
    """A screen that fills the terminal."""

    ACTIONS: ClassVar[tuple[Action, ...]]
    ABOUT: ClassVar[Help]
    shown: object = None
    """What the last drawing showed, for a page that draws only what is new."""

    def __init__(self, taxonomy: Taxonomy, keys: Mapping[str, str]) -> None:
        """`keys` are the settings' own, by action id."""
        super().__init__()
        self.taxonomy = taxonomy
        self.keys = keys

    def on_mount(self) -> None:
        """Another theme is other colours."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())

    def on_resize(self) -> None:
        """Another size is another layout."""
        self.redraw()

    def redraw(self) -> None:
        """Draw everything again."""
        self.shown = None
        for bar in self.query("#modes"):
            bar.refresh()
        self.draw()

    def draw(self) -> None:
        """Draw what is new."""

    def show(self, **texts: Content) -> None:
        """Show these texts on the lines with these names."""
        for name, text in texts.items():
            self.query_one(f"#{name}", Line).show(text)

    def where(self) -> str:
        """What is open here: a file's name, or the like."""
        return ""

    def about(self) -> Help:
        """What the page says of itself where the person is."""
        return self.ABOUT

    def action_help(self) -> None:
        """Help: of the page, and where else one can go."""
        about = self.about()
        about = replace(
            about,
            actions=(*about.actions, *MODE_ACTIONS),
            groups=(*about.groups, *MODE_GROUPS) if about.groups else (),
        )
        self.app.push_screen(help_page(about, self.keys, self.taxonomy, self.colours()))

    def colours(self) -> Palette:
        """The palette of the theme that is on."""
        return palette(self.app.theme_variables, self.app.native_ansi_color, self.taxonomy)

    def tell(self, message: str, severity: SeverityLevel = "information") -> None:
        """A toast; the words may be foreign."""
        self.notify(printable(message, keep_newlines=True), severity=severity, markup=False)

    def target(self, place: str) -> Widget:
        """The widget an action of that place runs on."""
        return self

    def pane(self, name: str) -> Widget:
        """What keys scroll that are for the widget of that name."""
        return self.query_one(f"#{name}")

    def action_scroll(self, name: str, lines: int) -> None:
        """Scroll by so many lines."""
        self.pane(name).scroll_relative(y=lines, animate=False)

    def action_page(self, name: str, step: int) -> None:
        """Scroll by a page, but for a line."""
        self.action_scroll(name, step * max(1, self.pane(name).size.height - 1))

    @work
    async def action_screenshot(self) -> None:
        """Save the screen as SVG."""
        await self.save("screen", ".svg", self.app.export_screenshot(title="routerlab"))

    async def save(self, stem: str, suffix: str, text: str) -> None:
        """Write a new file and say where it is."""
        try:
            self.tell(f"saved {await asyncio.to_thread(write, screenshots_dir(), stem, suffix, text)}")
        except LabError as e:
            self.tell(str(e), "error")
