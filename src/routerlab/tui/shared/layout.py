"""How much room the panels get: a pure function of the terminal's size and the number of arms."""

from dataclasses import dataclass
from math import ceil
from typing import Literal

Density = Literal["full", "dense", "brief", "split", "line"]
NARROW = 100
MIN_WIDTH = 30
MAX_BARS = 12
HISTORY = 7
"""Lines the history keeps before panels may grow: a header, a few questions."""


@dataclass(frozen=True)
class Layout:
    """`columns` of panels, each `height` lines high with its border; `rows` lines go to them all."""

    columns: int
    density: Density
    height: int
    rows: int


View = Literal["table", "card", "matrix"]
"""How the arms' answers stand: a row an arm beside the question, a card an arm, a sign a question."""
WIDE = 140
"""Columns from which the question has room beside the history."""
LEAST_HISTORY = 4
"""Lines that are left of the history where a person opens the question."""


@dataclass(frozen=True)
class Places:
    """Who gets what room: the question in focus `beside` the history (columns) or `above` it (lines), 0 where
    it is closed, and `upper` lines for cards or the matrix."""

    beside: int = 0
    above: int = 0
    upper: int = 0

    @property
    def open(self) -> bool:
        """Whether the question is there."""
        return bool(self.beside or self.above)


def places(width: int, room: int, arms: int, view: View, wanted: bool | None) -> Places:
    """Where things are in `room` lines below the standings; `wanted` is whether a person opened the question
    or closed it, None where it is open if it has the room."""
    wide = width >= WIDE
    fits = wide or room >= HISTORY + arms + 6
    shown = wanted if wanted is not None else view != "card" and fits and (wide or view == "table")
    upper = 0 if view == "table" else max(0, room - HISTORY)
    if not shown:
        return Places(upper=upper)
    if wide:
        return Places(beside=min(100, width * 9 // 20), upper=upper)
    spare = room - (LEAST_HISTORY if wanted else HISTORY)
    return Places(above=max(1, min(spare, max(arms + 5, room * 11 // 20))), upper=upper)


def bars(labels: int) -> int:
    """How many bars a panel shows for a taxonomy of so many labels."""
    return min(labels, MAX_BARS)


def panel_height(density: Density, labels: int) -> int:
    """Lines of one panel, border included."""
    shown = bars(labels)
    lines = {"full": shown + 10, "dense": shown + 5, "brief": 4, "split": ceil(shown / 2) + 3, "line": 2}
    return lines[density]


def layout(width: int, room: int, arms: int, labels: int) -> Layout:
    """The roomiest layout for `arms` panels in `room` lines (the history's taken off)."""
    arms = max(1, arms)
    if width < NARROW:
        columns = 1
        choices: tuple[Density, ...] = ("split", "line")
    else:
        columns = arms if width // arms >= MIN_WIDTH else ceil(arms / 2)
        choices = ("full", "dense", "brief")
    lines = ceil(arms / columns)
    density = next((d for d in choices if lines * panel_height(d, labels) <= room), choices[-1])
    height = panel_height(density, labels)
    return Layout(columns, density, height, max(height, min(lines * height, max(room, 2))))
