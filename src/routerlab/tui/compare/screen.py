"""The compare screen: two arms of one result, or of two; also of a sitting while it runs."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from textual import work
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

from routerlab.core.errors import LabError
from routerlab.core.files.newest import newest
from routerlab.core.taxonomy import Taxonomy
from routerlab.core.text import printable
from routerlab.paths import sessions_dir
from routerlab.study.report.subject import Subject, load_subject
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import COMPARE_ACTIONS, COMPARE_GROUPS
from routerlab.tui.compare.plots import (
    draw_latency,
    draw_reliability,
    latency_caption,
    reliability_caption,
)
from routerlab.tui.compare.sides import Paired, Side, first_two, paired
from routerlab.tui.compare.text import (
    BESIDE,
    VIEWS,
    Agreed,
    agreed,
    agreement_text,
    cases_text,
    confusions_text,
    grids_text,
    sides_text,
    views_text,
)
from routerlab.tui.shared.dialogs import Choose, WriteLine
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.page import Page

Load = Callable[[], tuple[int, Callable[[], Subject]]]
"""For a sitting that runs: how many answers there are, and what makes a result of them, in a thread."""
WIDE, FEW = 138, 7
"""Columns from which the grids stand beside the cases, and labels up to which they have room there."""
LOOK_S = 2.0
"""Seconds between two looks whether there are more answers; after a slow one, five times what it took."""
RECENT = 12
"""Sessions that are offered to compare with."""
HELP = Help(
    "Two arms, a and b, on the cases that both answered. Of another session or result (o), a is before and b "
    "after: what got better, and what got worse.",
    COMPARE_ACTIONS,
    COMPARE_GROUPS,
    (
        "+ only b is right (better)   - only a is (worse)   ≠ both are wrong   ? nobody knows",
        "discordant: only one of the two is right; McNemar: how likely such a split is by chance",
        "P95: 95 of 100 answers are as quick   calibration error: how far sure is from right, on average",
    ),
)


class CompareScreen(Page):
    """Every `action_*` here stands in tui/actions/compare.toml, which gives it keys and help."""

    CSS_PATH = "compare.tcss"

    ACTIONS = COMPARE_ACTIONS
    ABOUT = HELP
    BINDINGS = bindings("compare", COMPARE_ACTIONS)

    def __init__(
        self,
        subject: Subject,
        taxonomy: Taxonomy,
        keys: Mapping[str, str],
        chosen: str | None = None,
        live: Load | None = None,
    ) -> None:
        """LabError where the result has not two arms; `chosen` is the one to begin with."""
        super().__init__(taxonomy, keys)
        self.a, self.b = first_two(subject, chosen)
        self._here = subject
        self._live = live
        self._at = 0
        self._next = 0.0
        self._answers = -1
        self._found: Paired | None = None
        self._fault = ""
        self._agreed: Agreed = {}

    def compose(self) -> ComposeResult:
        """Who, which view, the view."""
        yield Static(id="sides", markup=False)
        yield Static(id="views", markup=False)
        yield Static(id="caption", markup=False)
        with Horizontal(id="body"):
            with VerticalScroll(id="pane", can_focus=False):
                yield Static(id="seen", markup=False)
            yield Static(id="beside", markup=False)
        yield PlotextPlot(id="curve")
        yield Keys()

    def on_mount(self) -> None:
        """Compute, and go on looking while a sitting runs."""
        self._compute()
        if self._live:
            self.set_interval(LOOK_S, self._look)

    # --- what is computed, in threads ---

    @work(exclusive=True, group="compare")
    async def _compute(self) -> None:
        """Both sides anew; what was shown stays until then."""
        try:
            found = await asyncio.to_thread(paired, self.a, self.b)
            self._agreed = await asyncio.to_thread(agreed, self._here)
        except LabError as e:
            self._found, self._fault = None, str(e)
        else:
            self._found, self._fault = found, ""
        self.redraw()

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """Take in what a sitting has got since."""
        if self._live is None or time.monotonic() < self._next:
            return
        answers, make = self._live()
        if answers == self._answers:
            return
        start = time.monotonic()
        try:
            new = await asyncio.to_thread(make)
        except LabError:
            return
        self._answers, self._next = answers, time.monotonic() + 5 * (time.monotonic() - start)
        sides = [Side(new, s.arm) if s.subject is self._here else s for s in (self.a, self.b)]
        self._here, (self.a, self.b) = new, sides
        self._compute()

    # --- what is drawn ---

    def draw(self) -> None:
        """Draw the view that is on."""
        p, width = self.colours(), self.size.width - 2
        view = VIEWS[self._at]
        plotted = view in ("reliability", "latency")
        self.query_one(Keys).compact = width < NARROW
        self.query_one("#sides", Static).update(sides_text(self.a, self.b, width, p))
        self.query_one("#views", Static).update(views_text(self._at, width, p))
        self.query_one("#body").display = not plotted
        self.query_one("#curve").display = self.query_one("#caption").display = plotted
        if plotted:
            return self._plot(view == "latency")
        arms = [arm.arm for arm in self._here.analysis.arms]
        labels = list(dict.fromkeys((*self.a.subject.analysis.labels, *self.b.subject.analysis.labels)))
        beside = self.query_one("#beside", Static)
        beside.display = view == "cases" and width >= WIDE and len(labels) <= FEW
        if beside.display:
            beside.update(grids_text(self.a, self.b, arms, self._agreed, p))
            width -= BESIDE + 3
        seen = Content.styled(printable(self._fault, keep_newlines=True) or "comparing…", p.dim)
        if view == "confusion":
            seen = confusions_text(self.a, self.b, width - 1, p)
        elif view == "agreement":
            seen = agreement_text(arms, self._agreed, width - 1, p)
        elif self._found:
            between = self.a.subject is not self.b.subject
            seen = cases_text(self._found, between, labels, width - 1, p)
        self.query_one("#seen", Static).update(seen)
        return None

    def _plot(self, latency: bool) -> None:
        plot, p, ansi = self.query_one(PlotextPlot), self.colours(), self.app.native_ansi_color
        hues = ["default" if ansi else Color.parse(c).rgb for c in (p.accent, p.warn, p.faint)]
        sides = [("a", self.a.figures, hues[0]), ("b", self.b.figures, hues[1])]
        caption = (latency_caption if latency else reliability_caption)(sides)
        self.query_one("#caption", Static).update(caption)
        plot.theme = "textual-clear" if ansi else "auto"
        plot.plt.clear_data()
        (draw_latency if latency else draw_reliability)(plot.plt, sides, hues[2])
        plot.refresh()

    # --- what a person does ---

    def action_look(self, view: int) -> None:
        """Another view."""
        self._at = view
        self.query_one("#pane").scroll_to(y=0, animate=False)
        self.redraw()

    def action_turn(self, step: int) -> None:
        """The next view, or the one before."""
        self.action_look((self._at + step) % len(VIEWS))

    def action_swap(self) -> None:
        """The other way round."""
        self.a, self.b = self.b, self.a
        self._compute()

    @work
    async def action_choose(self, which: Literal["a", "b"]) -> None:
        """Another arm for one of the sides."""
        side = self.a if which == "a" else self.b
        arm = await self._arm_of(side.subject, f"Which arm is {which}?")
        if arm is not None:
            self._take(which, Side(side.subject, arm))

    async def _arm_of(self, subject: Subject, title: str) -> str | None:
        names = [arm.arm for arm in subject.analysis.arms]
        lines = [Content(printable(name[:200])) for name in names]
        index = 0 if len(names) == 1 else await self.app.push_screen_wait(Choose(title, lines))
        return None if index is None else names[index]

    def _take(self, which: Literal["a", "b"], side: Side) -> None:
        setattr(self, which, side)
        self._found, self._fault = None, ""
        self._compute()
        self.redraw()

    @work
    async def action_file(self) -> None:
        """The arm of another session or result becomes a: what was before."""
        recent = await asyncio.to_thread(_recent, self._here.path)
        lines = [Content("A file, by its path"), *(Content(printable(str(path))) for path in recent)]
        index = await self.app.push_screen_wait(Choose("Compare with which session, as before?", lines))
        if index is None:
            return
        if index:
            path = recent[index - 1]
        else:
            line = await self.app.push_screen_wait(WriteLine("Session (.toml), result (.json) or log", ""))
            if not line:
                return
            path = Path(line.strip())
        notes: list[str] = []
        try:
            other = await asyncio.to_thread(lambda: _load(path, notes))
        except LabError as e:
            self.tell(str(e), "error")
            return
        for note in notes:
            self.tell(note, "warning")
        arm = await self._arm_of(other, "Which of its arms is a, before?")
        if arm is not None:
            if self.b.subject is not self._here:
                self.b = Side(self._here, self.a.arm)
            self._take("a", Side(other, arm))


def _load(path: Path, notes: list[str]) -> Subject:
    """What the file says; of ~NAME what cannot be expanded stays as it is, and is not there."""
    return load_subject(Path(os.path.expanduser(path)), notes.append)


def _recent(but: Path) -> list[Path]:
    """The sessions that were written to last, newest first."""
    return [path for path in newest(sessions_dir(), "*.toml") if path != but][:RECENT]
