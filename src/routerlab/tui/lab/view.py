"""What the lab screen shows: it listens to the lab, and draws a snapshot when something changed."""

import asyncio
import gc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.content import Content
from textual.types import CSSPathType
from textual.widget import Widget
from textual.widgets import Static

from routerlab.core.errors import LabError
from routerlab.core.prediction import Trial
from routerlab.core.session.arm import AnyArmRecord
from routerlab.core.text import plural
from routerlab.engine.arms.arm import Spec
from routerlab.engine.lab.events import Annotated, Event, Notice, RunChanged, TrialDone
from routerlab.engine.lab.lab import Lab
from routerlab.study.figures.gates import DEFAULT_GATES
from routerlab.study.figures.tally import Standing, standing
from routerlab.study.routing_table import Routes
from routerlab.tui.lab import state
from routerlab.tui.lab.agreement import agreement
from routerlab.tui.lab.browse import LabBrowse
from routerlab.tui.lab.chips import ChipRow, Search, SearchLine, found_text
from routerlab.tui.lab.focus import Focus, answers_text
from routerlab.tui.lab.history import HistoryTable, Showing, columns
from routerlab.tui.lab.matrix import matrix_text
from routerlab.tui.lab.panels import Panels
from routerlab.tui.lab.prompt_file import saves
from routerlab.tui.lab.prompt_line import PromptLine
from routerlab.tui.lab.standings import Order, standings_text
from routerlab.tui.lab.strip import run_text, strip_text
from routerlab.tui.lab.targets import target_lines, targets_text
from routerlab.tui.shared.bar import ModeBar
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW, Places, View, layout, places
from routerlab.tui.shared.line import Line, unsaved_text
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import one_line
from routerlab.tui.shared.turns import turns
from routerlab.tui.tune.candidates import Learning
from routerlab.tui.tune.process import Tuning
from routerlab.tui.tune.screen import TuneScreen, severity

RATE = 1 / 15
JUDGE_S = 0.1
"""Seconds between two judgements of the arms."""
TALL = 30

EMPTY = (
    "No arms yet.\n\n"
    "Press F9 (or a in the history) to add a model that is here,\n"
    "or leave with ctrl+q and run\n\n"
    "routerlab models pull smollm2-135m:probe"
)


class LabView(LabBrowse):
    """The screen without its actions (see screen.py)."""

    CSS_PATH: ClassVar[CSSPathType] = "lab.tcss"

    def __init__(
        self,
        lab: Lab,
        specs: Sequence[Spec],
        now: Callable[[], float],
        tuning: Tuning,
        watch: Path | None = None,
        routes: Routes | None = None,
    ) -> None:
        """`watch` is a file whose prompt is asked again whenever it is saved; `routes` says where a label
        leads."""
        super().__init__(lab)
        self.specs = specs
        self.now = now
        self.tuning = tuning
        self.watched_file = watch
        self.routes = routes
        self.learning = Learning()
        self.view: View = "table"
        self.opened: bool | None = None
        """Whether a person opened the question in focus or closed it."""
        self.lent = 0
        """Lines of the screen that somebody else has."""
        self.order: Order = "added"
        self.standings: dict[str, Standing] = {}
        self.judging = False
        self.restored = False
        """Whether all that the session held before is taken in."""
        self._dirty = True
        self._stop: Callable[[], None] = lambda: None
        self._run_phase = ""

    def compose(self) -> ComposeResult:
        """Prompt, standings, panels or matrix, agreement, replay, the question and the history."""
        yield ModeBar()
        yield PromptLine(self.lab.typed)
        yield Line("unsaved")
        yield Line("standings")
        yield Panels()
        yield Static(EMPTY, id="empty", markup=False)
        yield Line("matrix")
        yield Line("strip")
        yield Line("run")
        with Container(id="body"):
            yield Focus()
            with Vertical(id="list"):
                yield ChipRow()
                yield Search()
                yield HistoryTable()
        yield Keys()

    def on_mount(self) -> None:
        """Draw first; arms begin to load after the first paint."""
        self._stop = self.lab.subscribe(self._on_event)
        self.tuning.on_end = self._tuned
        self.query_one(PromptLine).focus()
        self.set_interval(RATE, self._tick)
        self.call_after_refresh(self._begin)

    def on_unmount(self) -> None:
        """Listen no more."""
        self._stop()
        self.tuning.on_end = lambda: None

    def _begin(self) -> None:
        self._restore()
        for spec in self.specs:
            try:
                self.lab.add_arm(spec)
            except LabError as e:
                self.tell(str(e), "error")
        self.lab.begin()
        if self.watched_file is not None:
            self._watch(self.watched_file)

    @work(group="watch")
    async def _watch(self, path: Path) -> None:
        """Ask what the file holds, now and whenever it is saved."""
        async for prompt in saves(path, lambda message: self.tell(message, "warning")):
            self.put(prompt)

    @work(exclusive=True, group="restore")
    async def _restore(self) -> None:
        """Take in what a session held before, a piece at a time, before anything new."""
        gc.disable()  # all of it stays, and walking 10,000 in a full collection takes 0.1 s
        try:
            async for trial in turns(list(self.lab.session.trials)):
                if self.sitting.of_trial(trial.id) is None:
                    self.place(self.sitting.add(trial, self._record(trial)))
                    self._dirty = True
        finally:
            gc.freeze()
            gc.enable()
        self.restored = True

    def _on_event(self, event: Event) -> None:
        """Note what changed; drawing waits for the next tick."""
        match event:
            case TrialDone(trial):
                self.place(self.sitting.add(trial, self._record(trial)))
            case Annotated(trial_id):
                if found := self.sitting.of_trial(trial_id):
                    self.place(found)
                if new := self.learning.due(self.lab):
                    self.tell(f"{plural(new, 'new annotation')}: T, then l learns from them")
            case RunChanged(progress):
                if progress.phase != self._run_phase:
                    self._run_phase = progress.phase
                    self.refresh_bindings()
            case Notice(message, severity):
                self.tell(message, severity)
        self._dirty = True

    def _record(self, trial: Trial) -> AnyArmRecord | None:
        return self.lab.session.arms.get(trial.arm)

    @work(group="judge")
    async def _judge(self) -> None:
        """Judge the arms that answered. Not on the event loop: it may take a while where many answered."""
        await asyncio.sleep(
            JUDGE_S
        )  # what came is drawn by then: a thread that computes makes that take twice as long
        for name in list(self.sitting.stale):
            self.sitting.stale.discard(name)
            counts = self.sitting.running[name].counts()
            self.standings[name] = await asyncio.to_thread(standing, counts, DEFAULT_GATES)
            self._dirty = True
        self.judging = False

    def _tuned(self) -> None:
        """A tuning has ended; who looks at it knows already."""
        if self.tuning.phase == "done" and self.tuning.job:
            self.learning.learned(self.tuning.job.labels)
        if not isinstance(self.app.screen, TuneScreen):
            tuning = self.tuning
            words = "done: T shows it" if tuning.phase == "done" else tuning.message
            self.tell(f"{tuning.job.title if tuning.job else ''}: {words}", severity(tuning.phase))

    # --- drawing ---

    def redraw(self) -> None:
        """Draw at the next tick."""
        super().redraw()
        self._dirty = True

    def where(self) -> str:
        """The session's file."""
        return self.lab.path.name if self.lab.path else ""

    def _tick(self) -> None:
        if self.restored and self.sitting.stale and not self.judging:
            self.judging = True
            self._judge()
        if self._dirty or state.moving(self.lab):
            self._dirty = False
            self._draw()

    def _draw(self) -> None:
        lab, p, (width, height) = self.lab, self.colours(), self.size
        tall = height >= TALL
        self.set_class(tall, "-tall")
        self.query_one(Keys).compact = width < NARROW
        self.show(unsaved=unsaved_text(lab.unsaved, lab.path), run=run_text(lab.progress, width - 2, p))
        arms = self._panels()
        judged = [(arm, self.standings.get(name)) for name, arm in self._named(arms)]
        stand = standings_text(judged, self.order, width - 2, p)
        taken = self.query_one(PromptLine).outer_size.height + stand.plain.count("\n") + bool(stand) + 3
        taken += (lab.progress.total > 0) + (lab.unsaved > 0) + self.lent
        rows = len(arms) + target_lines(self.routes)
        plan = places(width, height - taken, rows, self.view, self.opened)
        two = tall and not plan.open
        self._draw_strip(two, width - 2, p)
        panels = self.query_one(Panels)
        panels.display = bool(arms) and self.view == "card"
        self.query_one("#empty").display = not arms
        panels.show(arms, p, layout(width, plan.upper - two, len(arms), len(lab.taxonomy.labels)))
        self.show(standings=stand, matrix=self._matrix(width - 2, plan.upper - two, p))
        self._draw_focus(arms, plan, p)
        self._draw_rows(width - plan.beside, p)

    def _panels(self) -> tuple[state.PanelView, ...]:
        now, labels = self.now(), self.taxonomy.short
        return tuple(
            state.panel(name, arm, self.looking or self.sitting.last.get(name), self.sitting, now, labels)
            for name, arm in self.lab.arms.items()
        )

    def _matrix(self, width: int, height: int, p: Palette) -> Content:
        if self.view != "matrix":
            return Content()
        at = self.cursor
        at = len(self.listing) - 1 if at is None else at
        return matrix_text(list(self.lab.arms), self.listing, at, width, height, p)

    def _draw_focus(self, arms: Sequence[state.PanelView], plan: Places, p: Palette) -> None:
        """The question, beside the history or above it, with what the arms said to it and nothing else."""
        focus = self.query_one(Focus)
        focus.display = plan.open
        self.query_one("#body").set_class(bool(plan.beside), "-beside")
        if not plan.open:
            return
        focus.styles.width = plan.beside or "100%"
        focus.styles.height = plan.above or "100%"
        question = self.question
        now = [
            replace(a, trial=question.trials.get(name) if question else None) for name, a in self._named(arms)
        ]
        room = (plan.beside or self.size.width) - 3
        rows = answers_text(now, self.taxonomy.short, room, p)
        if self.routes and question:
            prompt = state.kept_prompt(self.lab, question.first)
            rows = Content("\n").join([rows, targets_text(self.routes, question.trials, prompt, room, p)])
        focus.show(rows, state.prompt_of(self.lab, question.first) if question else "")

    def _named(self, arms: Sequence[state.PanelView]) -> Iterable[tuple[str, state.PanelView]]:
        return zip(self.lab.arms, arms, strict=True)

    def _draw_strip(self, two: bool, width: int, p: Palette) -> None:
        """What the arms make of the question together; below it, where it is not in focus, its prompt."""
        question = self.question
        view = state.row(self.lab, question, ()) if question else None
        live = self.looking is None
        trials = question.trials if question else {}
        said = (agreement(trials), agreement(trials, self.taxonomy.short))
        text = strip_text(view, said, live, width, p)
        if two:
            prompt = one_line(view.prompt, width) if view else ""
            text = Content.assemble(text, "\n", (prompt, p.dim))
        strip = self.query_one("#strip")
        strip.set_class(not live, "-past")
        strip.set_class(two, "-two")
        self.show(strip=text)

    def _draw_rows(self, width: int, p: Palette) -> None:
        arms = list(self.lab.arms) or list(self.sitting.running)
        listing, chips, search = self.listing, self.query_one(ChipRow), self.query_one(Search)
        said = found_text(len(listing), len(self.sitting.questions), bool(listing.filters), len(self.marked))
        search.display = self.query_one(SearchLine).has_focus
        filters = self.soon.filters
        chips.display = not search.display and bool(filters or self.marked or chips.has_focus)
        chips.show(filters, said, self.lab.settings.keys, width - 2, p)
        self.show(found=Content.styled(said, p.warn))
        shape = columns(width, arms, self.lab.taxonomy.short)
        now = Showing(
            listing, listing.version, listing.sort, shape, p, self.marked, self.cursor, bool(listing.filters)
        )
        table = self.query_one(HistoryTable)
        table.show(now, list(self.changed), lambda question: state.row(self.lab, question, arms))
        self.changed.clear()

    def show_prompt(self, prompt: str) -> None:
        """Look at the newest question with this prompt; else write it into the prompt line."""
        for question in reversed(self.sitting.questions):
            if state.prompt_of(self.lab, question.first) == prompt:
                self.look(question)
                self.query_one(HistoryTable).focus()
                return
        if self.query_one(PromptLine).fill(prompt):
            self.tell("no arm was asked this yet: Enter asks them all")

    @on(PromptLine.Grew)
    def _grew(self) -> None:
        self._dirty = True

    @on(PromptLine.Sent)
    def _sent(self, event: PromptLine.Sent) -> None:
        self.put(event.prompt)

    def put(self, prompt: str) -> None:
        """Put a prompt to every arm, and follow the answers."""
        self.go_live()
        try:
            self.lab.ask(prompt)
            self.sitting.asked(list(self.lab.arms))
        except LabError as e:
            self.tell(str(e), "warning")
        self._dirty = True

    def target(self, place: str) -> Widget:
        """The widget an action of that place runs on."""
        kinds: dict[str, type[Widget]] = {"prompt": PromptLine, "chips": ChipRow}
        return self.query_one(kinds[place]) if place in kinds else self
