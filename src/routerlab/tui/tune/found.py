"""What a tuning found: methods in a table, the learning curve, what annotations changed, notes."""

from collections.abc import Sequence
from math import ceil, log10

from rich.text import Text
from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static

from routerlab.core.taxonomy import short_labels
from routerlab.core.text import plural, printable
from routerlab.engine.contract.router import Row
from routerlab.tui.shared.layout import NARROW
from routerlab.tui.shared.palette import Palette, cell, rich_style
from routerlab.tui.shared.text import abbreviations, fit, milliseconds, one_line, probability
from routerlab.tui.tune.process import Learned, Outcome, Point

METHOD = 29
PART = ", on "
"""In the name of a row: on one corpus of several."""
NUMBERS = (("n", 4), ("accuracy", 12), ("hard", 4), ("ECE", 5), ("P50", 7), ("P95", 7))
LABEL = (17, 11)
"""Columns of a label among the changes: in a wide and in a narrow terminal."""
SHOWN = 200
"""Changed prompts that are listed at most."""


class Cells(DataTable[Text]):
    """A table to read: it takes no focus, its parent scrolls."""

    can_focus = False

    def __init__(self, name: str) -> None:
        super().__init__(id=name, show_cursor=False, cell_padding=0)

    def fill(self, columns: Sequence[tuple[str, int]], rows: Sequence[Sequence[Text]]) -> None:
        """Show these rows under these columns (heading, width), a space between; hide when there is none."""
        self.display = bool(rows)
        self.clear(columns=True)
        for heading, width in columns:
            self.add_column(Text(fit(heading, width), end=""), width=width + 1)
        for row in rows:
            self.add_row(*row)


class Found(VerticalScroll):
    """Scrolls where it must; away while there is nothing."""

    def __init__(self) -> None:
        super().__init__(id="found")
        self._shown: Outcome | None = None

    def compose(self) -> ComposeResult:
        """What was learned, then what was measured, then notes."""
        from textual_plotext import PlotextPlot  # not when the lab opens: it takes 30 ms

        yield Static(id="learned", markup=False)
        yield Cells("changed")
        with Container(id="measured"):
            yield Cells("methods")
            yield PlotextPlot(id="curve")
        yield Static(id="notes", markup=False)

    def show(
        self,
        outcome: Outcome | None,
        title: str,
        labels: Sequence[str],
        p: Palette,
        width: int,
        again: bool = False,
    ) -> None:
        """Draw the outcome, if it is another one or `again`; the title above it where nothing was learned."""
        if outcome is self._shown and not again:
            return
        self._shown = outcome
        self.display = outcome is not None
        if outcome is None:
            return
        learned = self.query_one("#learned", Static)
        learned.display = bool(outcome.learned or title)
        said = learned_text(outcome.learned, p) if outcome.learned else Content.styled(title, "bold")
        learned.update(said)
        self.query_one("#changed", Cells).fill(*changed_cells(outcome.learned, labels, p, width))
        self.query_one("#methods", Cells).fill(*method_cells(outcome.rows, p))
        self._plot(outcome.curve, p)
        self.query_one("#notes", Static).update(
            Content.styled("\n".join(f"· {printable(note)}" for note in outcome.notes), p.dim)
        )

    def _plot(self, points: Sequence[Point], p: Palette) -> None:
        from textual_plotext import PlotextPlot

        plot = self.query_one(PlotextPlot)
        plot.display = len(points) > 1
        ansi = self.app.native_ansi_color
        plot.theme = "textual-clear" if ansi else "auto"
        plt = plot.plt
        plt.clear_data()
        # Logarithms taken here: plotext's own log axis takes them once more at every draw.
        sizes = [log10(max(1, point.n)) for point in points]
        plt.title("accuracy by labelled cases")
        plt.xticks(sizes, [str(point.n) for point in points])
        low = int(10 * min((point.low for point in points), default=0.0))
        high = ceil(10 * max((point.high for point in points), default=1.0))
        tenths = [n / 10 for n in range(low, high + 1)]
        plt.ylim(tenths[0], tenths[-1])
        plt.yticks(tenths, [probability(n)[:2] for n in tenths])
        for values, colour in (
            ([point.low for point in points], p.faint),
            ([point.high for point in points], p.faint),
            ([point.accuracy for point in points], p.accent),
        ):
            plt.plot(sizes, values, marker="braille", color="default" if ansi else Color.parse(colour).rgb)
        plot.refresh()


def method_cells(rows: Sequence[Row], p: Palette) -> tuple[list[tuple[str, int]], list[list[Text]]]:
    """The table of methods; the most accurate one is bold, on all its cases."""
    best = max((row.accuracy for row in rows if PART not in row.method), default=0.0)

    def cells(row: Row) -> list[Text]:
        interval = f"{probability(row.accuracy)} {probability(row.low)}-{probability(row.high)}"
        numbers = [
            str(row.n),
            interval,
            probability(row.hard),
            "-" if row.ece is None else f"{row.ece:.3f}".removeprefix("0"),
            milliseconds(row.p50),
            milliseconds(row.p95),
        ]
        style = f"bold {p.accent}" if row.accuracy == best and PART not in row.method else ""
        figures = [number.rjust(width) for (_, width), number in zip(NUMBERS, numbers, strict=True)]
        return [cell(text, style) for text in (one_line(row.method, METHOD), *figures)]

    heads = [("method", METHOD), *((name.rjust(width), width) for name, width in NUMBERS)]
    return heads, [cells(row) for row in rows]


def learned_text(learned: Learned, p: Palette) -> Content:
    """What the annotations were good for."""
    better = learned.after - learned.before
    colour = p.good if better > 0 else p.bad if better < 0 else p.dim
    n = len(learned.changed)
    changed = f"   {plural(n, 'label')} changed" + (f", {SHOWN} of them shown" if n > SHOWN else "")
    return Content.assemble(
        (f"learned from {plural(learned.added, 'annotation')}", "bold"),
        ("   accuracy ", p.dim),
        (f"{probability(learned.before)} → {probability(learned.after)}", f"bold {colour}"),
        (changed, p.dim),
    )


def changed_cells(
    learned: Learned | None, labels: Sequence[str], p: Palette, width: int
) -> tuple[list[tuple[str, int]], list[list[Text]]]:
    """The prompts whose label changed, with right and wrong before and after."""
    size = LABEL[width < NARROW]
    short = abbreviations(short_labels(labels), size)
    prompt = max(16, width - 3 - 3 * (size + 3) - 1)

    def label(name: str, gold: str | None = None) -> Text:
        right = None if gold is None else name == gold
        sign = "" if right is None else "✓ " if right else "✗ "
        text = cell(sign, p.mark(right))
        return text.append(fit(short.get(name, printable(name)), size), style=rich_style(p.label(name)))

    rows = [
        [
            cell(one_line(change.prompt, prompt)),
            label(change.gold),
            label(change.before, change.gold),
            label(change.after, change.gold),
        ]
        for change in (learned.changed[:SHOWN] if learned else ())
    ]
    return [("prompt", prompt), ("gold", size), ("before", size + 2), ("after", size + 2)], rows
