"""The tune screen: choose a model and a budget, watch the tuning, add the router it makes to the lab."""

import asyncio

from textual import events, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.notifications import SeverityLevel
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from routerlab.core.errors import LabError
from routerlab.core.text import plural, printable
from routerlab.engine.lab.lab import Lab
from routerlab.engine.lab.specs import router_spec
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import TUNE_ACTIONS
from routerlab.tui.shared.bar import ModeBar
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.line import Line
from routerlab.tui.shared.page import Page
from routerlab.tui.tune.candidates import Entry, entries, held_out, known, labelled
from routerlab.tui.tune.found import Found
from routerlab.tui.tune.process import Job, Outcome, Phase, Tuning, learn_arguments, tune_arguments
from routerlab.tui.tune.text import entry_text, progress_text, said_text

RATE = 1 / 8
BUDGET_MIN = 15.0
LEAST_MIN = 0.1
DIGITS = frozenset("0123456789.")
WIDE = 130
"""Columns from which the curve stands beside the table."""
NO_MODEL = "no model in the lab: go back and add an arm (F9)"


class Budget(Input):
    """Minutes: it takes digits only, so that letters act here as everywhere on the screen."""

    def __init__(self) -> None:
        super().__init__(f"{BUDGET_MIN:g}", id="budget", compact=True, max_length=6, select_on_focus=False)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Whether the key types."""
        return character in DIGITS

    async def _on_key(self, event: events.Key) -> None:
        if event.is_printable and event.character not in DIGITS:
            event.prevent_default()  # else the line swallows it
        else:
            await super()._on_key(event)


HELP = Help(
    "Tuning fits a router to labelled cases: it reads them with the model, in a process of its own. The lab "
    "goes on meanwhile, but what is timed then is slower. Tab goes from the models to the budget and on to "
    "the results.",
    TUNE_ACTIONS,
    signs=(
        "Accuracy is on cases that had no part in fitting or choosing, with its 95 % interval.",
        "hard: accuracy on the hard cases   ECE: expected calibration error   P50 P95: latency",
    ),
)


class TuneScreen(Page):
    """Draws a Tuning, which goes on without it."""

    CSS_PATH = "tune.tcss"
    ACTIONS = TUNE_ACTIONS
    ABOUT = HELP
    BINDINGS = bindings("tune", TUNE_ACTIONS)

    def __init__(self, lab: Lab, tuning: Tuning) -> None:
        super().__init__(lab.taxonomy, lab.settings.keys)
        self.lab = lab
        self.tuning = tuning
        self._entries: list[Entry] = []
        self._adding = False
        self._known: Outcome | None = None
        self._about = ""

    def compose(self) -> ComposeResult:
        """Models and progress side by side, below them what was found."""
        yield ModeBar()
        yield Label(
            Content.assemble(("Tune", "bold"), ("  fits a router to labelled cases", "$dim")),
            id="title",
        )
        with Horizontal(id="plan"):
            yield OptionList(id="models", markup=False)
            with Vertical(id="now"):
                with Horizontal(id="minutes"):
                    yield Label("Budget ")
                    yield Budget()
                    yield Label(" minutes")
                yield Static(id="progress", markup=False)
        yield Line("said", flows=True)
        yield Found()
        yield Keys()

    def on_mount(self) -> None:
        """Draw now, and whenever something changed."""
        self.query_one(OptionList).focus()
        self.set_interval(RATE, self.draw)
        self.draw()

    def draw(self) -> None:
        """Draw, if there is anything new."""
        tuning, found = self.tuning, entries(self.lab)
        again, shown = self.shown is None, (tuning.version, int(tuning.elapsed), found, self._known)
        if shown == self.shown:
            return
        self.shown = shown
        colours = self.colours()
        self.query_one(Keys).compact = self.size.width < NARROW
        self.set_class(self.size.width >= WIDE, "-wide")
        if again or found != self._entries:
            self._list(found)
        progress = self.query_one("#progress", Static)
        progress.update(progress_text(tuning, max(20, progress.size.width), colours))
        self.show(said=said_text(tuning, colours))
        labels = self.lab.taxonomy.labels
        outcome, about = (tuning.outcome, "") if tuning.outcome else (self._known, self._about)
        self.query_one(Found).show(outcome, about, labels, colours, self.size.width, again)
        self.refresh_bindings()

    def _list(self, found: list[Entry]) -> None:
        models = self.query_one(OptionList)
        job = self.tuning.job
        at = models.highlighted
        if at is None and job is not None:
            at = next((i for i, entry in enumerate(found) if entry.model == job.model), None)
        self._entries = found
        models.clear_options()
        width = max(20, self.size.width // 2 - 5)
        options = [Option(entry_text(entry, width)) for entry in found]
        models.add_options(options or [Option(NO_MODEL, disabled=True)])
        if found:
            models.highlighted = min(at or 0, len(found) - 1)

    @property
    def chosen(self) -> Entry | None:
        """The model under the cursor."""
        at = self.query_one(OptionList).highlighted
        return self._entries[at] if at is not None and at < len(self._entries) else None

    @on(OptionList.OptionHighlighted)
    @work(exclusive=True, group="known")
    async def _look(self) -> None:
        """Show what is known of the chosen model's router."""
        if entry := self.chosen:
            found, router = await asyncio.to_thread(known, entry), entry.router
            self._about = f"{printable(router.name)}, as it was measured" if router else "no router yet"
            if found != self._known:
                self._known = found
                self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what makes no sense now."""
        match action:
            case "tune_start":
                return not self.tuning.active and bool(self._entries)
            case "tune_learn":
                return not self.tuning.active
            case "tune_cancel":
                return self.tuning.phase == "running"
            case "tune_add":
                return self.tuning.outcome is not None and not self.tuning.added
        return True

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def action_tune_go(self) -> None:
        """What Enter means now."""
        if self.check_action("tune_add", ()):
            self.action_tune_add()
        elif not self.tuning.active:
            self.action_tune_start()

    def action_tune_start(self) -> None:
        """Tune the chosen model."""
        entry = self.chosen
        if entry is None:
            return self.tell(NO_MODEL, "warning")
        try:
            budget = float(self.query_one(Budget).value)
        except ValueError:
            budget = 0.0
        if budget < LEAST_MIN:
            return self.tell(f"the budget is a number of minutes, {LEAST_MIN} or more", "warning")
        arguments = tune_arguments(entry.model, budget, self.lab.taxonomy_path)
        self.tuning.start(Job(f"tuning {entry.model.name}", entry.model), arguments)
        return self.draw()

    def action_tune_learn(self) -> None:
        """Fit the chosen arm's router anew, with the annotations of this sitting."""
        entry, lab = self.chosen, self.lab
        if entry is None:
            return self.tell(NO_MODEL, "warning")
        if entry.router is None:
            return self.tell(f"{entry.name} has no router that could learn: tune it first (t)", "warning")
        if lab.path is None or not lab.saved:
            return self.tell("nothing of this sitting is saved yet: annotate answers first", "warning")
        labels = labelled(lab)
        if not labels and held_out(lab):
            return self.tell(
                "routing60 is the held-out test, no router learns from it: annotate typed prompts or "
                "another corpus",
                "warning",
            )
        if not labels:
            return self.tell("no annotation with a label to learn from yet", "warning")
        title = f"{entry.router.name} learns from {plural(len(labels), 'annotation')}"
        self.tuning.start(Job(title, entry.model, labels), learn_arguments(entry.router, lab.path))
        return self.draw()

    def action_tune_cancel(self) -> None:
        """Stop the tuning."""
        self.tuning.cancel()
        self.draw()

    @work
    async def action_tune_add(self) -> None:
        """Add the new router to the lab; an arm of that name makes room for it."""
        outcome = self.tuning.outcome
        if outcome is None or self._adding:
            return None
        self._adding = True
        try:
            spec = await asyncio.to_thread(router_spec, outcome.done)
            known = spec.name in self.lab.arms
            if known:
                await self.lab.remove_arm(spec.name)
            self.lab.add_arm(spec)
        except LabError as e:
            return self.tell(str(e), "error")
        finally:
            self._adding = False
        self.tuning.take(spec.name)
        again = f"{spec.name} was in the lab already: it is loaded again with the new router"
        self.tell(again if known else f"{spec.name} is an arm of the lab now")
        return self.draw()


def severity(phase: Phase) -> SeverityLevel:
    """How loud the end of a tuning is."""
    return "error" if phase == "failed" else "warning" if phase == "cancelled" else "information"
