"""A report for terminals: the same sections and tables, in as many columns as there is room for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from routerlab.core.text import printable
from routerlab.study.report.blocks import Block, Code, Figure, Fold, Grid, Lines, Mark, Section, Table

GAP = 2
"""Columns between two of a table."""
NAME, SHORT = 24, 12
"""Columns of a name before anything else is wrapped; and where only that keeps a table in one piece."""
Styles = Mapping[Mark, str]
"""How marks are coloured, in Rich's words."""


def shown(sections: Iterable[Section], styles: Styles | None = None) -> Iterator[RenderableType]:
    """The sections with their titles; nothing in foreign text is obeyed."""
    for section in sections:
        if parts := list(_drawn(section.blocks, styles or {})):
            yield Text(f"{printable(section.title)}\n", style="bold")
            yield from parts


def _drawn(blocks: Iterable[Block], styles: Styles) -> Iterator[RenderableType]:
    """The blocks, each with a blank line below it."""
    for block in blocks:
        match block:
            case Lines():
                yield Text("\n".join(map(printable, block.lines)) + "\n")
            case Code():
                yield Text(printable(block.text, keep_newlines=True) + "\n")
            case Table():
                yield Fitted(block, styles)
            case Fold() if not block.long:
                yield Text(printable(block.summary), style="italic")
                yield from _drawn(block.blocks, styles)
            case Figure() if block.table:
                yield Text(printable(block.title), style="italic")
                yield Fitted(block.table, styles)
            case Grid():
                yield from _drawn(block.figures, styles)


@dataclass(frozen=True)
class Fitted:
    """A table that is never wider than the terminal: notes go below their figures, long text is folded, and
    columns of figures for which there still is no room follow below, behind the same names."""

    table: Table
    styles: Styles = field(default_factory=dict)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """The table, or its parts, and the caption."""
        for i, part in enumerate(self._parts(options.max_width)):
            if i:
                yield ""
            yield _table(part)
        yield Text(f"{printable(self.table.caption)}\n" if self.table.caption else "", style="italic")

    def _parts(self, width: int) -> Iterator[list["Column"]]:
        """The columns that stand beside each other: the names, and as many figures as there is room for."""
        beside, below = self._columns(beside=True), self._columns(beside=False)
        for columns, name in ((beside, NAME), (below, NAME), (below, SHORT)):
            if _width(columns, name) <= width:
                yield columns
                return
        names, figures = below[: self.table.names], below[self.table.names :]
        part = names
        for column in figures:
            if part != names and _width([*part, column], NAME) > width:
                yield part
                part = names
            part = [*part, column]
        yield part

    def _columns(self, beside: bool) -> list["Column"]:
        heads = self.table.heads or ("",) * max(map(len, self.table.rows), default=0)
        return [
            Column(printable(head), list(self._cells(i, beside)), i < self.table.names)
            for i, head in enumerate(heads)
        ]

    def _cells(self, i: int, beside: bool) -> Iterator[Text]:
        column = [row[i] for row in self.table.rows]
        longest = max((cell_len(printable(cell.note)) for cell in column), default=0)
        for cell in column:
            text = Text(printable(cell.text), style=self.styles.get(cell.mark, ""))
            if beside and longest:
                text.append(f" {set_cell_size(printable(cell.note), longest)}")
            elif cell.note:
                text.append(f"\n{printable(cell.note)}")
            yield text


@dataclass(frozen=True)
class Column:
    """A column of a table: text that `folds`, or figures, which are to the right and stay whole."""

    head: str
    cells: Sequence[Text]
    folds: bool

    @property
    def size(self) -> int:
        """How wide it is when only its heading is wrapped."""
        lines = (line for cell in self.cells for line in cell.plain.split("\n"))
        return max(map(cell_len, [*self.head.split(), *lines]), default=0)


def _width(columns: Sequence[Column], name: int) -> int:
    """How wide a table of these columns is when names are folded at so many columns."""
    sizes = [min(column.size, name) if column.folds else column.size for column in columns]
    return sum(sizes) + GAP * (len(sizes) - 1)


def _table(columns: Sequence[Column]) -> RichTable:
    heads = any(column.head for column in columns)
    table = RichTable(
        box=SIMPLE_HEAD, show_edge=False, show_header=heads, padding=(0, 1, 0, 0), pad_edge=False
    )
    for column in columns:
        if column.folds:
            table.add_column(Text(column.head), overflow="fold")
        else:
            table.add_column(Text(column.head), justify="right", overflow="fold", width=column.size)
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table
