"""Home: what there is, by section; Enter opens it in the mode that fits."""

import asyncio

from textual import on, work
from textual.app import ComposeResult
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from routerlab.core.taxonomy import Taxonomy
from routerlab.settings import Settings
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import HOME_ACTIONS, HOME_GROUPS
from routerlab.tui.home.look import SECTIONS, Entry, entries, note_tour, offers_tour
from routerlab.tui.home.text import chosen_text, entry_text, first_text, heading_text
from routerlab.tui.shared.bar import ModeBar
from routerlab.tui.shared.help import Help
from routerlab.tui.shared.keys import Keys
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.line import Line
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.shell import ModeName, Open, TakeTour

TALL = 36
"""Lines from which the sections stand apart."""
HELP = Help(
    "What is here: sessions, the newest first, corpora, routers with their evidence, models. Function keys "
    "go to the other modes from everywhere; what is open there stays as it is.",
    HOME_ACTIONS,
    HOME_GROUPS,
    ("accuracy .83 (.82 to .84): on cases that had no part in fitting, with its 95 % interval",),
)
IN: dict[str, frozenset[str]] = {
    "lab": frozenset({"session", "corpus", "router", "model"}),
    "results": frozenset({"session", "result"}),
    "annotate": frozenset({"session", "corpus", "labels"}),
}
"""What each mode can open."""
FITS: dict[str, ModeName] = {
    "session": "lab",
    "result": "results",
    "trial": "trial",
    "labels": "annotate",
    "corpus": "annotate",
    "router": "lab",
    "model": "lab",
    "pull": "models",
}
"""What Enter opens."""


class HomeScreen(Page):
    """Every `action_*` here stands in tui/actions/home.toml, which gives it keys and help."""

    CSS_PATH = "home.tcss"
    ACTIONS = HOME_ACTIONS
    ABOUT = HELP
    BINDINGS = bindings("home", HOME_ACTIONS)

    def __init__(self, taxonomy: Taxonomy, settings: Settings) -> None:
        super().__init__(taxonomy, settings.keys)
        self.found: list[Entry] = []
        self._lines: list[Entry | None] = []
        self.offers_tour = False

    def compose(self) -> ComposeResult:
        """First help, the sections, what is chosen."""
        yield ModeBar()
        yield Line("first")
        yield OptionList(id="found", markup=False)
        yield Line("chosen")
        yield Keys()

    def on_mount(self) -> None:
        """Let the keys choose."""
        self.query_one(OptionList).focus()

    def on_screen_resume(self) -> None:
        """Much may have come meanwhile."""
        self.action_home_again()

    @work(exclusive=True, group="look")
    async def action_home_again(self) -> None:
        """Read the folders: not on the event loop, for they may be slow."""
        self.found, faults = await asyncio.to_thread(entries)
        self.offers_tour = await asyncio.to_thread(offers_tour)
        self.redraw()
        if faults:
            self.tell("\n".join(faults[:3]), "warning")

    def draw(self) -> None:
        """Draw everything; the cursor stays on what it is on."""
        p, width = self.colours(), self.size.width - 2
        self.query_one(Keys).compact = width < NARROW
        at, options, tall = self.chosen, self.query_one(OptionList), self.size.height >= TALL
        self._lines = []
        shown: list[Option] = []
        for title, kinds in SECTIONS.items():
            mine = [entry for entry in self.found if entry.kind in kinds]
            if mine:
                shown.append(Option(heading_text(title, tall and bool(shown), p), disabled=True))
                shown += [Option(entry_text(entry, width - 2, p)) for entry in mine]
                self._lines += [None, *mine]
        options.clear_options().add_options(shown)
        if self._lines:
            options.highlighted = self._lines.index(at) if at in self._lines and at else 1
        self.show(first=first_text(self.found, width, p, self.offers_tour))
        self._say()

    @property
    def chosen(self) -> Entry | None:
        """What the cursor is on."""
        at = self.query_one(OptionList).highlighted
        return self._lines[at] if at is not None and at < len(self._lines) else None

    @on(OptionList.OptionHighlighted)
    def _say(self) -> None:
        self.show(chosen=chosen_text(self.chosen, self.size.width - 2, self.colours()))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what makes no sense for what is chosen."""
        if action == "home_no_tour":
            return self.offers_tour
        if action != "open_in" or not self.is_mounted:
            return True
        entry = self.chosen
        return entry is not None and entry.ready and entry.kind in IN.get(str(parameters[0]), ())

    def action_move(self, how: str) -> None:
        """Move in the list."""
        getattr(self.query_one(OptionList), f"action_{how}")()

    @on(OptionList.OptionSelected)
    def action_home_open(self) -> None:
        """Open what is chosen in the mode that fits; what is missing is had in Models."""
        entry = self.chosen
        if entry is not None and entry.kind == "labels" and not entry.ready:
            self.tell(f"{entry.path}: is not here; begin routerlab in the folder it was named in", "warning")
        elif entry is not None:
            self._open(entry, FITS[entry.kind] if entry.ready else "models")

    def action_home_tour(self) -> None:
        """Be shown around in the lab."""
        self.post_message(TakeTour())

    def action_home_no_tour(self) -> None:
        """Be offered no tour from now on."""
        note_tour()
        self.offers_tour = False
        self.redraw()

    def action_open_in(self, mode: ModeName) -> None:
        """Open what is chosen there."""
        if entry := self.chosen:
            self._open(entry, mode)

    def _open(self, entry: Entry, mode: ModeName) -> None:
        arm = entry.kind in ("router", "model")
        self.post_message(Open(mode, entry.path, entry.name, arm))
