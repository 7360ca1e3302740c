"""The terminal app: themes, keys, palette, the way out. Screens do the rest."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.types import CSSPathType

from routerlab.core.errors import LabError
from routerlab.core.text import printable
from routerlab.engine.arm import ArmSpec
from routerlab.engine.lab import Lab
from routerlab.tui.actions import ACTIONS, TUNE_ACTIONS
from routerlab.tui.screens.lab import IDS, LabScreen
from routerlab.tui.screens.tune import TuneScreen
from routerlab.tui.tuning import Tuning

CLOSE_S = 10.0
"""Seconds the models get to stop when the app is left."""
TWICE_S = 3.0


class RouterLabApp(App[None]):
    """Opens the lab screen; the others come on top of it, each with its own tuple of actions."""

    TITLE = "routerlab"
    CSS_PATH: ClassVar[CSSPathType | None] = ["styles/lab.tcss", "styles/tune.tcss", "styles/dialogs.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "quit", "Quit", show=False, priority=True)]

    def __init__(self, lab: Lab, specs: list[ArmSpec], now: Callable[[], float] = time.monotonic) -> None:
        """`now` is the clock of everything that ticks on the screen; tests freeze it."""
        super().__init__()
        self.lab = lab
        self.now = now
        self.tuning = Tuning(now)
        self._specs = specs
        self._interrupted = float("-inf")
        self._leaving: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Settings first, then the screen."""
        settings = self.lab.settings
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
        self.push_screen(LabScreen(self.lab, self._specs, self.now, self.tuning))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the registry, then what Textual brings."""
        if isinstance(screen, LabScreen | TuneScreen):
            for action in ACTIONS if isinstance(screen, LabScreen) else TUNE_ACTIONS:
                if action.palette and (name := _title(action.id, action.label, self.lab)):
                    yield SystemCommand(name, action.help, _runner(self, screen, action.place, action.method))
        ours = {"Theme", "Quit", "Screenshot"}
        yield from (c for c in super().get_system_commands(screen) if c.title not in ours)

    def action_help_quit(self) -> None:
        """ctrl+c: once to be sure, twice to leave."""
        now = time.monotonic()
        if now - self._interrupted < TWICE_S:
            self.run_worker(self.action_quit(), group="quit")
            return
        self._interrupted = now
        self.notify("Press ctrl+c again to leave", timeout=TWICE_S)

    async def action_quit(self) -> None:
        """Stop the models and save what waits, within a time limit, then leave."""
        if self._leaving is None:
            self.notify("stopping the models…", timeout=CLOSE_S)
            self._leaving = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        await self._close_lab()
        if self.return_code is None:
            self.exit()

    async def _close_lab(self) -> None:
        self.tuning.cancel()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.lab.close()
        except LabError as e:
            self._fail(e)
        except TimeoutError:
            self._fail(LabError(f"the models did not stop within {CLOSE_S:.0f} s"))
        finally:
            await self.tuning.close()

    def _fail(self, error: LabError) -> None:
        """End with the error's exit code, and its words below the screen that was."""
        self.exit(return_code=error.code, message=Text(f"error: {printable(str(error))}"))

    async def on_unmount(self) -> None:
        """The app may end without `quit` (an error, a signal): the models end with it all the same."""
        if self._leaving is None:
            await self._close_lab()


def _title(action_id: str, label: str, lab: Lab) -> str | None:
    """The palette's name of an action; None for a label key that this taxonomy does not use."""
    kind, _, number = action_id.rpartition("_")
    if kind != "annotate" or not number.isdigit():
        return label
    labels = lab.taxonomy.labels
    return f"Label {printable(labels[int(number) - 1])}" if int(number) <= len(labels) else None


def _runner(app: App[None], screen: LabScreen | TuneScreen, place: str, method: str) -> Callable[[], object]:
    return lambda: app.call_later(app.run_action, method, screen.target(place))
