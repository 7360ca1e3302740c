"""The trial screen: a registered experiment while it runs. It shows no outcomes."""

import gc
from collections import deque
from collections.abc import Callable

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content

from routerlab.core.text import plural
from routerlab.engine.lab.events import Event, Notice
from routerlab.study.trial.run.lanes import Overview, Stage, traffic_words
from routerlab.study.trial.run.monitor import Monitor
from routerlab.study.trial.run.run import TrialRun
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import TRIAL_ACTIONS, TRIAL_GROUPS
from routerlab.tui.shared.bar import ModeBar
from routerlab.tui.shared.dialogs import Choose
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW, WIDE
from routerlab.tui.shared.line import Line, unsaved_text
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.palette import Palette
from routerlab.tui.trial.registered import registered_text
from routerlab.tui.trial.text import ended_text, head_text, lanes_text, log_text

RATE = 1 / 5
LINES = 100
"""Lines of the log that are kept; deviations and looks are in the session."""
TALL, ASIDE = 36, 60
"""Lines from which arms stand apart, and there is room for what is registered; its columns."""


class Told(VerticalScroll, can_focus=False):
    """What was told. It keeps to its end, unless a person has scrolled back from there."""

    following = True

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls up leaves the end, and down comes back to it in the end."""
        super().watch_scroll_y(old_value, new_value)
        if new_value >= self.max_scroll_y:
            self.following = True
        elif new_value < old_value:
            self.following = False

    def follow(self) -> None:
        """Go to the end, whether lines came or room went."""
        if self.following and not self.is_vertical_scroll_end:
            self.scroll_end(animate=False)


SIGNS = (
    "queued: sent, and waiting for a turn   timeout, crashed: without an answer   /min: of the last minute",
    "✓ ✗ ? a gate on latency so far   too few: the answers do not bound it yet",
    "P50 and P95 are what the protocol says: from when a session was due, or of the service alone.",
)
HELP = Help(
    "A registered experiment, while it runs. Nothing here tells which answers are right, or could be read: "
    "outcomes before the end are a peek, which the protocol forbids, for who stops when they please loses "
    "the error rates that it promises. They come at its looks, and at the end. Times may be watched: no look "
    "decides by them, and an arm that cannot keep up has to be seen.",
    TRIAL_ACTIONS,
    TRIAL_GROUPS,
    SIGNS,
)


class TrialScreen(Page):
    """Every `action_*` here stands in tui/actions/trial.toml, which gives it keys and help."""

    CSS_PATH = "trial.tcss"
    ACTIONS = TRIAL_ACTIONS
    ABOUT = HELP
    BINDINGS = bindings("trial", TRIAL_ACTIONS)

    def __init__(self, run: TrialRun, now: Callable[[], float]) -> None:
        super().__init__(run.work.registered.taxonomy, run.lab.settings.keys)
        self.trial = run
        self.ended = ""
        self._now = now
        self._opened = now()
        self._monitor = Monitor(run, now)
        self._lines: deque[tuple[float, str]] = deque(maxlen=LINES)
        self._said = 0
        self._stage: Stage | None = None
        self._stop: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """The run, its arms, how it ended, what was told."""
        yield ModeBar()
        yield Line("head")
        yield Line("unsaved")
        with VerticalScroll(id="lanes", can_focus=False):
            yield Line("arms")
        yield Line("ended")
        with Horizontal(id="below"):
            with Told(id="log"):
                yield Line("told", flows=True)
            yield Line("registered")
        yield Keys()

    def where(self) -> str:
        """The session's file."""
        return self.trial.lab.path.name if self.trial.lab.path else ""

    def on_mount(self) -> None:
        """Draw now, and a few times a second."""
        self._stop = self.trial.lab.subscribe(self._see)
        gc.freeze()  # plan and session stay; walking 10,000 in a full collection takes 0.1 s
        self.set_interval(RATE, self.draw)
        self.draw()

    def on_unmount(self) -> None:
        """Listen no more."""
        self._stop()

    def _see(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.say(event.message)
        else:
            self._monitor.see(event)

    def say(self, line: str) -> None:
        """Add a line to the log."""
        self._lines.append((self._now() - self._opened, line))
        self._said += 1

    def draw(self) -> None:
        """Draw, if there is anything new."""
        view = self._monitor.overview(self.ended)
        seconds = (int(view.active_s), view.left_s and int(view.left_s))
        shown = (view.stage, view.lanes, *seconds, view.unsaved, self._said)
        if shown != self.shown:
            self.shown = shown
            self._draw(view, self.colours())
        self.query_one(Told).follow()
        if view.stage != self._stage:
            self._stage = view.stage
            self.refresh_bindings()  # which makes the footer anew: not at every draw

    def _draw(self, view: Overview, p: Palette) -> None:
        protocol, path = self.trial.work.registered.protocol, self.trial.lab.path
        width, roomy = self.size.width - 2, self.size.height >= TALL
        wide = roomy and self.size.width >= WIDE
        cases = len(self.trial.work.lock.cases)
        self.query_one(Keys).compact = self.size.width < NARROW
        self.set_class(roomy, "-tall")
        self.show(
            head=head_text(protocol.name, traffic_words(protocol.traffic), view, width, p),
            unsaved=unsaved_text(view.unsaved, path),
            arms=lanes_text(view.lanes, width - 1, roomy, p),
            ended=ended_text(view.ended, path, p),
            told=log_text(self._lines, p),
            registered=registered_text(protocol, cases, ASIDE - 3, p) if wide else Content(),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what makes no sense now."""
        match action:
            case "trial_pause":
                return self.trial.generator is not None
            case "trial_stop":
                return not self.ended
        return True

    async def action_trial_pause(self) -> None:
        """Pause, or go on."""
        generator = self.trial.generator
        if generator is not None and generator.paused:
            await self.trial.resume()
        else:
            self.trial.pause()
        self.draw()

    async def action_trial_stop(self) -> None:
        """Stop, after a question."""
        await self.app.action_quit()

    @work(exclusive=True, group="stop")
    async def ask_to_stop(self, leave: Callable[[], object]) -> None:
        """Ask whether to stop; `leave` is called after a yes."""
        view = self._monitor.overview(self.ended)
        title = f"Stop? {view.over:,} of {plural(view.total, 'session is', 'sessions are')} over"
        options = (Content("Go on"), Content("Stop now; the same command goes on later"))
        if await self.app.push_screen_wait(Choose(title, options)) == 1:
            leave()
