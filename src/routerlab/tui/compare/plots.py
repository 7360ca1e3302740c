"""The plots of the compare screen: reliability and latency, on a plotext figure that is empty. A side is told
by its letter, not by its colour alone."""

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any

from routerlab.core.text import plural
from routerlab.study.figures.arm import ArmFigures
from routerlab.tui.shared.text import milliseconds, probability

Named = Sequence[tuple[str, ArmFigures | None, Any]]
"""The letter of each side, its figures, and its colour as plotext says it."""
POINTS = 40
"""Signs along a curve at most."""


def reliability_caption(sides: Named) -> str:
    """What the plot is, and what it comes to."""
    said = ["right against sure: on the line they are as often right as they are sure"]
    for sign, figures, _ in sides:
        found = figures.calibration if figures else None
        if found is None:
            said.append(f"{sign}: no answer with a confidence and a gold label")
            continue
        claims = " (what the model claims)" if found.source == "self-reported" else ""
        surely = "" if found.surely_wrong is None else f", {found.surely_wrong:.0%} surely wrong"
        said.append(
            f"{sign}: {plural(found.n, 'answer')}, sure {probability(found.confidence)}, right "
            f"{probability(found.accuracy)}, calibration error {probability(found.ece)}{surely}{claims}"
        )
    return "\n".join(said)


def draw_reliability(plt: Any, sides: Named, edge: Any) -> None:
    """Share right against confidence, a sign a bin; the line where both are equal."""
    fifths = [n / 5 for n in range(6)]
    plt.xlim(0, 1)
    plt.ylim(0, 1)
    for ticks in (plt.xticks, plt.yticks):
        ticks(fifths, [f"{n:.1f}" for n in fifths])
    plt.xlabel("confidence")
    plt.plot([0, 1], [0, 1], marker="braille", color=edge)
    for sign, figures, colour in sides:
        bins = figures.calibration.bins if figures and figures.calibration else ()
        if bins:
            plt.scatter([b.confidence for b in bins], [b.accuracy for b in bins], marker=sign, color=colour)


def latency_caption(sides: Named) -> str:
    """What the plot is, and what it comes to."""
    said = ["share of the answers that took at most so long"]
    for sign, figures, _ in sides:
        found = figures.latency if figures else None
        said.append(
            f"{sign}: nothing was timed"
            if found is None
            else f"{sign}: {plural(found.n, 'answer')}, P50 {milliseconds(found.p50.value)}, P95 "
            f"{milliseconds(found.p95.value)}, slowest {milliseconds(found.values[-1])}"
        )
    return "\n".join(said)


def draw_latency(plt: Any, sides: Named, edge: Any) -> None:
    """The distribution of the times of each side; their logarithms are taken here, as elsewhere."""
    plt.xlabel("")  # the plot before had one
    curves = [
        (sign, [max(ms, 0.1) for ms in figures.latency.values], colour)
        for sign, figures, colour in sides
        if figures and figures.latency
    ]
    if not curves:
        return
    low = floor(2 * log10(min(values[0] for _, values, _ in curves))) / 2
    high = max(low + 0.5, ceil(2 * log10(max(values[-1] for _, values, _ in curves))) / 2)
    plt.xlim(low, high)
    plt.ylim(0, 1)
    halves = [n / 2 for n in range(round(low * 2), round(high * 2) + 1)]
    plt.xticks(halves, [milliseconds(10.0**n) for n in halves])
    plt.yticks([0, 0.25, 0.5, 0.75, 0.95], ["0", ".25", ".50", ".75", ".95"])
    plt.plot([low, high], [0.95, 0.95], marker="braille", color=edge)
    for sign, values, colour in curves:
        n = len(values)
        at = sorted({round(i * (n - 1) / (POINTS - 1)) for i in range(POINTS)})
        plt.scatter([log10(values[i]) for i in at], [(i + 1) / n for i in at], marker=sign, color=colour)
