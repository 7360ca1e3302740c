"""The lab's screen with the tour at its foot, which watches what is done there."""

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.content import Content
from textual.types import CSSPathType

from routerlab.core.errors import LabError
from routerlab.engine.lab.specs import find_router
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import LAB_ACTIONS, TOUR_ACTIONS, TOUR_GROUPS
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.lab.screen import LabScreen
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.line import Line
from routerlab.tui.shared.shell import Open
from routerlab.tui.tour.party import if_here
from routerlab.tui.tour.steps import LAST, STEPS, Seen, seen
from routerlab.tui.tour.text import LINES, LOW, end_text, missing_text, tour_text, words

LOOK_S = 0.1
"""Seconds between two looks at what was done."""


class TourScreen(LabScreen):
    """Every `action_tour_*` here stands in tui/actions/tour.toml, which gives it keys and help."""

    CSS_PATH: ClassVar[CSSPathType] = ["../lab/lab.tcss", "tour.tcss"]
    ACTIONS = (*LAB_ACTIONS, *TOUR_ACTIONS)
    BINDINGS = bindings("tour", TOUR_ACTIONS)
    missing: tuple[str, ...] = ()
    """Names of arms whose models are not here yet."""
    on_tour = True
    at = 0
    """The step, counted from 0; `len(STEPS)` is the end."""
    done = False
    before = Seen()
    """What the sitting held when the step began."""

    def compose(self) -> ComposeResult:
        """The lab, and the tour below it."""
        yield from super().compose()
        yield Line("tour")

    def on_mount(self) -> None:
        """Look on; where the question has little room it is opened all the same."""
        self.opened = True
        self.set_interval(LOOK_S, self._look)
        self.call_after_refresh(self._begin_step)

    @work
    async def on_screen_resume(self) -> None:
        """Models may have come meanwhile."""
        for name in self.missing if self.is_mounted else ():
            spec = await asyncio.to_thread(if_here, name, self.lab.settings)
            if spec and name not in self.lab.arms:
                self.lab.add_arm(spec)
                self.missing = tuple(other for other in self.missing if other != name)

    def _begin_step(self) -> None:
        """Note what there is, and prepare what the step is about."""
        self.before, self.done = seen(self.lab, self.sitting), self.at == len(STEPS)
        if self.done:
            return
        step = STEPS[self.at]
        if step.prompt:
            self.query_one(PromptLine).fill(step.prompt)
        if step.case:
            self.go_live()
            try:
                self.lab.replay([item for item in self.lab.cases() if item.case == step.case], again=True)
            except LabError as e:
                self.tell(str(e), "warning")

    def _look(self) -> None:
        """See what was done, and say what comes next."""
        if not self.on_tour:
            return
        if not self.done:
            self.done = STEPS[self.at].done(self.before, seen(self.lab, self.sitting))
        width, p = self.size.width - 3, self.colours()
        room = LINES - 1 if self.size.height >= LOW else 1
        keys = {a.id: self.keys.get(a.id, a.keys).split(",")[0] for a in TOUR_ACTIONS}
        if self.at == len(STEPS):
            path = self.lab.path if self.lab.saved else None
            title, lines = LAST, end_text(self.standings, seen(self.lab, self.sitting).labels, path, width, p)
        else:
            step = STEPS[self.at]
            wanted = [] if self.at or self.done else missing_text(self.missing, keys["tour_get"], width, p)
            title = step.title
            lines = [*words(step.then if self.done else step.todo, width, room), *wanted]
        shown = (keys["tour_next"], keys["tour_end"])
        self._say(tour_text(self.at, title, lines[-room:], shown, self.done, width, p))

    def _say(self, text: Content) -> None:
        self.show(tour=text)
        lent = text.plain.count("\n") + 1 if text else 0
        if lent != self.lent:
            self.lent = lent
            self.redraw()
        elif self.query_one("#tour", Line).size.height < min(lent, LINES):  # laid out before it had its text
            self.query_one("#tour", Line).refresh(layout=True)

    def action_tour_next(self) -> None:
        """The next step, whether this one was done or not; behind the last, the lab alone."""
        if self.at == len(STEPS):
            self._end()
        else:
            line = self.query_one(PromptLine)
            if line.text == STEPS[self.at].prompt:
                line.clear()
            self.at += 1
            self._begin_step()

    async def action_tour_end(self) -> None:
        """End the tour and stay in the lab; where it has ended, the key is the lab's."""
        if self.on_tour:
            self._end()
        else:
            await self.app.run_action("quit")

    def _end(self) -> None:
        self.on_tour, self.opened = False, None
        self._say(Content())

    def action_tour_get(self) -> None:
        """Get the first model that is missing, in Models."""
        if self.missing:
            name = self.missing[0]
            router = find_router(name.removesuffix(":probe"))
            self.post_message(Open("models", router, name, arm=True))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what is of the tour when it is over."""
        if action in ("tour_next", "tour_get"):
            return self.on_tour and (action == "tour_next" or bool(self.missing))
        return super().check_action(action, parameters)

    def about(self) -> Help:
        """Help for the lab, with what is of the tour first."""
        about = super().about()
        return replace(about, actions=(*TOUR_ACTIONS, *about.actions), groups=(*TOUR_GROUPS, *about.groups))
