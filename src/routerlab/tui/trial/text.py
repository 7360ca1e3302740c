"""What the trial screen says of a run and of its arms. Pure functions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from textual.content import Content

from routerlab.core.text import printable
from routerlab.study.trial.run.lanes import Lane, Overview, Phase, Stage
from routerlab.study.trial.run.tally import Said
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, duration, fit, fit_name, milliseconds, one_line, row

WIDE = 120
"""Columns from which an arm is a line of a table; else it is two lines."""
NAME = 30
"""Columns an arm's name gets at most."""
PHASE = 11
BAR = 14
GATES = 30
"""Columns of the table that are left to gates and losses; the bars may have the others."""
COLUMNS = (("sessions", 11), ("queued", 7), ("/min", 7), ("P50", 9), ("P95", 9))
"""Figures of the table, with their widths."""
SIGNS: Mapping[Said, str] = {
    "pass": "✓ so far",
    "fail": "✗ so far",
    "undecided": "? so far",
    "too few": "too few",
}


def style_of(word: Stage | Phase | Said, p: Palette) -> str:
    """The colour of a run's stage, an arm's phase, a gate's answer so far."""
    if word in ("sending", "busy"):
        return p.accent
    if word in ("paused", "restarting", "dropped", "undecided"):
        return p.warn
    return {"over": p.good, "done": p.good, "pass": p.good, "failed": p.bad, "fail": p.bad}.get(word, p.dim)


def head_text(name: str, traffic: str, view: Overview, width: int, p: Palette) -> Content:
    """Whose run it is and what it does; how far it is; its load, and what is answered at the end only."""
    serving, queued = sum(one.serving for one in view.lanes), sum(one.queued for one in view.lanes)
    connections = sum(one.connections for one in view.lanes)
    first: list[list[Part]] = [
        [(one_line(name, 40), "bold")],
        [(view.stage, f"bold {style_of(view.stage, p)}")],
        [(traffic, p.dim)],
    ]
    later = ", ".join(
        dict.fromkeys(g for one in view.lanes for g, said in one.gates.items() if said == "at the end")
    )
    load: list[list[Part]] = [
        [
            (f"{serving} of {connections} busy", ""),
            (f", {queued} queued", p.warn if queued > connections else ""),
        ],
        *([[(f"at the end: {later}", p.dim)]] if later else []),
    ]
    lines = [row(first, "   ", width), _progress(view, width, p), row(load, "   ", width)]
    return Content("\n").join(Content.assemble(*line) for line in lines)


def _progress(view: Overview, width: int, p: Palette) -> list[Part]:
    left = f" · {duration(view.left_s)} left" if view.left_s is not None else ""
    tail = f"  {view.over:,}/{view.total:,} sessions · {duration(view.active_s)}{left}"
    return [
        *_bar(view.over, view.total, max(4, width - len(tail)), style_of(view.stage, p), p),
        (tail, ""),
    ]


def _bar(done: int, total: int, width: int, style: str, p: Palette) -> list[Part]:
    full = width * done // total if total else 0
    return [("━" * full, style), ("─" * (width - full), p.faint)]


def lanes_text(lanes: Sequence[Lane], width: int, roomy: bool, p: Palette) -> Content:
    """The arms, each on a line of a table or on two of its own; `roomy` has a blank line between them."""
    longest = max((len(printable(one.arm)) for one in lanes), default=0)
    name = min(NAME, max(8, longest))
    bar = max(BAR, width - name - PHASE - sum(size for _, size in COLUMNS) - GATES - 4)
    lines: list[list[Part]] = [_heads(name, bar, p)] if width >= WIDE else []
    for one in lanes:
        lines += [_table_line(one, name, bar, width, p)] if width >= WIDE else _two_lines(one, name, width, p)
        if one.note:
            lines.append([("  " + one_line(one.note, width - 2), style_of(one.phase, p))])
        if roomy:
            lines.append([])
    return Content("\n").join(Content.assemble(*line) for line in lines)


def _heads(name: int, bar: int, p: Palette) -> list[Part]:
    figures = "".join(head.rjust(size) for head, size in COLUMNS)
    return [(fit("arm", name) + "  " + fit("", PHASE + bar) + figures + "  gates", p.dim)]


def _table_line(one: Lane, name: int, bar: int, width: int, p: Palette) -> list[Part]:
    figures = zip(_figures(one), COLUMNS, strict=True)
    parts: list[Part] = [
        (fit_name(printable(one.arm), name), "bold"),
        ("  " + fit(one.phase, PHASE), style_of(one.phase, p)),
        *_bar(one.over, one.total, bar, style_of("busy", p), p),
        *((text.rjust(size), "") for text, (_, size) in figures),
        ("  ", ""),
    ]
    used = sum(len(text) for text, _ in parts)
    return [*parts, *row([*_gates(one, p), *_lost(one, p)], "  ", width - used)]


def _two_lines(one: Lane, name: int, width: int, p: Palette) -> list[list[Part]]:
    over, queued, rate, p50, p95 = _figures(one)
    room = width - name - PHASE - 2 - 13
    first: list[Part] = [
        (fit_name(printable(one.arm), name), "bold"),
        ("  " + fit(one.phase, PHASE), style_of(one.phase, p)),
        *_bar(one.over, one.total, max(4, room), style_of("busy", p), p),
        (over.rjust(13), ""),
    ]
    groups: list[list[Part]] = [
        [(f"{p50:>8} ", ""), ("P50", p.dim)],
        [(f"{p95:>8} ", ""), ("P95", p.dim)],
        *_gates(one, p),
        [(f"{rate:>5}", ""), ("/min", p.dim)],
        [(f"{queued} ", ""), ("queued", p.dim)],
        *_lost(one, p),
    ]
    return [first, row(groups, "  ", width)]


def _figures(one: Lane) -> tuple[str, str, str, str, str]:
    """As COLUMNS has them."""
    return (
        f"{one.over:,}/{one.total:,}",
        f"{one.queued:,}",
        "-" if one.per_minute is None else f"{one.per_minute:.1f}",
        milliseconds(one.p50),
        milliseconds(one.p95),
    )


def _gates(one: Lane, p: Palette) -> list[list[Part]]:
    """The gates that can be told so far; the head names the others."""
    now = [(gate, said) for gate, said in one.gates.items() if said in SIGNS]
    return [[(f"{gate} ", p.dim), (SIGNS[said], style_of(said, p))] for gate, said in now]


def _lost(one: Lane, p: Palette) -> list[list[Part]]:
    return [[(f"{n} {status}", p.warn)] for status, n in one.lost.items()]


def ended_text(how: str, path: Path | None, p: Palette) -> Content:
    """How the run ended, and what to do now; nothing while it goes on."""
    if not how:
        return Content()
    command = f"routerlab trial analyze {printable(str(path))}"
    return Content.assemble(
        ("over: ", f"bold {p.good}"),
        (f"{printable(how)}\n", ""),
        (command, "bold"),
        (" shows the result, ", p.dim),
        ("F5", "bold"),
        (" its figures; ", p.dim),
        ("q", "bold"),
        (" leaves", p.dim),
    )


def log_text(lines: Sequence[tuple[float, str]], p: Palette) -> Content:
    """What was told, each line after the time since the screen was opened."""
    said = []
    for at, line in lines:
        loud = line.startswith(("deviation", "difference", "leak"))
        parts: list[Part] = [(f"{duration(at):>8}  ", p.dim), (printable(line), p.warn if loud else "")]
        said.append(Content.assemble(*parts))
    return Content("\n").join(said)
