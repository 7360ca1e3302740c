"""Figures of all arms together: accuracy against latency, and how latencies are distributed."""

from collections.abc import Sequence
from math import ceil, floor, hypot, log10, nan

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator, PercentFormatter

from routerlab.core.statistics.quantiles import Convention, of_sorted
from routerlab.study.figures.arm import ArmFigures
from routerlab.study.report.plots.points import Point, Viable
from routerlab.study.report.plots.svg import ACCENT, GOOD, INK, MIDDLE, PAPER, SOFT, WARN, drawing, short
from routerlab.study.report.words import time

WIDTH = 940
"""Pixels of a figure that is as wide as the page."""
RUG = 120
"""Answers of an arm that are drawn one by one, evenly chosen."""
_BESIDE = ((11, 10), (-11, 10), (11, -10), (-11, -10), (0, 16), (0, -16))
"""Where a number may stand beside its point."""
_COLOUR = {"pass": GOOD, "undecided": WARN, "fail": SOFT, None: ACCENT}


def scatter(name: str, found: Sequence[Point], region: Viable) -> str:
    """Accuracy against P95 with intervals, the viable region shaded; numbers are those of the points."""
    with drawing(name, WIDTH, 460) as d:
        ax = d.figure.subplots()
        ends = [end for p in found for end in (p.p95, p.left, p.right) if end]
        _milliseconds(ax, [*ends, region.p95] if region.p95 else ends)
        low = min([p.low for p in found] + ([region.accuracy] if region.accuracy is not None else []))
        ax.set_ylim(max(0.0, floor(low * 10 - 0.5) / 10), 1.03)
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        ax.set_xlabel("P95 of latency")
        ax.set_ylabel("accuracy")
        _shade(ax, region)
        left, right = ax.get_xlim()
        for p in found:
            colour = _COLOUR[p.viable]
            ax.plot([p.p95, p.p95], [p.low, p.high], color=colour, alpha=0.45)
            for end, edge in ((p.left, left), (p.right, right)):
                across = sorted([p.p95, end or edge])
                ax.plot(across, [p.accuracy] * 2, color=colour, alpha=0.45, ls="-" if end else ":")
            fill = PAPER if p.dominated else colour
            ax.plot([p.p95], [p.accuracy], "o", ms=8, mfc=fill, mec=colour, mew=1.6, zorder=3)
        d.figure.draw_without_rendering()  # the places of numbers follow from those of all else
        _number(ax, found)
    return d.svg


def _milliseconds(ax: Axes, values: Sequence[float], margin: float = 1.4) -> None:
    """A logarithmic axis of times with room for all values."""
    ax.set_xscale("log")
    low, high = min(values, default=1.0), max(values, default=1000.0)
    ax.set_xlim(low / margin, high * margin)
    wide = log10(high / low) > 2
    ax.xaxis.set_major_locator(LogLocator(10, subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=12))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: time(ms)))
    ax.xaxis.set_minor_locator(NullLocator())


def _shade(ax: Axes, region: Viable) -> None:
    if region.accuracy is None and region.p95 is None:
        return
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    x, y = region.p95 or right, region.accuracy or low
    ax.add_patch(Rectangle((left, y), x - left, high - y, facecolor=GOOD, alpha=0.1, lw=0, zorder=0.5))
    if region.accuracy is not None:
        ax.axhline(y, color=GOOD, lw=0.8, ls="--")
    if region.p95 is not None:
        ax.axvline(x, color=GOOD, lw=0.8, ls="--")
    ax.annotate(
        "viable", (left, high), (6, -13), textcoords="offset points", color=GOOD, annotation_clip=False
    )


def _number(ax: Axes, found: Sequence[Point]) -> None:
    """Each point's number beside it, where there is the most room among points and numbers."""
    at = ax.transData.transform([(p.p95, p.accuracy) for p in found])
    taken = [(float(x), float(y)) for x, y in at]

    def crowded(x: float, y: float) -> float:
        return sum(max(0.0, 14.0 - hypot(x - a, y - b)) for a, b in taken)

    for i, p in enumerate(found, 1):
        x, y = taken[i - 1]
        dx, dy = min(_BESIDE, key=lambda step: crowded(x + step[0], y + step[1]))
        taken.append((x + dx, y + dy))
        ax.annotate(str(i), (p.p95, p.accuracy), (dx, dy), textcoords="offset points", color=INK, **MIDDLE)


def latencies(name: str, arms: Sequence[ArmFigures], convention: Convention, limit: float | None) -> str:
    """A box an arm (quartiles, median; whiskers from P5 to P95) over its answers one by one."""
    timed = [(arm.arm, arm.latency) for arm in arms if arm.latency and arm.latency.values[-1] > 0]
    with drawing(name, WIDTH, 60 + 30 * max(2, len(timed))) as d:
        ax = d.figure.subplots()
        seen = [value for _, times in timed for value in times.values if value > 0]
        _milliseconds(ax, [*seen, limit] if limit else seen)
        ax.grid(False, axis="y")
        for row, (_, times) in enumerate(timed):
            step = max(1, ceil(len(times.values) / RUG))
            ticks = times.values[::-step]
            xs = [x for value in ticks for x in (value, value, nan)]
            ys = [y for _ in ticks for y in (row - 0.3, row + 0.3, nan)]
            ax.plot(xs, ys, color=ACCENT, lw=0.8, alpha=0.35)
        marks = (("whislo", 0.05), ("q1", 0.25), ("med", 0.5), ("q3", 0.75), ("whishi", 0.95))
        line = {"color": INK, "lw": 1.1}
        ax.bxp(
            [{key: of_sorted(times.values, q, convention) for key, q in marks} for _, times in timed],
            positions=range(len(timed)),
            orientation="horizontal",
            widths=0.42,
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": ACCENT, "alpha": 0.28, "lw": 0},
            medianprops={"color": INK, "lw": 2},
            whiskerprops=line,
            capprops=line,
        )
        if limit:
            ax.axvline(limit, color=GOOD, lw=0.8, ls="--")
        ax.set_yticks(range(len(timed)), [short(arm) for arm, _ in timed])
        ax.tick_params(axis="y", labelcolor=INK)
        ax.set_ylim(len(timed) - 0.4, -0.6)
        ax.spines["left"].set_visible(False)
    return d.svg
