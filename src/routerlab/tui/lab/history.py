"""The history: one line a question, newest at the bottom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from routerlab.core.text import printable
from routerlab.tui.lab.state import RowView
from routerlab.tui.lab.strip import note_text
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.palette import Palette, cell, rich_style
from routerlab.tui.shared.text import abbreviations, fit, fit_name, short_labels

NUMBER, CASE, AGREE, NOTE = 4, 7, 5, 3
PROMPT = (22, 16)
"""Columns the prompt should have at least: in a wide and in a narrow terminal."""
BEYOND = 2**31
"""A row that no cursor is on."""


@dataclass(frozen=True)
class Columns:
    """The table's shape: whose answers, how wide a label and the prompt are, the labels' short forms."""

    arms: tuple[str, ...]
    labels: tuple[str, ...]
    label: int
    prompt: int
    gap: int

    @property
    def short(self) -> dict[str, str]:
        """Label -> what a cell shows."""
        return abbreviations(self.labels, self.label)


def columns(width: int, arms: Sequence[str], labels: Sequence[str]) -> Columns:
    """The widest labels that leave the prompt enough room."""
    roomy, tight = (PROMPT[0], 2), (PROMPT[1], 1)
    longest, named = max(map(len, labels)), max(map(len, short_labels(labels).values()))
    forms = [(size, space) for size in (longest, min(longest, named)) for space in (roomy, tight)]
    forms = [(longest, roomy), *forms[2:], (2, roomy)] if width >= NARROW else [*forms[1::2], (2, tight)]
    for size, (least, gap) in forms:
        # gold and annotation are as wide as a label, an arm's answer has its mark before it
        rest = width - 2 - sum(n + gap for n in (NUMBER, CASE, AGREE, NOTE)) - gap
        prompt = rest - (2 * size + gap) - len(arms) * (size + 2 + gap)
        if prompt >= least:
            break
    return Columns(tuple(arms), tuple(labels), size, max(least, prompt), gap)


class HistoryTable(DataTable[Text]):
    """Rows are questions in order. While `live`, the cursor stays on the newest answer."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "screen.view_prompt", "View", show=False)]

    @dataclass
    class Picked(Message):
        """The person moved to a question (its number), or back to following (None)."""

        number: int | None

    def __init__(self) -> None:
        super().__init__(
            id="history", cursor_type="row", cursor_foreground_priority="renderable", cell_padding=0
        )
        self.shape: Columns | None = None
        self._palette: Palette | None = None
        self.live = True
        self._placed = -1
        self._height = 0
        self._kept: int | None = None
        self._short: dict[str, str] = {}
        self._rows: dict[int, int] = {}

    def reshape(self, shape: Columns, palette: Palette) -> None:
        """Take on another shape and other colours; the rows may be gone then and must be added again."""
        old, colours = self.shape, self._palette
        self.shape, self._palette = shape, palette
        if old is not None and colours == palette and replace(old, prompt=shape.prompt) == shape:
            if old.prompt != shape.prompt:
                self._widen(shape.prompt)
            return
        if not self.live and self._kept is None:
            self._kept = self.cursor_row  # where the person was, until the rows are back
        self.clear(columns=True)
        self._rows.clear()
        self._short = shape.short
        self._placed = -1
        sizes = [("#", NUMBER), ("case", CASE), ("prompt", shape.prompt), ("gold", shape.label)]
        sizes += [(arm, shape.label + 2) for arm in shape.arms]
        for title, width in [*sizes, ("agree", AGREE), ("you", shape.label + NOTE)]:
            head = fit(fit_name(printable(title), width), width)
            self.add_column(Text(head, no_wrap=True, end=""), width=width + shape.gap)

    def _widen(self, prompt: int) -> None:
        # A column's width is public, but only a resize makes the table measure itself again.
        assert self.shape is not None
        self.ordered_columns[2].width = prompt + self.shape.gap
        self.ordered_columns[2].label = Text(fit("prompt", prompt), no_wrap=True)
        self._on_resize(events.Resize(self.size, self.virtual_size))
        self.refresh()

    def append(self, row: RowView) -> None:
        """Add a question at the bottom."""
        self._rows[row.number] = self.row_count
        self.add_row(*self._cells(row))
        if self._kept is not None and self.row_count > self._kept:
            self.move_cursor(row=self._kept, animate=False)
            self._kept = None

    def lists(self, number: int) -> bool:
        """Whether there is a row for the question."""
        return number in self._rows

    def change(self, row: RowView) -> None:
        """Draw a question again that there is a row for."""
        key = self.ordered_rows[self._rows[row.number]].key
        for column, text in zip(self.ordered_columns, self._cells(row), strict=True):
            if self.get_cell(key, column.key) != text:
                self.update_cell(key, column.key, text)

    def follow(self, index: int) -> None:
        """Put the cursor on the row that was answered last."""
        self._placed = index
        if self.live and self.cursor_row != index:
            self.move_cursor(row=index, animate=False)

    def stay(self) -> None:
        """Leave the cursor where the person has it."""
        self._placed = BEYOND

    def restart(self, at: int | None = None) -> None:
        """Drop all rows, for others to be added; the cursor will be `at` that row, or on the newest one."""
        self.clear()
        self._rows.clear()
        self._placed, self._kept, self.live = -1, at, at is None

    def release(self) -> None:
        """Follow again from the newest answer."""
        self.live = True
        self._kept = None
        self.follow(max(0, self._placed))

    def pick(self, index: int) -> None:
        """Move to a row as a person would."""
        self.move_cursor(row=max(0, min(index, self.row_count - 1)), animate=False)

    def on_resize(self, event: events.Resize) -> None:
        """The selected row stays in sight when the question opens above; more rows are no reason to move."""
        if self.row_count and event.size.height != self._height:
            self.move_cursor(row=self.cursor_row, animate=False)
        self._height = event.size.height

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """Textual does not tell a hidden scroll bar where the table is: it would appear at the top."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell whether it was the person who moved the cursor."""
        event.stop()
        if event.cursor_row != self.cursor_row or self._placed < 0 or self._kept is not None:
            return  # an old message: the cursor is elsewhere by now, or will be
        live = self.cursor_row == self._placed
        if live and self.live:
            return
        self.live = live
        self.post_message(self.Picked(None if live else list(self._rows)[self.cursor_row]))

    def _cells(self, row: RowView) -> list[Text]:
        shape, p, short = self.shape, self._palette, self._short
        assert shape is not None
        assert p is not None

        def answer(given: tuple[str, bool | None] | None) -> Text:
            if given is None:
                return cell("·", p.dim)
            name, mark = given
            sign = "" if mark is None else "✓ " if mark else "✗ "
            style = p.label(name) if name in short else p.bad
            text = cell(sign, p.mark(mark))
            return text.append(fit(short.get(name, name), shape.label), style=rich_style(style))

        agree = f"{row.vote.votes}/{row.voters}" if row.voters > 1 else ""
        known = short.get(row.note.label or "", row.note.label)
        return [
            cell(str(row.number).rjust(NUMBER), p.dim),
            cell(fit(row.name, CASE), p.dim),
            cell(fit(row.prompt, shape.prompt)),
            cell(fit(short.get(row.gold, row.gold), shape.label) if row.gold else "", p.label(row.gold)),
            *map(answer, row.answers),
            cell(agree.rjust(AGREE), p.good if row.unanimous else ""),
            cell(fit(note_text(row.note, known), shape.label + NOTE), p.accent),
        ]
