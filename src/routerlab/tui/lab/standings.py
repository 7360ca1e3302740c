"""Who is viable so far: a line an arm, with what decides it. Pure: from standings to text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.content import Content

from routerlab.core.statistics.gates import Answer, parse_gate
from routerlab.study.figures.arm import GateFigure
from routerlab.study.figures.tally import Standing
from routerlab.tui.lab.state import PanelView
from routerlab.tui.lab.text import DOTS, FAULTY, LOADING, pending, state_short, state_style
from routerlab.tui.lab.times import sparkline, time_bar
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, fit, fit_name, milliseconds, probability

Order = Literal["added", "verdict", "accuracy", "P95", "cost"]
ORDERS: tuple[Order, ...] = ("added", "verdict", "accuracy", "P95", "cost")
"""What the lines may be sorted by: as the arms were added, or the best first."""
WORDS: dict[Answer, str] = {"pass": "✓ viable", "undecided": "? undecided", "fail": "✗ not viable"}
SLOWEST = 2.0
"""A bar of latencies ends at so many times the gate."""
WORD, MOST_NAME = 22, 26
BARS = (7, 30)
"""Columns of an interval's bar, at least and at most."""


@dataclass(frozen=True)
class Column:
    """A column of the table: its head, how wide, and what stands there for an arm."""

    head: str
    width: int
    draw: Callable[[Standing, int], list[Part]]


def standings_text(
    arms: Sequence[tuple[PanelView, Standing | None]], order: Order, width: int, p: Palette
) -> Content:
    """A head, then a line an arm: its word, accuracy and P95 with intervals and gates, and what else fits.

    What decides an arm's word is bold, all else is dim. An arm that has not answered says how it is.
    """
    if not arms:
        return Content()
    name = min(MOST_NAME, max(len(view.name) for view, _ in arms), width // 5) + 2
    columns = _columns([s for _, s in arms if s], width - name - 1, p)
    heads = _heads(columns, order)
    lines = [[(fit(f"  {'arm' if columns else ''}", name) + heads, p.dim)]]
    for view, found in in_order(arms, order):
        parts: list[Part] = [
            (DOTS[view.phase] + " ", state_style(view, p)),
            (fit_name(view.name, name - 2), "bold"),
        ]
        if found is None or view.phase in (*FAULTY, *LOADING):
            parts += [(" ", ""), *_how(view, width - name - 1, p)]
        else:
            for column in columns:
                parts += [(" ", ""), *_sized(column.draw(found, column.width), column.width)]
        lines.append(parts)
    return Content("\n").join(Content.assemble(*line) for line in lines)


def in_order(
    arms: Sequence[tuple[PanelView, Standing | None]], order: Order
) -> list[tuple[PanelView, Standing | None]]:
    """The arms, the best first; those without the figure last."""
    if order == "added":
        return list(arms)
    return sorted(arms, key=lambda arm: _place(arm[1], order))


def _place(found: Standing | None, order: Order) -> tuple[float, float]:
    last = float("inf")
    if found is None:
        return (last, last)
    accuracy = -found.accuracy.value if found.accuracy else last
    match order:
        case "verdict":
            words: list[Answer | None] = [*WORDS, None]
            return (words.index(found.viable), accuracy)
        case "P95":
            return (found.latency.p95.value if found.latency else last, accuracy)
        case "cost":
            return (last if found.counts.per_1000 is None else found.counts.per_1000, accuracy)
    return (accuracy, 0.0)


def _heads(columns: Sequence[Column], order: Order) -> str:
    """The heads, the one that orders marked; each has the room of the nameless columns right of it too."""
    room: list[tuple[str, int]] = []
    for column in columns:
        if column.head or not room:
            room.append((column.head, column.width))
        else:
            room[-1] = (room[-1][0], room[-1][1] + 1 + column.width)
    return "".join(f" {fit(f'{head} ▾' if head.startswith(order) else head, width)}" for head, width in room)


def _how(view: PanelView, width: int, p: Palette) -> list[Part]:
    """The state of an arm that has no figures, or a fault."""
    if view.phase in (*FAULTY, *LOADING):
        return state_short(view, width, p)
    return [(fit(pending(view), width), p.dim)]


def _columns(found: Sequence[Standing], width: int, p: Palette) -> list[Column]:
    """The columns that fit, the most important ones first; what is left over goes to the bars."""
    if not found:
        return []
    verdict = Column("verdict", WORD, lambda s, n: [word(s, p)])
    share = Column("", 11, lambda s, n: _share(s, p))
    p95 = Column("", 7, lambda s, n: [_p95(s, p)])
    span = Column("", 12, lambda s, n: [(_span(_gate(s, "p95")), p.dim)])
    cost = Column("cost/1,000", 12, lambda s, n: [(_cost(s), p.dim)])
    cover = Column("coverage", 8, lambda s, n: [(_coverage(s), p.dim)])
    last = Column("last answers", 14, lambda s, n: [(sparkline(s.counts.last, n), p.dim)])
    time = Column("where the time went", 30, lambda s, n: time_bar(s.counts.parts, n, p))
    costs = [cost] if any(s.counts.per_1000 is not None for s in found) else []
    covers = [cover] if any(s.counts.coverage is not None for s in found) else []
    least = BARS[0]
    chosen = [verdict, share, p95]
    used = sum(c.width + 1 for c in chosen) + 2 * (least + 1)
    for column in (*covers, *costs, span, last, time):
        if used + column.width + 1 <= width:
            chosen.append(column)
            used += column.width + 1
    size = min(BARS[1], least + max(0, width - used) // 2)
    accuracy = Column(
        _title(found, "accuracy", size + 1 + share.width), size, lambda s, n: _bar(_gate(s, "accuracy"), n, p)
    )
    latency = Column(
        _title(found, "p95", size + 1 + p95.width), size, lambda s, n: _bar(_gate(s, "p95"), n, p)
    )
    rest = [column for column in (*covers, *costs, last, time) if column in chosen]
    spans = [span] if span in chosen else []
    return [verdict, accuracy, share, latency, p95, *spans, *rest]


def _gate(found: Standing, metric: str) -> GateFigure | None:
    return next((g for g in found.gates if parse_gate(g.gate).metric == metric), None)


def _title(found: Sequence[Standing], metric: str, width: int) -> str:
    """The figure's name, with its gate where that has room."""
    name = "P95" if metric == "p95" else metric
    gate = _gate(found[0], metric)
    if gate is None:
        return name
    limit = parse_gate(gate.gate).limit
    full = f"{name}, gate {milliseconds(limit) if metric == 'p95' else probability(limit)}"
    return full if len(full) + 2 <= width else name


def word(found: Standing, p: Palette) -> Part:
    """Whether the arm is viable so far, in a word or two."""
    if found.viable is None:
        return ("· no gold label yet", p.dim)
    said = WORDS[found.viable]
    if found.viable == "undecided" and found.more is not None:
        said += f" ({found.more:,} more)"
    return (said, f"bold {colour(found.viable, p)}")


def colour(answer: Answer | None, p: Palette) -> str:
    """The colour of an answer."""
    return {"pass": p.good, "undecided": p.warn, "fail": p.bad}[answer] if answer else p.dim


def _style(found: Standing, metric: str, p: Palette) -> str:
    """Bold in the word's colour for what decides it: the gates that answer as the word does."""
    gate = _gate(found, metric)
    decides = gate is not None and gate.answer == found.viable
    return f"bold {colour(found.viable, p)}" if decides else p.dim


def _share(found: Standing, p: Palette) -> list[Part]:
    if found.accuracy is None:
        return [("-", p.dim)]
    low, high = (probability(end) for end in found.accuracy.wilson)
    return [
        (probability(found.accuracy.value).rjust(3), _style(found, "accuracy", p)),
        (f" {low}-{high}", p.dim),
    ]


def _p95(found: Standing, p: Palette) -> Part:
    value = found.latency.p95.value if found.latency else None
    return (milliseconds(value).rjust(7), _style(found, "p95", p))


def _span(gate: GateFigure | None) -> str:
    """An interval of milliseconds; an end that is open is not there."""
    low, high = (gate.low, gate.high) if gate else (None, None)
    if low is None or high is None:
        return f"over {milliseconds(low)}" if low is not None else f"to {milliseconds(high)}" if high else ""
    first, last = milliseconds(low).split(), milliseconds(high).split()
    return f"{first[0]}-{' '.join(last)}" if first[1] == last[1] else f"{' '.join(first)}-{' '.join(last)}"


def _cost(found: Standing) -> str:
    cost = found.counts.per_1000
    return "-" if cost is None else f"{cost:.3g} {found.counts.currency}".rstrip()


def _coverage(found: Standing) -> str:
    return "-" if found.counts.coverage is None else f"{found.counts.coverage:.0%}"


def _bar(gate: GateFigure | None, width: int, p: Palette) -> list[Part]:
    """An interval on a scale with its gate: full as far as it surely is, then to the figure, then to where it
    may be. A gate that the full part passes is kept."""
    if gate is None or gate.value is None:
        return []
    asked = parse_gate(gate.gate)
    top = 1.0 if asked.metric == "accuracy" else SLOWEST * asked.limit
    low, value, high = (gate.low or 0.0, gate.value, top if gate.high is None else gate.high)
    mark = min(width - 1, int(width * asked.limit / top))
    hue = colour(gate.answer, p)
    return [
        ("┃", "bold")
        if i == mark
        else ("█", hue)
        if (at := (i + 0.5) * top / width) <= low
        else ("▓", hue)
        if at <= value
        else ("░", hue)
        if at <= high
        else (" ", "")
        for i in range(width)
    ]


def _sized(parts: list[Part], width: int) -> list[Part]:
    """Filled up with spaces to the column's width."""
    return [*parts, (" " * max(0, width - sum(len(text) for text, _ in parts)), "")]
