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


def bars(labels: int) -> int:
    """How many bars a panel shows for a taxonomy of so many labels."""
    return min(labels, MAX_BARS)


def panel_height(density: Density, labels: int) -> int:
    """Lines of one panel, border included."""
    shown = bars(labels)
    lines = {"full": shown + 12, "dense": shown + 6, "brief": 5, "split": ceil(shown / 2) + 3, "line": 2}
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
