"""The flow of a trial's sessions as a diagram: what was generated, and what became of it, an arm a column.

After K. F. Schulz, D. G. Altman and D. Moher, "CONSORT 2010 statement", BMJ 340 (2010), c332.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from routerlab.study.report.plots.svg import FAINT, INK, MIDDLE, SOFT, WARN, drawing, short
from routerlab.study.trial.analysis.result import ArmFlow, Flow

COLUMN, BOX = 216, 196
"""Pixels from one arm to the next, and of its boxes."""
LINE, PAD, GAP = 16, 9, 24
"""Pixels of a line of text, of the room around it, and between two boxes."""
LETTERS = 25
"""Letters on a line of a box, whatever the letters."""
MOST = 6
"""Exclusions that are named; the text of the flow has them all."""


@dataclass(frozen=True)
class Step:
    """A box's lines, and above it those that say who did not come this far."""

    lines: tuple[str, ...]
    lost: tuple[str, ...] = ()


def consort(name: str, flow: Flow) -> str:
    """The diagram as SVG, from the top down."""
    columns = [list(_steps(arm)) for arm in flow.arms]
    rows = list(zip(*columns, strict=True))
    first = Step((f"generated: {flow.generated} sessions",))
    out = tuple(_excluded(flow))
    tall = [max(_height(step.lines) for step in row) for row in rows]
    gaps = [GAP + max(LINE * len(step.lost) for step in row) for row in rows]
    top = _height(first.lines)
    aside = _height(out) + 2 * GAP - GAP if out else 0
    wide, high = max(COLUMN * len(columns), 2 * COLUMN), top + aside + sum(tall) + sum(gaps) + 8
    with drawing(name, wide, high) as d:
        d.figure.set_layout_engine("none")
        ax = d.figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, wide), ylim=(high, 0))
        ax.axis("off")
        middle, y = wide / 2, 2.0
        _box(ax, middle, y, top, first.lines)
        y += top
        if out:
            _box(ax, middle + COLUMN / 2 + GAP / 2, y + GAP / 2, _height(out), out, WARN)
            _line(ax, [middle, middle], [y, y + aside])
            _line(ax, [middle, middle + COLUMN / 2 + GAP / 2 - BOX / 2], [y + aside / 2] * 2)
            y += aside
        at = [(i + 0.5) * wide / len(columns) for i in range(len(columns))]
        half = y + gaps[0] / 2
        _line(ax, [middle, middle], [y, half])
        _line(ax, [at[0], at[-1]], [half, half])
        for row, step_height, gap in zip(rows, tall, gaps, strict=True):
            for x, step in zip(at, row, strict=True):
                start = half if row is rows[0] else y
                _arrow(ax, x, start, y + gap)
                for i, text in enumerate(step.lost):
                    ax.text(x + 7, y + GAP / 2 + LINE * (i + 0.5), text, color=WARN, va="center", size=11)
                _box(ax, x, y + gap, step_height, step.lines)
            y += gap + step_height
    return d.svg


def _steps(arm: ArmFlow) -> Iterator[Step]:
    """An arm's boxes; every arm has as many."""
    yield Step((*_wrapped(short(arm.arm, 2 * LETTERS)), f"assigned {arm.assigned}"))
    yield Step((f"sent {arm.sent}",), _lost(arm, "sent"))
    yield Step((f"answered {arm.answered}",), _lost(arm, "answered"))
    parsed = "no label to parse" if arm.parsed is None else f"parsed {arm.parsed}"
    yield Step((parsed,), _lost(arm, "parsed"))
    yield Step((f"analysed {arm.analysed}",))


def _lost(arm: ArmFlow, before: str) -> tuple[str, ...]:
    found = [f"-{loss.n}: {loss.reason}" for loss in arm.lost if loss.before == before]
    return tuple(line for text in found for line in _wrapped(short(text, 4 * LETTERS), LETTERS - 9))


def _excluded(flow: Flow) -> Iterator[str]:
    if not flow.excluded:
        return
    n = len(flow.excluded)
    yield f"excluded: {n} case{'s' if n > 1 else ''}"
    for case, why in list(flow.excluded.items())[:MOST]:
        yield from _wrapped(short(f"{case}: {why}", 3 * LETTERS))
    if n > MOST:
        yield f"and {n - MOST} more"


def _wrapped(text: str, width: int = LETTERS) -> list[str]:
    return wrap(text, width, break_on_hyphens=False) or [""]


def _height(lines: Sequence[str]) -> int:
    return LINE * len(lines) + 2 * PAD


def _box(ax: Axes, x: float, y: float, height: float, lines: Sequence[str], edge: str = SOFT) -> None:
    """A box whose top is at y, its text in the middle."""
    shape = FancyBboxPatch(
        (x - BOX / 2, y), BOX, height, boxstyle="round,pad=0,rounding_size=5", fc="none", ec=edge, lw=1
    )
    ax.add_patch(shape)
    for i, text in enumerate(lines):
        at = y + height / 2 + LINE * (i + 0.5 - len(lines) / 2)
        ax.text(x, at, text, color=INK, **MIDDLE)


def _line(ax: Axes, xs: Sequence[float], ys: Sequence[float]) -> None:
    ax.plot(xs, ys, color=FAINT, lw=1.5)


def _arrow(ax: Axes, x: float, start: float, end: float) -> None:
    _line(ax, [x, x], [start, end])
    ax.plot([x - 4, x, x + 4], [end - 6, end - 1, end - 6], color=FAINT, lw=1.5)
