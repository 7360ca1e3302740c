"""What a report consists of, whatever it is written as: sections of text, tables, figures.

Strings are as they came: html.py and markdown.py escape everything that they write.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Mark = Literal["", "pass", "fail", "undecided"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: `note` is smaller, beside the text; `mark` says how to read it."""

    text: str
    note: str = ""
    mark: Mark = ""


@dataclass(frozen=True)
class Table:
    """`heads` above the columns, the first `names` of which are text, to the left; the rest are figures.

    Without heads it is a list of facts: names and values. One that is `searched` has a field for it.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    names: int = 1
    caption: str = ""
    searched: bool = False
    kind: Literal["table"] = "table"

    @property
    def noted(self) -> tuple[bool, ...]:
        """Of each column of figures, whether a cell has a note: then notes are a column of their own."""
        columns = max((len(row) for row in self.rows), default=0)
        return tuple(any(row[i].note for row in self.rows) for i in range(self.names, columns))


@dataclass(frozen=True)
class Figure:
    """`draw` makes the SVG, whose text `says` in words; `title` stands above, `caption` below.

    `key` are the names of what the figure has numbers for, from 1; `table` says it where nothing is drawn.
    """

    name: str
    says: str
    draw: Callable[[], str]
    title: str = ""
    caption: str = ""
    key: tuple[str, ...] = ()
    table: Table | None = None
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True)
class Grid:
    """Small figures of one kind, beside each other; `caption` is about all."""

    figures: tuple[Figure, ...]
    caption: str = ""
    kind: Literal["grid"] = "grid"


@dataclass(frozen=True)
class Lines:
    """Sentences, one below the other."""

    lines: tuple[str, ...]
    kind: Literal["lines"] = "lines"


@dataclass(frozen=True)
class Code:
    """Text that keeps its lines and spaces."""

    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True)
class Fold:
    """Blocks that are looked at when somebody asks for them; closed at first where that can be, and left out
    of a terminal if they are `long`."""

    summary: str
    blocks: "tuple[Block, ...]"
    long: bool = False
    kind: Literal["fold"] = "fold"


@dataclass(frozen=True)
class Answer:
    """What an arm answered to a case; `note`: how sure and how fast."""

    arm: str
    text: str
    mark: Mark
    note: str


@dataclass(frozen=True)
class Asked:
    """A case and every arm's answer.

    `labels` are the places of gold and answers among all labels, `wrong` those of arms that were; `split`:
    they do not all say the same.
    """

    name: str
    gold: str
    prompt: str
    answers: tuple[Answer, ...]
    labels: tuple[int, ...]
    wrong: tuple[int, ...]
    split: bool


@dataclass(frozen=True)
class Cases:
    """Cases to look through on a page; elsewhere they are left out."""

    cases: tuple[Asked, ...]
    labels: tuple[str, ...]
    arms: tuple[str, ...]
    caption: str = ""
    kind: Literal["cases"] = "cases"


Block = Table | Figure | Grid | Lines | Code | Fold | Cases


@dataclass(frozen=True)
class Section:
    """A part of a report; one of `level` 1 begins with the sections after it a report of another result.

    A `detail` is what one asks next: a command shows it on request.
    """

    title: str
    blocks: tuple[Block, ...]
    level: Literal[1, 2] = 2
    detail: bool = False


Row = Sequence[Cell | str]
"""A row as it is given: strings are cells without more."""


def table(
    heads: Sequence[str], rows: Sequence[Row], names: int = 1, caption: str = "", searched: bool = False
) -> Table:
    """The table with these rows."""
    cells = tuple(tuple(Cell(c) if isinstance(c, str) else c for c in row) for row in rows)
    return Table(tuple(heads), cells, names, caption, searched)


def facts(rows: Sequence[tuple[str, str | None]]) -> Table:
    """Names and values; a value that is None or empty is left out."""
    return table((), [(name, value) for name, value in rows if value], names=2)
