"""The history: one line a question, newest at the bottom unless it is ordered otherwise.

It draws the lines that are in sight and no others, so that ten thousand are as quick as ten.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from routerlab.core.text import printable
from routerlab.tui.lab.filters import ARM, ASKED, Sort
from routerlab.tui.lab.sitting import Question
from routerlab.tui.lab.state import RowView
from routerlab.tui.lab.strip import note_text
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.palette import Palette, rich_style
from routerlab.tui.shared.text import Part, abbreviations, fit, fit_name

MARK, NUMBER, CASE, GOLD, AGREE, NOTE = "◆", 5, 7, 4, 5, 3
"""The sign of what is selected stands before the number; one of five digits takes a column of the gap. Gold
has room for its head also where labels are two letters."""
PROMPT = (22, 16)
"""Columns the prompt should have at least: in a wide and in a narrow terminal."""
NOTHING = "no question fits: x lists all again"


@dataclass(frozen=True)
class Columns:
    """The table's shape: whose answers, how wide a label and the prompt are, the labels -> short names."""

    arms: tuple[str, ...]
    labels: Mapping[str, str]
    label: int
    prompt: int
    gap: int

    @cached_property
    def short(self) -> dict[str, str]:
        """Label -> what a cell shows."""
        return abbreviations(self.labels, self.label)

    @property
    def all(self) -> list[tuple[str, str, int]]:
        """What each column is ordered by (see Sort), its head and its width without the gap."""
        fixed = [
            (name, name, size) for name, size in (("#", NUMBER), ("case", CASE), ("prompt", self.prompt))
        ]
        arms = [(ARM + arm, arm, self.label + 2) for arm in self.arms]
        tail = [("agree", "agree", AGREE), ("you", "you", self.label + NOTE)]
        return [*fixed, ("gold", "gold", max(GOLD, self.label)), *arms, *tail]

    def at(self, x: int) -> str | None:
        """The column in which that column of the screen is."""
        for name, _, size in self.all:
            x -= size + self.gap
            if x < 0:
                return name
        return None


def columns(width: int, arms: Sequence[str], labels: Mapping[str, str]) -> Columns:
    """The widest labels, of (label -> short name), that leave the prompt enough room."""
    roomy, tight = (PROMPT[0], 2), (PROMPT[1], 1)
    longest, named = max(map(len, labels)), max(map(len, labels.values()))
    forms = [(size, space) for size in (longest, min(longest, named)) for space in (roomy, tight)]
    forms = [(longest, roomy), *forms[2:], (2, roomy)] if width >= NARROW else [*forms[1::2], (2, tight)]
    for size, (least, gap) in forms:
        # gold and annotation are as wide as a label, an arm's answer has its mark before it
        rest = width - 2 - sum(n + gap for n in (NUMBER, CASE, AGREE, NOTE)) - gap
        prompt = rest - (size + max(GOLD, size) + gap) - len(arms) * (size + 2 + gap)
        if prompt >= least:
            break
    return Columns(tuple(arms), labels, size, max(least, prompt), gap)


def head_parts(shape: Columns, sort: Sort) -> list[Part]:
    """The heads; the one that orders has ▴ or ▾ at its end, unless that is the order of asking."""
    parts: list[Part] = []
    for name, title, size in shape.all:
        arrow = "" if name != sort.column or sort == ASKED else "▾" if sort.down else "▴"
        text = fit_name(printable(title), size - len(arrow)).rstrip() + arrow
        parts.append((fit(text, size + shape.gap), "bold" if arrow else ""))
    return parts


def row_parts(row: RowView, shape: Columns, p: Palette) -> list[Part]:
    """A question's line, without the sign of what is selected. Labels are whole or short, never cut; what an
    arm did instead of answering is "?" where the word has no room."""
    short = shape.short

    def label(name: str) -> str:
        return fit(short.get(name, name if len(name) <= shape.label else "?"), shape.label)

    def answer(given: tuple[str, bool | None] | None) -> list[Part]:
        if given is None:
            return [(fit("·", shape.label + 2), p.dim)]
        name, mark = given
        sign = "  " if mark is None else "✓ " if mark else "✗ "
        return [(sign, p.mark(mark)), (label(name), p.label(name) if name in short else p.bad)]

    agree = f"{row.vote.votes}/{row.voters}" if row.voters > 1 else ""
    note = note_text(row.note, short.get(row.note.label or "", row.note.label))
    number = fit(str(row.number).rjust(NUMBER - 1), NUMBER - 1 + shape.gap)
    cells: list[list[Part]] = [
        [(fit(row.name, CASE), p.dim)],
        [(fit(row.prompt, shape.prompt), "")],
        [(fit(label(row.gold) if row.gold else "", max(GOLD, shape.label)), p.label(row.gold))],
        *map(answer, row.answers),
        [(agree.rjust(AGREE), p.good if row.unanimous else "")],
        [(fit(note, shape.label + NOTE), p.accent)],
    ]
    return [(number, p.dim), *(part for cell in cells for part in (*cell, (" " * shape.gap, "")))]


def strip(parts: Sequence[Part]) -> Strip:
    """The text as a line of the screen."""
    return Strip([Segment(text, Style.parse(rich_style(style))) for text, style in parts if text])


@dataclass(frozen=True)
class Showing:
    """What the history shows: whose `questions` in which order, those selected, and which is looked at."""

    questions: Sequence[Question]
    version: int
    sort: Sort
    shape: Columns
    palette: Palette
    marked: frozenset[int]
    cursor: int | None
    filtered: bool


class HistoryTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws what it is told to. It knows no lab: what a person does with the mouse comes out as messages."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"history--head", "history--cursor", "history--hover"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.view_prompt", "View", show=False),
        Binding("pageup", "screen.leap(-1)", "Page up", show=False),
        Binding("pagedown", "screen.leap(1)", "Page down", show=False),
        Binding("home", "screen.first", "First", show=False),
    ]

    @dataclass
    class Picked(Message):
        """The person clicked on a question."""

        number: int

    @dataclass
    class Marked(Message):
        """The person clicked on a question with ctrl: it is selected, or no longer."""

        number: int

    @dataclass
    class Sorted(Message):
        """The person clicked on the head of a column."""

        column: str

    def __init__(self) -> None:
        super().__init__(id="history")
        self._now: Showing | None = None
        self._row: Callable[[Question], RowView] | None = None
        self._drawn: dict[tuple[int, bool], Strip] = {}
        """Lines by the question's number, and whether it is selected."""
        self._hover: int | None = None
        self._base = Style()

    @property
    def shape(self) -> Columns | None:
        """Its columns, once it shows something."""
        return self._now.shape if self._now else None

    @property
    def row_count(self) -> int:
        """How many questions are listed."""
        return len(self._now.questions) if self._now else 0

    @property
    def cursor_row(self) -> int:
        """The row that is looked at, -1 where it is not listed."""
        return -1 if self._now is None or self._now.cursor is None else self._now.cursor

    def show(self, now: Showing, changed: Iterable[int], row: Callable[[Question], RowView]) -> None:
        """Show this; of what was drawn before, the questions with `changed` numbers are out of date."""
        was, self._now, self._row = self._now, now, row
        if was is None or (was.shape, was.palette) != (now.shape, now.palette):
            self._drawn.clear()
        stale = [key for number in changed for key in ((number, False), (number, True)) if key in self._drawn]
        for key in stale:
            del self._drawn[key]
        if was is not None and not stale and was == replace(now, cursor=was.cursor):
            if was.cursor != now.cursor:
                self._redraw(was.cursor, now.cursor)
                self._reveal()
            return
        self.virtual_size = Size(0, len(now.questions) + 1)
        if was is None or (was.cursor, was.questions) != (now.cursor, now.questions):
            self._reveal()
        self.refresh()

    def _redraw(self, *rows: int | None) -> None:
        for row in rows:
            if row is not None:
                self.refresh_line(row + 1)

    def _reveal(self) -> None:
        """Scroll until the cursor is in sight, and no farther."""
        room, top = self.size.height - 1, round(self.scroll_y)
        if (row := self.cursor_row) < 0 or room < 1:
            return
        if not top <= row < top + room:
            # by force: Textual scrolls nothing whose scroll bar it has yet to show
            self.scroll_to(y=row if row < top else row - room + 1, animate=False, force=True)

    def on_resize(self) -> None:
        """The cursor stays in sight when the question opens above."""
        self._reveal()

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """Textual does not tell a hidden scroll bar where the table is: it would appear at the top."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    # --- the mouse ---

    def _row_at(self, y: int) -> int | None:
        row = y - 1 + self.scroll_offset.y
        return row if y > 0 and row < self.row_count else None

    def on_click(self, event: events.Click) -> None:
        """Move to the row, select it with ctrl; or order by the column whose head it is."""
        if self._now is None:
            return
        row = self._row_at(event.y)
        if row is not None and event.ctrl:
            self.post_message(self.Marked(self._now.questions[row].number))
        elif row is not None:
            self.post_message(self.Picked(self._now.questions[row].number))
        elif event.y == 0 and (column := self._now.shape.at(event.x)):
            self.post_message(self.Sorted(column))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show which row a click would pick."""
        self._point(self._row_at(event.y))

    def on_leave(self) -> None:
        """The mouse is elsewhere."""
        self._point(None)

    def _point(self, row: int | None) -> None:
        if row != self._hover:
            old, self._hover = self._hover, row
            self._redraw(old, row)

    # --- drawing ---

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines in a region; their common style is the same for all."""
        self._base = self.rich_style
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """A line of it: the heads, or a question."""
        now, base, width = self._now, self._base, self.size.width
        if now is None:
            return Strip.blank(width, base)
        row = self._row_at(y)
        if y == 0:
            base += self.get_component_rich_style("history--head")
            return strip(head_parts(now.shape, now.sort)).apply_style(base).adjust_cell_length(width, base)
        if row is None:
            said = NOTHING if y == 1 and not now.questions and now.filtered else ""
            return strip([(said, now.palette.dim)]).apply_style(base).adjust_cell_length(width, base)
        question = now.questions[row]
        if row == now.cursor:
            base += self.get_component_rich_style("history--cursor")
        elif row == self._hover:
            base += self.get_component_rich_style("history--hover")
        line = self._line(question, now)
        return line.apply_style(base).adjust_cell_length(width, base)

    def _line(self, question: Question, now: Showing) -> Strip:
        key = question.number, question.number in now.marked
        if key not in self._drawn:
            assert self._row is not None
            sign = (MARK if key[1] else " ", f"bold {now.palette.accent}")
            parts = row_parts(self._row(question), now.shape, now.palette)
            self._drawn[key] = strip([sign, *parts])
        return self._drawn[key]
