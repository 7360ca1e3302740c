"""Small figures of one arm: what it confuses with what, and whether its confidence means anything."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.ticker import MultipleLocator, PercentFormatter

from routerlab.study.figures.arm import ArmFigures, Calibration
from routerlab.study.report.plots.svg import ACCENT, BAD, FAINT, GOOD, INK, MIDDLE, SOFT, drawing, short
from routerlab.study.report.words import count

NUMBERED = 10
"""Labels up to which the cells of a confusion matrix have room for numbers."""
DEEPEST = 0.6
"""How opaque a cell is in which all cases of a label are: the text on it must stay legible."""
NO_LABEL = "(no label)"


def confusion(name: str, arm: ArmFigures, labels: Sequence[str]) -> str:
    """Gold in rows, answers in columns; the deeper a cell, the larger its share of the row."""
    unlabelled = [None] if any(cell.label is None for cell in arm.confusion) else []
    answers = [*labels, *unlabelled]
    across = {answer: i for i, answer in enumerate(answers)}
    n = np.zeros((len(labels), len(answers)))
    for cell in arm.confusion:
        n[across[cell.gold], across[cell.label]] = cell.n
    rows = n.sum(axis=1, keepdims=True)
    shares = np.divide(n, rows, out=np.zeros_like(n), where=rows > 0)
    right = np.eye(len(labels), len(answers), dtype=bool)
    cell_size = 38 if len(labels) <= NUMBERED else 16
    wide, high = 190 + cell_size * len(answers), 100 + cell_size * len(labels)
    with drawing(name, wide, high) as d:
        ax = d.figure.subplots()
        ax.grid(False)
        for colour, mask in ((GOOD, ~right), (BAD, right)):
            deep = LinearSegmentedColormap.from_list(
                colour, [(*to_rgb(colour), 0.0), (*to_rgb(colour), DEEPEST)]
            )
            ax.pcolormesh(np.ma.masked_array(shares, mask | (n == 0)), cmap=deep, vmin=0, vmax=1)
        if len(labels) <= NUMBERED:
            for (row, column), value in np.ndenumerate(n):
                if value:
                    ax.text(column + 0.5, row + 0.5, count(round(value, 1)), color=INK, **MIDDLE)
        names = [short(label, 20) for label in labels]
        said = [*names, NO_LABEL][: len(answers)]
        ax.set_xticks(np.arange(len(answers)) + 0.5, said, rotation=45, ha="left", rotation_mode="anchor")
        ax.set_yticks(np.arange(len(labels)) + 0.5, names)
        ax.xaxis.tick_top()
        for edge in range(len(labels) + 1):
            ax.axhline(edge, color=FAINT, lw=0.8)
        for edge in range(len(answers) + 1):
            ax.axvline(edge, color=FAINT, lw=0.8)
        ax.set_ylim(len(labels), 0)
        ax.set_aspect("equal")
        ax.spines[:].set_visible(False)
    return d.svg


def confidence(name: str, found: Calibration, limit: float | None) -> str:
    """Left: accuracy of answers by their confidence. Right: accuracy of the most confident answers, by their
    share of all; dashed: of the most familiar; dotted: of the most confident that are not unfamiliar. `limit`
    is the accuracy that a gate asks for."""
    with drawing(name, 460, 250) as d:
        ax, kept = d.figure.subplots(1, 2)
        ax.set_title("accuracy by confidence")
        ax.plot([0, 1], [0, 1], color=SOFT, lw=0.8, ls="--")
        full = [b for b in found.bins if b.n]
        ax.bar(
            [(b.low + b.high) / 2 for b in full],
            [b.n / found.n for b in full],
            [b.high - b.low for b in full],
            color=SOFT,
            alpha=0.25,
        )
        ax.plot(
            [b.confidence for b in full],
            [b.accuracy for b in full],
            "o-",
            color=ACCENT,
            ms=4,
            lw=1.4,
            clip_on=False,
        )
        kept.set_title("accuracy by coverage")
        for curve, style in ((found.kept, "-"), (found.by_familiarity, "--"), (found.among_familiar, ":")):
            marker = "o" if len(curve) == 1 else ""
            x, y = [k.coverage for k in curve], [k.accuracy for k in curve]
            colour = ACCENT if style == "-" else INK
            kept.plot(x, y, color=colour, lw=1.4, ls=style, marker=marker, ms=4, clip_on=not marker)
        if limit is not None:
            kept.axhline(limit, color=GOOD, lw=0.8, ls="--")
        for one in (ax, kept):
            one.set_xlim(0, 1)
            one.set_ylim(0, 1.03)
            for axis in (one.xaxis, one.yaxis):
                axis.set_major_locator(MultipleLocator(0.25))
                axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=""))
    return d.svg
