"""Waiting for conditions: no test here sleeps and hopes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Generic, TypeVar

from textual.dom import DOMNode
from textual.pilot import Pilot

from routerlab.core.corpus import Corpus
from routerlab.core.errors import LabError
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.lab import Lab
from routerlab.settings import Settings
from routerlab.tui.actions.binding import Action
from routerlab.tui.app import OpenLab, RouterLabApp
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.mode import LabMode
from routerlab.tui.lab.panels import ArmPanel
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.shared.layout import View
from routerlab.tui.shared.shell import Mode, Shell
from tests.conftest import PATIENCE_S
from tests.tui.scripted import NOW, Bench, bench, specs

AnyMode = TypeVar("AnyMode", bound=Mode)
LOOK_S = 0.02
"""Between two looks at the screen: to look takes as long as much that is waited for."""
LOOKS = 3
"""At a screen that is said to stand still."""


def no_lab(session: Path | None, corpus: Path | None) -> tuple[Lab, list[Spec]]:
    """For tests that open none."""
    raise LabError(f"no lab in this test: {session}, {corpus}")


def implemented(action: Action, home: type[DOMNode]) -> bool:
    """Whether there is what the action's keys run: on `home`, or on the app."""
    place = Shell if action.method.startswith("app.") else home
    return hasattr(place, "action_" + action.method.removeprefix("app.").split("(")[0])


class Watch(Generic[AnyMode]):
    """A running app with its pilot, the mode it opened with, and short ways to look at it."""

    def __init__(self, app: RouterLabApp, mode: AnyMode, pilot: Pilot[None]) -> None:
        self.app, self.mode, self.pilot = app, mode, pilot

    def picture(self) -> str:
        """All that is on the screen, as text."""
        width, height = self.app.size
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(line.text for line in lines[:height]) if width else ""

    async def until(self, condition: Callable[[], bool], what: str = "the condition") -> None:
        """Let the app run until the condition holds; fail when that takes as long as a hang."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for {what}; on the screen:\n{self.picture()}")
            await asyncio.sleep(LOOK_S)

    async def shows(self, *texts: str) -> None:
        """Wait until all the texts are on the screen."""
        await self.until(lambda: all(t in self.picture() for t in texts), f"{texts} on the screen")

    async def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        await self.pilot.press(*("space" if c == " " else c for c in text))


def app_in(mode: Mode, settings: Settings, lab: OpenLab = no_lab) -> RouterLabApp:
    """The app, opened in this mode; `lab` opens one when it is gone to."""
    return RouterLabApp(settings, mode, lab)


class Sitting(Watch[LabMode]):
    """A running lab over its scripted bench."""

    def __init__(self, app: RouterLabApp, mode: LabMode, pilot: Pilot[None], bench: Bench) -> None:
        super().__init__(app, mode, pilot)
        self.bench = bench
        self.lab, self.script = bench.lab, bench.script

    @property
    def screen(self) -> LabScreen:
        """The lab screen, below any dialog."""
        return self.mode.page

    @property
    def table(self) -> HistoryTable:
        """The history."""
        return self.screen.query_one(HistoryTable)

    def panels(self) -> list[str]:
        """The panels' text."""
        return [str(panel.render()) for panel in self.screen.query(ArmPanel)]

    async def replayed(self) -> None:
        """Run the whole corpus and draw it."""
        self.lab.replay(self.lab.cases())
        await asyncio.wait_for(self.lab.finished(), PATIENCE_S)
        n = len(self.lab.cases())
        await self.until(lambda: self.table.row_count == n and not self.screen._dirty, "the whole replay")


@asynccontextmanager
async def sitting(
    folder: Path,
    arms: int = 2,
    size: tuple[int, int] = (120, 40),
    settings: Settings | None = None,
    corpus: Corpus | None = None,
    prepare: Callable[[Bench], None] = lambda b: None,
    view: View = "table",
) -> AsyncIterator[Sitting]:
    """An app on a scripted lab, its arms added; `prepare` may close gates first, `view` shows the answers."""
    made = bench(folder, corpus, settings)
    prepare(made)
    mode = LabMode(made.lab, specs(arms), now=lambda: NOW)
    app = app_in(mode, made.lab.settings)
    async with app.run_test(size=size, notifications=True) as pilot:
        here = Sitting(app, mode, pilot, made)
        here.screen.view = view
        await here.until(lambda: len(made.lab.arms) == arms and len(here.panels()) == arms, "the arms")
        try:
            yield here
        finally:
            made.script.answers.set()
            made.script.loads.set()


async def settle(
    pilot: Pilot[None], condition: Callable[[], bool] = lambda: True, still_s: float = 0.3
) -> None:
    """Wait for the condition, and until nothing is to be drawn and nothing has moved on the screen for so
    long; its cursor does not blink. For pictures, which must not be taken a moment too early.

    It is looked at several times in between, for where the machine halts, time passes and nothing could move.
    """
    for prompt in pilot.app.screen.query(PromptLine):
        prompt.cursor_blink = False
    seen, since, looks = "", time.monotonic(), 0
    end = since + PATIENCE_S
    while True:
        await pilot.pause()
        picture = "\n".join(line.text for line in pilot.app.screen._compositor.render_strips())
        if picture != seen or not condition() or getattr(pilot.app.screen, "_dirty", False):
            seen, since, looks = picture, time.monotonic(), 0
        elif time.monotonic() - since >= still_s and looks >= (LOOKS if still_s else 0):
            return
        looks += 1
        assert time.monotonic() < end, "the screen did not settle"
        await asyncio.sleep(max(LOOK_S, still_s / 3))
