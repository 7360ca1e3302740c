"""What the app is without any page: its modes, theme and keys from the settings, the palette, the way out."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from rich.text import Text
from textual import on
from textual.actions import ActionParseResult
from textual.app import App, ScreenStackError, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.markup import escape
from textual.message import Message
from textual.screen import Screen

from routerlab.core.errors import Exit, LabError
from routerlab.core.text import printable
from routerlab.engine.lab.lab import Lab
from routerlab.settings import Settings
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import IDS, MODE_ACTIONS
from routerlab.tui.shared.contrast import mended
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.readonly import refused
from routerlab.tui.shared.rubbish import collect_when_quiet
from routerlab.tui.shared.sheet import Sheet

TWICE_S = 3.0
CLOSE_S = 10.0
"""Seconds the models get to stop when an app is left."""
ROUNDS = 3
"""How often what was typed may become something else on its way: a key, a dialog's answer, an action."""
CATCH_UP_S = 5.0
"""Seconds that keys typed ahead may take when the app is left."""

BETWEEN = "between"
"""The mode that is on while nothing else is: an empty screen."""
ModeName = Literal["home", "lab", "annotate", "results", "trial", "tune", "models"]


class Marker(Message):
    """Goes the way of a key: when it arrives, all keys before it have been dealt with."""


@dataclass
class Open(Message):
    """Somebody wants a file opened in a mode; `arm`: what it names is to be an arm of the lab. `only` are the
    prompts that are meant, where not all are."""

    mode: ModeName
    path: Path | None
    name: str = ""
    arm: bool = False
    only: frozenset[str] = frozenset()


@dataclass
class Show(Message):
    """Somebody wants to see in the lab what the arms say to this prompt."""

    prompt: str


class TakeTour(Message):
    """Somebody wants to be shown around."""


class Mode:
    """What is open in a mode: its page, and how that is begun and ended. It stays when another is gone to."""

    name: ModeName
    parting = ""
    """What is said when the app is left, where ending it may take a moment."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def begin(self, app: "Shell") -> None:
        """After the first paint of the page."""

    async def close(self, app: "Shell") -> None:
        """Stop what runs and save what waits, if anything does; LabError when that fails."""

    def asks(self, leave: Callable[[], object]) -> bool:
        """Whether the person is asked before the app is left; `leave` is called after a yes."""
        return False

    @property
    def exit_code(self) -> int:
        """What the command ends with when the app was left."""
        return Exit.OK

    @property
    def last_words(self) -> str:
        """What the command says after the app; "" where there is nothing to say."""
        return ""


class Shell(App[None]):
    """An app with a page in each mode; other pages come on top of it, each with its own tuple of actions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        *bindings("app", MODE_ACTIONS, first=True),  # a text area has keys F6 and F7 of its own
    ]

    def __init__(self, settings: Settings, first: Mode) -> None:
        """`first` is what it opens with."""
        # NO_COLOR: none is written, and what tints say is told as with the terminal's own colours
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.stylesheet = Sheet(self.get_css_variables())
        self.modes: dict[ModeName, Mode] = {}
        self.add_mode(BETWEEN, Screen)
        self.settings = settings
        self._first = first
        self._interrupted = float("-inf")
        self._leaving: asyncio.Task[None] | None = None
        self._shutting: set[asyncio.Task[None]] = set()
        self._caught_up = asyncio.Event()

    def get_css_variables(self) -> dict[str, str]:
        """The theme's, with contrast, and with ours."""
        self.theme_variables = mended(
            super().get_css_variables(), self.current_theme.dark, self.current_theme.ansi
        )
        return self.theme_variables

    def enter(self, mode: Mode) -> None:
        """Open a mode that is not open yet, and go there."""
        self.modes[mode.name] = mode
        self.add_mode(mode.name, lambda: mode.page)
        self.switch_mode(mode.name)
        self.call_after_refresh(mode.begin, self)

    async def shut(self, name: ModeName) -> None:
        """End what is open in a mode, for something else to be opened there; LabError when that fails. It
        comes to its end even where whoever wanted it is told to stop."""
        mode = self.modes.pop(name, None)
        if mode is not None:
            task = asyncio.create_task(self._shut(mode))
            self._shutting.add(task)
            task.add_done_callback(self._shutting.discard)
            await asyncio.shield(task)

    async def _shut(self, mode: Mode) -> None:
        try:
            await mode.close(self)
        finally:
            if self.current_mode == mode.name:
                self.switch_mode(BETWEEN)
            await self.remove_mode(mode.name)

    async def all_shut(self) -> None:
        """Wait until whatever is being ended is; LabError, the first, when some of that fails."""
        if self._shutting:
            ended, _ = await asyncio.wait(self._shutting)
            if fault := next((e for task in ended if (e := task.exception())), None):
                raise fault

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Out of a dialog there is no way but its own."""
        return action != "mode" or isinstance(self.screen, Page)

    def action_mode(self, name: ModeName) -> None:
        """Go to a mode."""
        if name in self.modes:
            self.switch_mode(name)
        else:
            self.open_mode(name)

    def open_mode(self, name: ModeName) -> None:
        """Open a mode with what it has when nothing is named."""

    async def close(self) -> None:
        """End what is open in every mode; LabError, the first, when some of that fails."""
        faults: list[LabError] = []
        try:
            await self.all_shut()
        except LabError as e:
            faults.append(e)
        for mode in self.modes.values():
            try:
                await mode.close(self)
            except LabError as e:
                faults.append(e)
        if faults:
            raise faults[0]

    def on_mount(self) -> None:
        """Settings first, then what it opens with."""
        settings = self.settings
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
        self.run_worker(collect_when_quiet(), group="collect")
        self.enter(self._first)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action of the page, then what Textual brings."""
        if isinstance(screen, Page):
            labels = screen.taxonomy.labels
            for action in screen.ACTIONS:
                if action.palette and (action.nth is None or action.nth < len(labels)):
                    # the palette reads markup
                    label = "" if action.nth is None else escape(printable(labels[action.nth]))
                    name = action.label if action.nth is None else f"Label {label}"
                    target = screen.target(action.place)
                    yield SystemCommand(name, action.help, _runner(self, target, action.method))
        for action in MODE_ACTIONS:
            yield SystemCommand(f"Go to {action.label}", action.help, _runner(self, self, action.method))
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
        """Leave; ask first where something goes on that would be stopped."""
        if not any(mode.asks(self._leave_at_last) for mode in self.modes.values()):
            await self.leave()

    def _leave_at_last(self) -> None:
        self.run_worker(self.leave(), group="quit")

    async def leave(self) -> None:
        """Close, then leave, without a question."""
        if self._leaving is None:
            if words := next((mode.parting for mode in self.modes.values() if mode.parting), ""):
                self.notify(words, timeout=CLOSE_S)
            self._leaving = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        await self._close()
        if self.return_code is None:
            self.exit(return_code=next((m.exit_code for m in self.modes.values() if m.exit_code), Exit.OK))

    async def _close(self) -> None:
        try:
            await self.close()
        except LabError as e:
            self.fail(e)

    async def catch_up(self, page: Page) -> None:
        """Wait until the keys typed before, on the page and the dialogs above it, have been dealt with."""
        if self._leaving is None:  # the screens are going already
            return
        with suppress(TimeoutError, ScreenStackError):  # or they go meanwhile
            async with asyncio.timeout(CATCH_UP_S):
                for _ in range(ROUNDS):  # Enter in a dialog becomes a message, which a marker must follow too
                    for place in (self.focused or self.screen, page):  # a dialog hands on to the page
                        self._caught_up.clear()
                        if place.post_message(Marker()):
                            await self._caught_up.wait()

    @on(Marker)
    def _marked(self) -> None:
        self._caught_up.set()

    def fail(self, error: LabError) -> None:
        """End with the error's exit code, and its words below the screen that was."""
        self.exit(return_code=error.code, message=Text(f"error: {printable(str(error))}"))

    async def on_unmount(self) -> None:
        """The app may end without `quit` (an error, a signal), or before that has done: all is closed."""
        await (self._leaving or self._close())


async def close_lab(lab: Lab) -> None:
    """Stop the models and save what waits; LabError when that fails or takes too long."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await lab.close()
    except TimeoutError:
        raise LabError(f"the models did not stop within {CLOSE_S:.0f} s") from None


def _runner(app: App[None], target: DOMNode, method: str) -> Callable[[], object]:
    return lambda: app.call_later(app.run_action, method, target)
