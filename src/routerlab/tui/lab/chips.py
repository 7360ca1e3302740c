"""The row of chips above the history, each a filter, and the line to search in. What it draws is pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from routerlab.core.text import plural, printable
from routerlab.tui.actions.binding import bindings
from routerlab.tui.actions.registry import LAB_ACTIONS
from routerlab.tui.lab.filters import SIGNS, Filters, Sign
from routerlab.tui.shared.line import Line
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, fit_name, one_line

Value = Literal["label", "arm", "text"]
ChipName = Sign | Value
CHIPS: tuple[ChipName, ...] = (*SIGNS, *get_args(Value))
VALUE = 18
"""Columns of what is written behind a chip's name, at most."""
_KEYS = {action.id: action.keys for action in LAB_ACTIONS if action.place == "chips"}


@dataclass(frozen=True)
class Spot:
    """Where a chip stands, in columns from `start` to before `end`."""

    chip: ChipName
    start: int
    end: int


Lines = list[tuple[list[Part], list[Spot]]]
"""Lines of text, and the chips on each."""


def found_text(listed: int, of: int, filtered: bool, marked: int) -> str:
    """ "240 questions", "12 of 240", "12 of 240 · 3 selected"."""
    count = f"{listed:,} of {of:,}" if filtered else plural(of, "question")
    return f"{count} · {marked:,} selected" if marked else count


def letters(keys: Mapping[str, str]) -> dict[ChipName, str]:
    """The key that turns each chip; `keys` are the settings' own, by action id."""
    return {chip: (_KEYS | dict(keys))[f"chip_{chip}"].partition(",")[0] for chip in CHIPS}


def words(chip: ChipName, filters: Filters) -> str:
    """What the chip says."""
    match chip:
        case "label":
            return f"label {printable(filters.label)}" if filters.label else chip
        case "arm":
            name = printable(filters.arm or "")
            return f"arm {name if len(name) <= VALUE else fit_name(name, VALUE)}" if name else chip
        case "text":
            return f"text “{one_line(filters.text, VALUE)}”" if filters.text.strip() else chip
    return chip


def is_on(chip: ChipName, filters: Filters) -> bool:
    """Whether the chip's filter is on."""
    return chip in filters.signs or words(chip, filters) != chip


def chip_lines(
    filters: Filters,
    said: str,
    at: ChipName | None,
    by_key: Mapping[ChipName, str],
    width: int,
    p: Palette,
) -> Lines:
    """The chips in brackets if they are on, on as many lines as it takes, and what was found behind them.
    `at` is under the cursor; the letter that turns a chip is underlined."""
    lines: Lines = [([], [])]
    used = 0
    for chip in CHIPS:
        text, on = words(chip, filters), is_on(chip, filters)
        size = Content(text).cell_length + 2
        if used + size > width and used:
            lines.append(([], []))
            used = 0
        parts, spots = lines[-1]
        style = f"bold {p.accent}" if on else p.dim
        turned = " reverse" if chip == at else ""
        parts += [
            ("[" if on else " ", style + turned),
            *_underlined(text, by_key.get(chip, ""), style + turned),
            ("]" if on else " ", style + turned),
        ]
        spots.append(Spot(chip, used, used + size))
        used += size
    if used + 1 + len(said) > width:
        lines.append(([], []))
        used = 0
    lines[-1][0].append((said.rjust(width - used), p.warn if filters else p.dim))
    return lines


def _underlined(text: str, letter: str, style: str) -> list[Part]:
    at = text.find(letter) if len(letter) == 1 else -1
    if at < 0:
        return [(text, style)]
    return [(text[:at], style), (letter, f"{style} underline"), (text[at + 1 :], style)]


class ChipRow(Static, can_focus=True):
    """Shows the filters. With the focus, left and right choose a chip."""

    BINDINGS = bindings("chips", LAB_ACTIONS)

    @dataclass
    class Turned(Message):
        """A chip was turned on or off."""

        chip: ChipName

    def __init__(self) -> None:
        super().__init__(id="chips", markup=False)
        self._at = 0
        self._lines: Lines = []
        self._draw: Callable[[ChipName | None], Lines] = lambda at: []
        self._shown = Content()

    def show(self, filters: Filters, said: str, keys: Mapping[str, str], width: int, p: Palette) -> None:
        """Show what is filtered, and what was found; `keys` are the settings' own, by action id."""
        self._draw = lambda at: chip_lines(filters, said, at, letters(keys), width, p)
        self._update()

    def _update(self) -> None:
        self._lines = self._draw(CHIPS[self._at] if self.has_focus else None)
        text = Content("\n").join(Content.assemble(*parts) for parts, _ in self._lines)
        if not text.is_same(self._shown):
            self._shown = text
            self.update(text)

    def watch_has_focus(self, _has_focus: bool) -> None:
        """The cursor is shown with the focus only."""
        super().watch_has_focus(_has_focus)
        self._update()

    def action_chip_move(self, step: int) -> None:
        """Move the cursor."""
        self._at = (self._at + step) % len(CHIPS)
        self._update()

    def action_chip_turn(self) -> None:
        """Turn the chip under the cursor."""
        self.action_chip(CHIPS[self._at])

    def action_chip(self, chip: ChipName) -> None:
        """Turn a chip on or off."""
        self._at = CHIPS.index(chip)
        self.post_message(self.Turned(chip))

    def on_click(self, event: events.Click) -> None:
        """Turn the chip that was clicked."""
        x, y = event.x - self.gutter.left, event.y - self.gutter.top
        for spot in self._lines[y][1] if 0 <= y < len(self._lines) else ():
            if spot.start <= x < spot.end:
                self.action_chip(spot.chip)


class SearchLine(Input):
    """Words to find, which filter as they are typed."""

    BINDINGS = bindings("search", LAB_ACTIONS)

    @dataclass
    class Ended(Message):
        """The person is done; the words stay, or not."""

        keep: bool

    def action_search_keep(self) -> None:
        """Done, with the words."""
        self.post_message(self.Ended(True))

    def action_search_drop(self) -> None:
        """Done, and as it was before."""
        self.post_message(self.Ended(False))


class Search(Horizontal):
    """The line to search in, and what was found."""

    def __init__(self) -> None:
        super().__init__(id="search")

    def compose(self) -> ComposeResult:
        """The words, and the count behind them."""
        yield Static("/")
        yield SearchLine(
            compact=True, select_on_focus=False, placeholder="words of the prompt, or a case's id"
        )
        yield Line("found")
