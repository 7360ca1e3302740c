"""What is listed in the history and selected there, and what is done with it. view.py draws it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from textual import on, work
from textual.content import Content

from routerlab.core.errors import LabError
from routerlab.core.text import plural, printable
from routerlab.engine.lab.lab import Lab
from routerlab.tui.lab import state
from routerlab.tui.lab.chips import ChipName, ChipRow, SearchLine
from routerlab.tui.lab.filters import ASKED, NO_FILTERS, Filters, Sort
from routerlab.tui.lab.history import HistoryTable
from routerlab.tui.lab.listing import Listing
from routerlab.tui.lab.selection import FORMATS, cases_of, write_cases
from routerlab.tui.lab.sitting import Question, Sitting
from routerlab.tui.shared.dialogs import Choose, WriteLine
from routerlab.tui.shared.page import Page
from routerlab.tui.shared.turns import turns


class LabBrowse(Page):
    """The questions of a sitting: which are listed, which one is looked at, which are selected."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab.taxonomy, lab.settings.keys)
        self.lab = lab
        self.sitting = Sitting()
        self.looking: Question | None = None
        self.marked: frozenset[int] = frozenset()
        """Numbers of the selected questions."""
        self.changed: dict[int, Question] = {}
        """Those that are to be drawn again, by number."""
        self.listing = self._listing(NO_FILTERS, ASKED)
        """What the history shows."""
        self.wanted: Listing | None = None
        """What it will show, while that is being found."""
        self._late: dict[int, Question] = {}
        self._anchor: int | None = None
        self._before: tuple[str, Question | None] = ("", None)

    # --- the list ---

    def _listing(self, filters: Filters, sort: Sort) -> Listing:
        lab, labels = self.lab, self.lab.taxonomy.labels
        return Listing(self.sitting.questions, lambda q: state.facts(lab, q), labels, filters, sort)

    @property
    def soon(self) -> Listing:
        """What the history shows as soon as it is found."""
        return self.wanted or self.listing

    def place(self, question: Question) -> None:
        """Take in a question that is new, or has changed."""
        self.changed[question.number] = question
        self.listing.place(question)
        if self.wanted:
            self._late[question.number] = question

    def rearrange(self, filters: Filters | None = None, sort: Sort | None = None) -> None:
        """List what fits in that order; None: as it is. What is listed stays until that is found."""
        now = self.soon
        self.wanted = self._listing(now.filters if filters is None else filters, sort or now.sort)
        self._find(self.wanted)
        self.redraw()

    @work(exclusive=True, group="find")
    async def _find(self, wanted: Listing) -> None:
        self._late.clear()
        async for _ in turns(wanted.fill()):
            pass
        for question in self._late.values():
            wanted.place(question)
        self.listing, self.wanted = wanted, None
        if not wanted.plain:
            self._hold()
        elif self.looking is self.sitting.latest:
            self.looking = None
        self.redraw()

    def _hold(self) -> None:
        """Stay with the question, or go to the last that is listed: only a plain list follows what is new."""
        if self.cursor is not None:
            self.looking = self.question
        elif self.listing:
            self.looking = self.listing[-1]

    # --- the question that is looked at ---

    @property
    def question(self) -> Question | None:
        """The question that panels, strip and annotations are about."""
        return self.looking or self.sitting.latest

    @property
    def cursor(self) -> int | None:
        """Its row in the history; None where it is not listed."""
        return self.listing.row(self.question.number) if self.question else None

    def look(self, question: Question) -> None:
        """Look at a question; where all are listed as they were asked, at the newest one live."""
        self.looking = None if self.soon.plain and question is self.sitting.latest else question
        self.redraw()

    def go_live(self) -> None:
        """List all questions as they were asked, and follow the newest answers."""
        self.looking = None
        if not self.soon.plain:
            self.rearrange(NO_FILTERS, ASKED)
        self.redraw()

    def step(self, rows: int) -> None:
        """Look at the question so many rows on, or the last on the way there."""
        at = len(self.listing) if self.cursor is None else self.cursor
        if self.listing:
            self.look(self.listing[max(0, min(at + rows, len(self.listing) - 1))])

    def action_leap(self, pages: int) -> None:
        """Move by so many pages of the history."""
        self.step(pages * max(1, self.query_one(HistoryTable).size.height - 2))

    def action_first(self) -> None:
        """Move to the first row."""
        self.step(-len(self.listing))

    @on(HistoryTable.Picked)
    def _picked(self, event: HistoryTable.Picked) -> None:
        self.look(self.sitting.questions[event.number - 1])

    # --- filters ---

    def action_chips(self) -> None:
        """Go to the chips."""
        chips = self.query_one(ChipRow)
        chips.display = True
        self.set_focus(chips)
        self.redraw()

    def action_filter_clear(self) -> None:
        """List everything."""
        self.rearrange(filters=NO_FILTERS)

    @on(ChipRow.Turned)
    def _turned(self, event: ChipRow.Turned) -> None:
        self.action_chip(event.chip)

    def action_chip(self, chip: ChipName) -> None:
        """Turn a filter on or off, after asking which label or arm."""
        filters = self.soon.filters
        match chip:
            case "text":
                self.action_search()
            case "label":
                self._choose("label", self.taxonomy.labels, filters.label)
            case "arm":
                self._choose("arm", list(self.sitting.running), filters.arm)
            case _:
                self.rearrange(filters.toggled(chip))

    @work
    async def _choose(self, what: ChipName, names: Sequence[str], now: str | None) -> None:
        """Ask which one, unless one is on already, which is then turned off."""
        chosen: str | None = None
        if now is None:
            lines = [Content(printable(name)) for name in names]
            index = await self.app.push_screen_wait(Choose(f"Only which {what}?", lines))
            if index is None:
                return
            chosen = names[index]
        filters = self.soon.filters
        self.rearrange(replace(filters, label=chosen) if what == "label" else replace(filters, arm=chosen))

    def on_descendant_blur(self) -> None:
        """Chips and search may go when the focus does."""
        self.redraw()

    # --- search ---

    def action_search(self) -> None:
        """Begin to search; what is typed filters at once."""
        line = self.query_one(SearchLine)
        self._before = (self.soon.filters.text, self.looking)
        self.query_one("#search").display = True
        line.value = self.soon.filters.text
        self.set_focus(line)  # at once, for what is typed next is for it
        self.redraw()

    @on(SearchLine.Changed)
    def _typed(self, event: SearchLine.Changed) -> None:
        event.stop()
        if event.value != self.soon.filters.text:
            self.rearrange(replace(self.soon.filters, text=event.value))

    @on(SearchLine.Ended)
    def _searched(self, event: SearchLine.Ended) -> None:
        if not event.keep:
            text, self.looking = self._before
            self.rearrange(replace(self.soon.filters, text=text))
        self.set_focus(self.query_one(HistoryTable))
        self.redraw()

    # --- order ---

    @on(HistoryTable.Sorted)
    def _sorted(self, event: HistoryTable.Sorted) -> None:
        self.rearrange(sort=self.soon.sort.turned(event.column))

    @work
    async def action_history_order(self) -> None:
        """Ask by which column."""
        shape, sort = self.query_one(HistoryTable).shape, self.soon.sort
        if shape is None:
            return
        arrows = {sort.column: "  ▾" if sort.down else "  ▴"}
        heads = {"#": "order of asking", "you": "your label"}
        columns = [(name, heads.get(name, printable(title))) for name, title, _ in shape.all]
        columns.append(("familiar", "familiarity, the least familiar first"))
        lines = [Content(title + arrows.get(name, "")) for name, title in columns]
        index = await self.app.push_screen_wait(Choose("Order by; the same again turns it round", lines))
        if index is not None:
            self.rearrange(sort=self.soon.sort.turned(columns[index][0]))

    # --- the selection ---

    def selected(self) -> list[Question]:
        """The selected questions as they were asked, listed or not; where none is, the one looked at."""
        if self.marked:
            return [self.sitting.questions[number - 1] for number in sorted(self.marked)]
        return [self.question] if self.question else []

    def mark(self, numbers: frozenset[int]) -> None:
        """Select these and no others."""
        self.marked = numbers
        self.redraw()

    @on(HistoryTable.Marked)
    def _marked(self, event: HistoryTable.Marked) -> None:
        self._anchor = event.number
        self.mark(self.marked ^ {event.number})

    def action_selection_mark(self) -> None:
        """Select the question looked at, or no longer, and go on to the next."""
        if self.question and self.cursor is not None:
            self._anchor = self.question.number
            self.mark(self.marked ^ {self._anchor})
            self.step(1)

    def action_selection_range(self) -> None:
        """Select from the one that was selected last to the one looked at."""
        start, end = self.listing.row(self._anchor or 0), self.cursor
        if start is None or end is None:
            return self.tell("select where it begins first")
        rows = self.listing[min(start, end) : max(start, end) + 1]
        return self.mark(self.marked | {question.number for question in rows})

    def action_selection_all(self) -> None:
        """Select all that are listed."""
        self.mark(self.marked | {question.number for question in self.listing})

    def action_selection_none(self) -> None:
        """Select none."""
        self._anchor = None
        self.mark(frozenset())

    def action_selection_replay(self) -> None:
        """Put what is selected to every arm once more."""
        chosen = self.selected()
        cases = {question.first.case for question in chosen}
        typed = dict.fromkeys(q.first.prompt for q in chosen if q.first.prompt is not None)
        try:
            if items := [item for item in self.lab.cases() if item.case in cases]:
                self.lab.replay(items, again=True)
            for prompt in typed:
                self.lab.ask(prompt)
                self.sitting.asked(list(self.lab.arms))
        except LabError as e:
            return self.tell(str(e), "warning")
        return self.tell(f"asked again: {len(items) + len(typed)}") if chosen else None

    @work
    async def action_selection_export(self) -> None:
        """Write what is selected to a file of cases."""
        cases = cases_of([state.facts(self.lab, question) for question in self.selected()], self.lab.corpus)
        if not cases:
            return self.tell(
                "nothing to export: no question, or its prompt is not in the corpus that is open"
            )
        title = f"Export {len(cases)} case{'s' if len(cases) > 1 else ''} to a new file ({FORMATS})"
        name = await self.app.push_screen_wait(WriteLine(title, "selection.toml", needed="name a file"))
        if name is not None:
            path = Path(name.strip())
            try:
                await asyncio.to_thread(write_cases, path, cases, self.taxonomy)
                self.tell(f"saved {path}: {plural(len(cases), 'case')}")
            except LabError as e:
                self.tell(str(e), "error")
        return None
