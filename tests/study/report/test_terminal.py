"""A report for terminals: it fits, at any width, and loses no figure on the way."""

import pytest
from rich.console import Console

from routerlab.study.report.blocks import Block, Cell, Code, Figure, Fold, Grid, Lines, Section, table
from routerlab.study.report.contents import of_one
from routerlab.study.report.terminal import shown
from tests.study.report.harness import HOSTILE, SHOWN, subject

HEADS = ("Arm", "Accuracy", "A figure", "Another figure")
ROWS = [
    ("a-name-that-is-longer-than-others:probe", Cell("0.717", "0.59 to 0.81"), "1", "2"),
    ("b", Cell("0.5"), "3", "4"),
]


def written(*blocks: Block, width: int = 80) -> list[str]:
    """The lines of a section with these blocks."""
    console = Console(width=width, markup=False, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(*shown([Section("A title", blocks)]), sep="\n")
    return [line.rstrip() for line in capture.get().splitlines()]


def test_notes_stand_beside_figures_where_there_is_room_and_below_where_not() -> None:
    wide = written(table(HEADS, ROWS, caption="A caption"), width=100)
    assert "a-name-that-is-longer-than-others:probe  0.717 0.59 to 0.81       1        2" in wide
    assert wide[-2:] == ["A caption", ""]
    narrow = written(table(HEADS, ROWS), width=52)
    at = next(i for i, line in enumerate(narrow) if "0.717" in line)
    assert "0.59 to 0.81" not in narrow[at]
    assert "0.59 to 0.81" in narrow[at + 1]


@pytest.mark.parametrize("width", [40, 30, 20])
def test_columns_without_room_follow_behind_the_same_names(width: int) -> None:
    lines = written(table(HEADS, ROWS), width=width)
    assert max(map(len, lines)) <= width
    text = " ".join(" ".join(lines).split())
    for figure in ("0.717", "0.59 to 0.81", "0.5", "1", "2", "3", "4"):
        assert figure in text
    assert sum(line.startswith("b ") for line in lines) == text.count("Arm")


def test_what_is_too_long_or_only_drawn_is_left_out() -> None:
    drawn = Figure("f", "says", lambda: "<svg></svg>", title="drawn")
    told = Figure("g", "says", lambda: "<svg></svg>", title="told", table=table(("x",), [("y",)]))
    text = "\n".join(
        written(
            Fold("open", (Lines(("a line",)),)),
            Fold("closed", (Code("a plan"),), long=True),
            Grid((drawn, told)),
        )
    )
    assert all(words in text for words in ("open", "a line", "told", "y"))
    assert not any(words in text for words in ("closed", "a plan", "drawn", "svg"))
    assert not any(written(drawn))


@pytest.mark.parametrize("width", [80, 50, 200])
def test_a_whole_report_fits_and_foreign_text_is_not_obeyed(width: int) -> None:
    console = Console(width=width, markup=False, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(*shown(of_one(subject(f"{HOSTILE}1", "[red]x[/red]", "wrong"), "r1")), sep="\n")
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x[/red]" in text
    assert width < 200 or SHOWN in text
