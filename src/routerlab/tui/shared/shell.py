"""What the terminal apps share: theme and keys from the settings, the palette, the way out."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.actions import ActionParseResult
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.engine.lab.lab import Lab
from routerlab.settings import Settings
from routerlab.tui.actions.registry import IDS
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.readonly import refused

if TYPE_CHECKING:
    from textual.types import CSSPathType  # it imports a dozen widgets

TWICE_S = 3.0
CLOSE_S = 10.0
"""Seconds the models get to stop when an app is left."""


def styles(*pages: str) -> "CSSPathType":
    """An app's style files, from its folder: those of its `pages` among those that every app has."""
    return ["../shared/shell.tcss", *pages, "../shared/dialogs.tcss"]


class Shell(App[None]):
    """An app that opens with one page; the others come on top of it, each with its own tuple of actions."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "Quit", show=False, priority=True)]
    parting = ""
    """What is said when it is left, where that may take a moment."""

    def __init__(self, settings: Settings, first: Page) -> None:
        """`first` is the page to open with."""
        super().__init__()
        self._page = first
        self._settings = settings
        self._interrupted = float("-inf")
        self._leaving: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Stop what runs and save what waits, if anything does; LabError when that fails."""

    def exit_code(self) -> int:
        """What the command ends with when the app was left."""
        return Exit.OK

    def on_mount(self) -> None:
        """Settings first, then the page."""
        settings = self._settings
        if settings.theme in self.available_themes:
            self.theme = settings.theme
        else:
            known = ", ".join(sorted(self.available_themes))
            text = f"no theme {printable(settings.theme)}; there are {known}"
            self.notify(text, severity="warning", markup=False)
        self.set_keymap({action: keys for action, keys in settings.keys.items() if action in IDS})
        if unknown := sorted(set(settings.keys) - IDS):
            names = printable(", ".join(unknown))
            self.notify(f"settings: no action {names}", severity="warning", markup=False)
        self.push_screen(self._page)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the page, then what Textual brings."""
        if isinstance(screen, Page):
            labels = screen.taxonomy.labels
            for action in screen.ACTIONS:
                if action.palette and (action.nth is None or action.nth < len(labels)):
                    name = action.label if action.nth is None else f"Label {printable(labels[action.nth])}"
                    yield SystemCommand(name, action.help, _runner(self, screen, action.place, action.method))
        ours = {"Theme", "Quit", "Screenshot"}
        yield from (c for c in super().get_system_commands(screen) if c.title not in ours)

    async def run_action(
        self,
        action: "str | ActionParseResult",
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key, a click or the palette asks for; where one may only look, say so instead."""
        if refused(action):
            self.notify("Read-only: nothing is asked, loaded or written here", severity="warning")
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def action_help_quit(self) -> None:
        """ctrl+c: once to be sure, twice to leave."""
        now = time.monotonic()
        if now - self._interrupted < TWICE_S:
            self.run_worker(self.leave(), group="quit")
            return
        self._interrupted = now
        self.notify("Press ctrl+c again to leave", timeout=TWICE_S)

    async def action_quit(self) -> None:
        """Leave."""
        await self.leave()

    async def leave(self) -> None:
        """Close, then leave, without a question."""
        if self._leaving is None:
            if self.parting:
                self.notify(self.parting, timeout=CLOSE_S)
            self._leaving = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        await self._close()
        if self.return_code is None:
            self.exit(return_code=self.exit_code())

    async def _close(self) -> None:
        try:
            await self.close()
        except LabError as e:
            self._fail(e)

    def _fail(self, error: LabError) -> None:
        """End with the error's exit code, and its words below the screen that was."""
        self.exit(return_code=error.code, message=Text(f"error: {printable(str(error))}"))

    async def on_unmount(self) -> None:
        """The app may end without `quit` (an error, a signal): it is closed all the same."""
        if self._leaving is None:
            await self._close()


async def close_lab(lab: Lab) -> None:
    """Stop the models and save what waits; LabError when that fails or takes too long."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await lab.close()
    except TimeoutError:
        raise LabError(f"the models did not stop within {CLOSE_S:.0f} s") from None


def _runner(app: App[None], page: Page, place: str, method: str) -> Callable[[], object]:
    return lambda: app.call_later(app.run_action, method, page.target(place))
