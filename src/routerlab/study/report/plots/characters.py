"""Accuracy against P95 in characters, for terminals: the command's and the results screen's."""

from collections.abc import Callable, Sequence
from math import ceil, floor, log10
from typing import Any

from routerlab.core.text import printable
from routerlab.study.figures.result import Analysis
from routerlab.study.report.plots.points import Point, Viable, points, viable
from routerlab.study.report.words import time

SIGNS = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""What stands for the points, in their order; more of them are not drawn."""
Colour = Callable[[Point], Any]
"""How a point is coloured, as plotext says it; None leaves it the terminal's."""


def plot(analysis: Analysis, width: int = 78, height: int = 20) -> str:
    """The plot with its key below, without colours; nothing where no arm has both figures."""
    import plotext

    found = points(analysis)
    if not found:
        return ""
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    plotext.title("accuracy against P95; lines: where arms are viable")
    draw_points(plotext, found, viable(analysis.gates), lambda _: None)
    drawn = str(plotext.uncolorize(plotext.build())).rstrip("\n")
    key = (f"{sign} {printable(p.name)}" for sign, p in zip(SIGNS, found, strict=False))
    return "\n".join([drawn, *key]) + "\n"


def draw_points(plt: Any, found: Sequence[Point], region: Viable, colour: Colour, edge: Any = None) -> None:
    """Draw on a plotext figure that is empty: a sign a point over the interval of its accuracy, lines where
    the viable region ends. Times are drawn by their logarithms."""
    found = found[: len(SIGNS)]
    times = [p.p95 for p in found] + ([region.p95] if region.p95 else [])
    low, high = floor(log10(min(times)) * 2) / 2, ceil(log10(max(times)) * 2) / 2 + 0.05
    least = min([p.low for p in found] + ([region.accuracy] if region.accuracy is not None else []))
    bottom = floor(least * 10) / 10
    plt.xlim(low, high)
    plt.ylim(bottom, 1.0)
    decades = range(ceil(low), floor(high) + 1)
    plt.xticks(list(decades), [time(10.0**n) for n in decades])
    tenths = [n / 10 for n in range(round(bottom * 10), 11)]
    plt.yticks(tenths, [f"{n:.1f}" for n in tenths])
    plt.xlabel("P95")
    if region.accuracy is not None:
        plt.plot([low, high], [region.accuracy] * 2, marker="braille", color=edge)
    if region.p95:  # at 0 there is no logarithm
        plt.plot([log10(region.p95)] * 2, [bottom, 1.0], marker="braille", color=edge)
    for p in found:
        plt.plot([log10(p.p95)] * 2, [p.low, p.high], marker="braille", color=colour(p))
    for sign, p in zip(SIGNS, found, strict=False):
        plt.scatter([log10(p.p95)], [p.accuracy], marker=sign, color=colour(p))
