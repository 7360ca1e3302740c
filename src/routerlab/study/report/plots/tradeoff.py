"""The plane of quality and cost: every way of routing, and what random mixes of models get for the money."""

import numpy as np
from matplotlib.ticker import FuncFormatter

from routerlab.study.outcome.analysis.frontier import envelope
from routerlab.study.outcome.analysis.result import OutcomeResult, Standing
from routerlab.study.report.plots.latency import WIDTH
from routerlab.study.report.plots.svg import ACCENT, BAD, GOOD, INK, MIDDLE, PAPER, SOFT, drawing
from routerlab.study.report.words import money

_SHAPE = {"model": "s", "control": "s", "oracle": "^"}
_COLOUR = {"model": INK, "control": INK, "random": SOFT, "oracle": GOOD, "direct": BAD}
_BESIDE = ((11, 10), (-11, 10), (11, -10), (-11, -10), (0, 16), (0, -16), (17, 0), (-17, 0))


def plane(name: str, result: OutcomeResult) -> str:
    """The figure; numbers are those of the policies that have a cost, in their order."""
    found = [one for one in result.policies if one.cost]
    with drawing(name, WIDTH, 460) as d:
        ax = d.figure.subplots()
        ax.set_xlabel(f"{result.currency} per 1,000 tasks")
        ax.set_ylabel("mean score")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: money(x) if x else "0"))
        models = [one for one in found if one.kind == "model"]
        cost = np.array([_cost(one) for one in models])
        at = np.unique(np.concatenate([cost, np.linspace(cost.min(), cost.max(), 50)]))
        ax.plot(at, envelope(cost, np.array([one.quality.value for one in models]), at), color=SOFT, lw=1.2)
        for one in found:
            colour = _COLOUR.get(one.kind, ACCENT)
            q, c = one.quality, one.cost
            if q.low is not None and q.high is not None and one.kind != "random":
                ax.plot([_cost(one)] * 2, [q.low, q.high], color=colour, alpha=0.35)
            if c and c.low is not None and c.high is not None and one.kind != "random":
                ax.plot([c.low, c.high], [q.value] * 2, color=colour, alpha=0.35)
            fill = PAPER if one.kind == "random" else colour
            shape = _SHAPE.get(one.kind, "o")
            ax.plot([_cost(one)], [q.value], shape, ms=8, mfc=fill, mec=colour, mew=1.6, zorder=3)
        ax.margins(0.08)
        d.figure.draw_without_rendering()
        points = ax.transData.transform([(_cost(one), one.quality.value) for one in found])
        taken = [(float(x), float(y)) for x, y in points]
        for i, one in enumerate(found, 1):
            x, y = taken[i - 1]
            dx, dy = min(
                _BESIDE,
                key=lambda step: sum(
                    max(0.0, 16.0 - float(np.hypot(x + step[0] - a, y + step[1] - b))) for a, b in taken
                ),
            )
            taken.append((x + dx, y + dy))
            place = (_cost(one), one.quality.value)
            ax.annotate(str(i), place, (dx, dy), textcoords="offset points", color=INK, **MIDDLE)
    return d.svg


def _cost(one: Standing) -> float:
    assert one.cost
    return one.cost.value
