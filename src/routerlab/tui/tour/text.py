"""What the tour says, in five lines at most. Pure functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.content import Content

from routerlab.core.text import plural, printable
from routerlab.study.figures.tally import Standing
from routerlab.tui.lab.standings import word
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, one_line, row
from routerlab.tui.shared.wrap import wrapped
from routerlab.tui.tour.steps import TOTAL

LINES = 5
"""Lines of the tour, its head included, and where the terminal is lower than this many rows, only two."""
LOW = 24
NEXT = (
    "Next: routerlab lab --session FILE goes on; routerlab report FILE has all",
    "figures; routerlab annotate FILE is for more labels. F1 lists the keys.",
)


def tour_text(
    at: int, title: str, lines: Sequence[Content], keys: tuple[str, str], done: bool, width: int, p: Palette
) -> Content:
    """The head, which says how far it is, and the two keys of the tour (on, end); below it the lines."""
    head: list[Part] = [(f"Tour {at + 1}/{TOTAL} ", p.dim), ("✓ " if done else "", p.good), (title, "bold")]
    style = f"bold {p.accent}"
    on = [(keys[0], style), (" goes on" if done else " skips", "bold" if done else p.dim)]
    end = [("Esc ", style), (keys[1], style), (" ends it", p.dim)]
    used = sum(len(text) for text, _ in head)
    side = row([on, end], "  ", max(0, width - used - 2))
    gap = " " * max(2, width - used - sum(len(text) for text, _ in side))
    return Content("\n").join([Content.assemble(*head, gap, *side), *lines])


def words(text: str, width: int, lines: int) -> list[Content]:
    """The words of a step, as far as they have room."""
    return [Content(line) for line in [*wrapped(text, width)][:lines]]


def missing_text(missing: Sequence[str], key: str, width: int, p: Palette) -> list[Content]:
    """That models are not here, and how to get them; nothing where none is missing."""
    text = f"{' and '.join(missing)} not here: {key} pulls what is missing; F3 leads back, where it joins"
    return [Content.styled(one_line(text, width), p.warn)] if missing else []


def end_text(
    standings: Mapping[str, Standing], labels: int, path: Path | None, width: int, p: Palette
) -> list[Content]:
    """The verdict of the sitting, where it is saved, and what to do next, in four lines."""
    said: list[list[Part]] = [
        [(f"{printable(name)} ", ""), word(found, p)] for name, found in standings.items()
    ]
    count = f"{plural(labels, 'label')} of yours"
    where = f"With {count}, saved in {path}" if path else "Nothing was asked, so nothing is saved"
    return [
        Content.assemble(*row(said, ", ", width)),
        Content(one_line(where, width)),
        *(Content.styled(one_line(line, width), p.dim) for line in NEXT),
    ]


def next_commands(path: Path) -> str:
    """The three commands that come next, for the end of the app."""
    lab, report, annotate = f"lab --session {path}", f"report {path}", f"annotate {path}"
    return f"go on with `routerlab {lab}`, `routerlab {report}` or `routerlab {annotate}`"
