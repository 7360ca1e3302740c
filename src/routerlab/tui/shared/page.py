"""What every page of the apps has: its tuple of actions, the theme's colours, toasts, screenshots."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widget import Widget

from routerlab.core.errors import LabError
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import printable
from routerlab.paths import screenshots_dir
from routerlab.tui.actions.binding import Action
from routerlab.tui.shared.export import fresh_path, write
from routerlab.tui.shared.help import Help, help_page
from routerlab.tui.shared.palette import Palette, palette


class Page(Screen[None]):
    """A screen that fills the terminal."""

    ACTIONS: ClassVar[tuple[Action, ...]]
    ABOUT: ClassVar[Help]

    def __init__(self, taxonomy: Taxonomy, keys: Mapping[str, str]) -> None:
        """`keys` are the settings' own, by action id."""
        super().__init__()
        self.taxonomy = taxonomy
        self._keys = keys

    def about(self) -> Help:
        """What the page says of itself where the person is."""
        return self.ABOUT

    def action_help(self) -> None:
        """Help."""
        self.app.push_screen(help_page(self.about(), self._keys, self.taxonomy, self.colours()))

    def colours(self) -> Palette:
        """The palette of the theme that is on."""
        theme = self.app.current_theme
        return palette(self.app.theme_variables, theme.dark, theme.ansi, self.taxonomy)

    def tell(self, message: str, severity: SeverityLevel = "information") -> None:
        """A toast; the words may be foreign."""
        self.notify(printable(message, keep_newlines=True), severity=severity, markup=False)

    def target(self, place: str) -> Widget:
        """The widget an action of that place runs on."""
        return self

    @work
    async def action_screenshot(self) -> None:
        """Save the screen as SVG."""
        await self.save("screen", ".svg", self.app.export_screenshot(title="routerlab"))

    async def save(self, stem: str, suffix: str, text: str) -> None:
        """Write a new file and say where it is."""
        path: Path = fresh_path(screenshots_dir(), stem, suffix)
        try:
            await asyncio.to_thread(write, path, text)
        except LabError as e:
            return self.tell(str(e), "error")
        self.tell(f"saved {path}")
        return None

    def action_theme(self) -> None:
        """Choose a theme."""
        self.app.search_themes()

    def action_palette(self) -> None:
        """Open the command palette."""
        self.app.action_command_palette()

    async def action_quit(self) -> None:
        """Leave."""
        await self.app.action_quit()
