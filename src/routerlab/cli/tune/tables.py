"""What tuning found, for the terminal: the table of methods, the learning curve."""

from collections.abc import Sequence

from rich.table import Table

from routerlab.cli.shared.tables import cell, figures_table, number
from routerlab.core.statistics.calibration import Bin
from routerlab.engine.contract.router import Row, Tried
from routerlab.tune.curve import Point


def rows_table(rows: Sequence[Row]) -> Table:
    """A row a method: accuracy on unseen cases with its interval, hard cases, calibration, times."""
    table = figures_table(
        "accuracy of cases that had no part in fitting or choosing; times in ms",
        ["method"],
        ("n", "acc.", "95 %", "hard", "log-loss", "ECE", "P50", "P95"),
    )
    for r in rows:
        table.add_row(
            cell(r.method),
            str(r.n),
            f"{r.accuracy:.3f}",
            f"{r.low:.2f}-{r.high:.2f}",
            number(r.hard, 2),
            number(r.log_loss, 2),
            number(r.ece, 3),
            number(r.p50, 0),
            number(r.p95, 0),
        )
    return table


def tried_table(tried: Sequence[Tried]) -> Table:
    """A row a way to ask and window: what it costs, and how far it is from the best."""
    table = figures_table(
        "ways to ask; the quickest is taken (*) that is above the best by no more than the error",
        ["", "way to ask"],
        ("window", "prefix", "log-loss", "above best", "error", "ms"),
    )
    for t in tried:
        table.add_row(
            "*" if t.taken else "",
            cell(t.way),
            str(t.window),
            str(t.prefix),
            f"{t.log_loss:.3f}",
            f"{t.above_best:+.4f}",
            f"{t.error:.4f}",
            f"{t.ms:.0f}",
        )
    return table


def reliability_table(bins: Sequence[Bin]) -> Table:
    """A row a bin of confidence: how sure the probe was, how often it was right."""
    table = figures_table(
        "reliability of the probe on unseen cases: the two should be alike",
        (),
        ("confidence", "answers", "mean confidence", "accuracy"),
    )
    for b in bins:
        table.add_row(f"{b.low:.1f}-{b.high:.1f}", str(b.n), f"{b.confidence:.2f}", f"{b.accuracy:.2f}")
    return table


def curve_plot(points: Sequence[Point], width: int = 72, height: int = 14) -> str:
    """Accuracy against the number of labelled cases (logarithmic), as text without colours."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    plotext.title("accuracy on unseen cases, by labelled cases")
    plotext.xscale("log")
    plotext.xticks([p.n for p in points], [str(p.n) for p in points])
    plotext.plot([p.n for p in points], [p.accuracy for p in points], marker="braille")
    plotext.scatter([p.n for p in points], [p.accuracy for p in points])
    return str(plotext.uncolorize(plotext.build()))
