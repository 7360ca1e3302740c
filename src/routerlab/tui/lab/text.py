"""A panel's lines at each density. Pure: from a view and a palette to text, `width` columns wide."""

from collections.abc import Sequence
from dataclasses import replace
from textwrap import wrap

from textual.content import Content

from routerlab.tui.lab.state import Answer, PanelView
from routerlab.tui.shared.layout import Density
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import MARKS, Part, bar, fit, milliseconds, probability

SHORT_HEADS = ("total", "wait", "tok", "fill", "gen")

DOTS = {"ready": "●", "busy": "◐", "starting": "○", "loading": "○", "crashed": "✗", "failed": "✗"} | {
    "stopped": "■"
}


def panel_text(view: PanelView, density: Density, width: int, p: Palette) -> Content:
    """The panel's inside."""
    match density:
        case "full":
            lines = _full(view, width, p)
        case "dense":
            lines = [state_line(view, width, p), *_body(view, width, p), *_tail(view, width, p)]
        case "brief":
            lines = [state_line(view, width, p), _label_line(view, width, p), _figures(view, width, p)]
        case "split":
            lines = _split(view, width, p)
        case "line":
            lines = [_head(view, width, p), _foot(view, width, p)]
    return Content("\n").join(Content.assemble(*line) for line in lines)


def state_style(view: PanelView, p: Palette) -> str:
    """The colour of the arm's state."""
    match view.phase:
        case "ready":
            return p.good
        case "busy" | "starting" | "loading":
            return p.accent
        case "crashed" | "failed":
            return p.bad
        case "stopped":
            return p.dim


def state_line(view: PanelView, width: int, p: Palette) -> list[Part]:
    """ "● ready   CPU 92 MiB · CPU build" or how far the loading is."""
    state = view.phase if view.elapsed is None else f"{view.phase} {view.elapsed} s"
    text = f"{DOTS[view.phase]} {state}"
    if view.phase in ("starting", "loading"):
        text = f"{text}  {view.stage}"
        return [(fit(text, width), state_style(view, p))]
    room = width - len(text) - 2
    return [(text + "  ", state_style(view, p)), (device_text(view, room).rjust(room), p.dim)]


def device_text(view: PanelView, width: int) -> str:
    """Where the model really is, in the longest form that fits; "CPU build" is the last to go."""
    if not view.device:
        return ""
    if not view.layers:
        return fit(view.device, max(0, width))
    layers = view.layers.replace(" layers on GPU", " on GPU")
    forms = (f"{view.device} · {view.layers}", f"{view.device} · {layers}", layers)
    return next((form for form in forms if len(form) <= width), fit(layers, max(0, width)))


def _full(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    state = state_line(replace(view, device=""), width, p)
    lines = [state, [(device_text(view, width), p.dim)], [], *_body(view, width, p), []]
    a = view.answer
    if a and a.status != "refused":
        parts = (a.latency.total, a.latency.queue, a.latency.tokenize, a.latency.prefill, a.latency.generate)
        wide = width >= 40
        heads = ("total", "queue", "tokenize", "prefill", "gen") if wide else SHORT_HEADS
        lines += _table(heads, [_short(ms) for ms in parts], width, p, first="bold")
        lines.append([(fit(_tokens(a), width), p.dim)])
    else:
        lines += [[], [], []]
    f = view.figures
    figures = [str(f.n), _share(f.accuracy), _short(f.p50), _short(f.p95)]
    return [*lines, *_table(("n", "acc", "P50", "P95"), figures, width, p)]


def _table(
    heads: Sequence[str], values: Sequence[str], width: int, p: Palette, first: str = ""
) -> list[list[Part]]:
    cell = width // len(heads)
    styles = [first] + [""] * (len(values) - 1)
    row: list[Part] = [(v[:cell].rjust(cell), s) for v, s in zip(values, styles, strict=True)]
    return [[("".join(h.rjust(cell) for h in heads), p.dim)], row]


def _body(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    """The label and its bars, or what stands in their place, in as many lines whatever is shown."""
    return [_label_line(view, width, p), *_detail(view, width, p)]


def _label_line(view: PanelView, width: int, p: Palette) -> list[Part]:
    a = view.answer
    if a is None:
        return [(fit(_pending(view), width), p.dim)]
    if a.label is None:
        fault = a.status not in ("cancelled", "unrouted")
        return [(fit(f"✗ {a.status}", width), f"bold {p.bad if fault else p.dim}")]
    value = "" if a.probability is None else probability(a.probability)
    label = fit(a.label, width - len(value) - 3)
    return [
        (MARKS[a.mark] + " ", f"bold {p.mark(a.mark)}" if a.mark is not None else p.label(a.label)),
        (label, f"bold {p.label(a.label)}"),
        (" " + value, "bold"),
    ]


def _pending(view: PanelView) -> str:
    if view.phase == "busy":
        return "thinking…"
    if view.waiting:
        return "1 prompt waits" if view.waiting == 1 else f"{view.waiting} prompts wait"
    return "no answer yet" if view.phase == "ready" else ""


def _detail(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    """Bars; or the raw answer; or the loading bar; or the message of a fault and the end of the log."""
    a = view.answer
    if view.phase in ("crashed", "failed") and view.message:
        lines = _wrapped(view.message, width, p.bad, view.bar_lines)
        tail = view.log_tail[len(lines) - view.bar_lines :] if len(lines) < view.bar_lines else ()
        return _pad([*lines, *([(fit(line, width), p.dim)] for line in tail)], view.bar_lines)
    if a is None:
        return _pad(_loading(view, width, p), view.bar_lines)
    if a.probabilities is None:
        claim = "" if a.confidence is None else f"claims confidence {probability(a.confidence)}"
        text = a.error if a.raw is None else a.raw
        lines = _wrapped(text or "", width, p.dim, view.bar_lines - 1)
        return _pad([*lines, [(fit(claim, width), p.dim)]], view.bar_lines)
    return _bars(a, width, p, view.bar_lines)


def _loading(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    if view.fraction is None:
        return _wrapped(view.message, width, p.warn, 3) if view.message else []
    shown = f"{view.fraction:4.0%}"
    size = width - len(shown) - 1
    done = round(size * view.fraction)
    return [[("━" * done, p.accent), ("━" * (size - done), p.faint), (" " + shown, p.dim)]]


def _bars(a: Answer, width: int, p: Palette, room: int) -> list[list[Part]]:
    scores = a.probabilities or ()
    if len(scores) > room:
        best = sorted(sorted(range(len(scores)), key=lambda i: -scores[i][1])[: room - 1])
        more: list[list[Part]] = [[(fit(f"{len(scores) - len(best)} labels less likely", width), p.faint)]]
        scores = tuple(scores[i] for i in best)
    else:
        more = []
    names = min(max(len(name) for name, _ in scores), max(8, width - 13))
    return [bar_line(name, score, a, names, width, p) for name, score in scores] + more


def bar_line(name: str, score: float, a: Answer, names: int, width: int, p: Palette) -> list[Part]:
    """One label: name, bar, probability, and ◂ where the gold label is another one than the predicted."""
    hit = name == a.label
    gold = "◂" if name == a.gold and not hit else " "
    room = max(1, width - names - 6)
    colour = p.label(name)
    return [
        (fit(name, names) + " ", f"bold {colour}" if hit else p.dim),
        (bar(score, room), colour if hit else p.faint),
        (probability(score).rjust(4), "bold" if hit else p.dim),
        (gold, p.good),
    ]


def _tail(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    a = view.answer
    if a is None:
        return [[], _figures(view, width, p)]
    total = milliseconds(a.latency.total)
    rest = f"  {_tokens(a)}"
    return [[(total, "bold"), (fit(rest, width - len(total)), p.dim)], _figures(view, width, p)]


def _figures(view: PanelView, width: int, p: Palette) -> list[Part]:
    f = view.figures
    pieces = [f"n {f.n}"]
    if f.accuracy is not None:
        pieces.append(f"acc {_share(f.accuracy)}")
    if f.p50 is not None:
        pieces += [f"P50 {_short(f.p50)}", f"P95 {_short(f.p95)}"]
    gap = next((g for g in (3, 2, 1) if len((" " * g).join(pieces)) <= width), 1)
    return [(fit((" " * gap).join(pieces), width), p.dim)]


def _tokens(a: Answer) -> str:
    t = a.tokens
    made = f"  wrote {t.generated}" if t.generated else ""
    mass = "" if a.mass is None else f"  mass {probability(a.mass)}"
    return f"{t.evaluated}+{t.cached} tok{made}{mass}"


def _split(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    """The narrow layout with room: two columns of bars under one line of answer, figures below."""
    lines = [_head(view, width, p)]
    room = -(-view.bar_lines // 2)
    a = view.answer
    faulty = view.phase in ("crashed", "failed")
    if a and a.probabilities and not faulty:
        half = (width - 3) // 2
        column = _bars(a, half, p, view.bar_lines)
        for i in range(room):
            right = column[i + room] if i + room < len(column) else []
            lines.append([*column[i], ("   ", ""), *right])
    elif a and not faulty:
        lines += _pad(_wrapped(a.raw or a.error or "", width, p.dim, room), room)
    else:
        lines += _detail(replace(view, bar_lines=room), width, p)
    split = ""
    if a:
        t = a.latency
        split = f"prefill {_short(t.prefill)} gen {_short(t.generate)} queue {_short(t.queue)}  {_tokens(a)}"
    figures = _figures(view, width, p)[0][0].rstrip()
    room_left = width - len(figures) - 2
    return [*lines, [(figures + "  ", p.dim), (fit(split, room_left), p.faint)], _state_short(view, width, p)]


def _head(view: PanelView, width: int, p: Palette) -> list[Part]:
    """Name, label, probability and latency in one line."""
    a = view.answer
    time = "" if a is None or a.label is None else milliseconds(a.latency.total)
    name = min(26, width // 3)
    rest = width - name - 9
    return [(fit(view.name, name), "bold"), *_label_line(view, rest, p), (time.rjust(9), "")]


def _foot(view: PanelView, width: int, p: Palette) -> list[Part]:
    figures = _figures(view, width // 2, p)[0][0].strip()
    room = width - len(figures) - 2
    return [*_state_short(view, room, p), ("  " + figures, p.dim)]


def _state_short(view: PanelView, width: int, p: Palette) -> list[Part]:
    if view.phase in ("crashed", "failed"):
        return [(fit(f"{DOTS[view.phase]} {view.phase}: {view.message}", width), p.bad)]
    if view.phase in ("starting", "loading"):
        done = "" if view.fraction is None else f" {view.fraction:.0%}"
        return [(fit(f"○ {view.phase} {view.elapsed} s  {view.stage}{done}", width), p.accent)]
    state = view.phase if view.elapsed is None else f"{view.phase} {view.elapsed} s"
    text = f"{DOTS[view.phase]} {state}  "
    about = " · ".join(s for s in (view.contract, view.device, view.layers) if s)
    return [(text, state_style(view, p)), (fit(about, width - len(text)), p.dim)]


def _wrapped(text: str, width: int, style: str, room: int) -> list[list[Part]]:
    lines = wrap(text, width, max_lines=max(1, room), placeholder=" …")
    return [[(fit(line, width), style)] for line in lines]


def _pad(lines: list[list[Part]], n: int) -> list[list[Part]]:
    return (lines + [[]] * n)[:n]


def _share(value: float | None) -> str:
    return "-" if value is None else probability(value)


def _short(ms: float | None) -> str:
    if ms is None:
        return "-"
    return milliseconds(ms).removesuffix(" ms").replace(" ", "")
