"""A panel's lines at each density. Pure: from a view and a palette to text, `width` columns wide."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from textwrap import wrap

from textual.content import Content

from routerlab.core.prediction import Trial
from routerlab.core.text import printable
from routerlab.engine.arms.arm import Phase
from routerlab.tui.lab.known import answered, known, known_line
from routerlab.tui.lab.state import PanelView
from routerlab.tui.shared.layout import Density
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import MARKS, Part, bar, fit, milliseconds, one_line, probability

HEADS = ("total", "queue", "tokenize", "prefill", "gen")
SHORT_HEADS = ("total", "wait", "tok", "fill", "gen")

DOTS: dict[Phase, str] = {
    "starting": "○",
    "loading": "○",
    "ready": "●",
    "busy": "◐",
    "crashed": "✗",
    "failed": "✗",
    "stopped": "■",
}
FAULTY: tuple[Phase, ...] = ("crashed", "failed")
LOADING: tuple[Phase, ...] = ("starting", "loading")
LONGEST = 600
"""Characters of an answer or an error that are looked at."""


def panel_text(view: PanelView, density: Density, width: int, p: Palette) -> Content:
    """The panel's inside."""
    match density:
        case "full":
            lines = _full(view, width, p)
        case "dense":
            lines = [state_line(view, width, p), _label_line(view, width, p)]
            lines += [*_detail(view, width, p), *_tail(view, width, p)]
        case "brief":
            lines = [state_line(view, width, p), _label_line(view, width, p), _figures(view, width, p)]
        case "split":
            lines = _split(view, width, p)
        case "line":
            lines = [_head(view, width, p), _foot(view, width, p)]
    return Content("\n").join(Content.assemble(*line) for line in lines)


def state_style(view: PanelView, p: Palette) -> str:
    """The colour of the arm's state."""
    if view.phase in FAULTY:
        return p.bad
    return {"ready": p.good, "stopped": p.dim}.get(view.phase, p.accent)


def state_line(view: PanelView, width: int, p: Palette) -> list[Part]:
    """ "● ready   CPU 92 MiB · CPU build" or how far the loading is."""
    text = _state(view)
    if view.phase in LOADING:
        return [(fit(f"{text}  {view.stage}", width), state_style(view, p))]
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
    lines = [state, [(device_text(view, width), p.dim)], []]
    lines += [_label_line(view, width, p), *_detail(view, width, p)]
    lines.append(known_line(view.trial, _names(view.labels, width), width, p))
    if view.trial and view.trial.status != "refused":
        t = view.trial.latency_ms
        parts = (t.total, t.queue, t.tokenize, t.prefill, t.generate)
        heads = HEADS if width >= 40 else SHORT_HEADS
        lines += _table(heads, [_short(ms) for ms in parts], width, p, first="bold")
        lines.append([(fit(_tokens(view.trial), width), p.dim)])
    else:
        lines += [[], [], []]
    f = view.figures
    figures = [str(f.n), probability(f.accuracy), _short(f.p50), _short(f.p95)]
    return [*lines, *_table(("n", "acc", "P50", "P95"), figures, width, p)]


def _table(
    heads: Sequence[str], values: Sequence[str], width: int, p: Palette, first: str = ""
) -> list[list[Part]]:
    cell = width // len(heads)
    styles = [first] + [""] * (len(values) - 1)
    row: list[Part] = [(v[:cell].rjust(cell), s) for v, s in zip(values, styles, strict=True)]
    return [[("".join(h.rjust(cell) for h in heads), p.dim)], row]


def _label_line(view: PanelView, width: int, p: Palette) -> list[Part]:
    trial = view.trial
    if trial is None:
        return [(fit(_pending(view), width), p.dim)]
    if trial.label is None:
        fault = trial.status not in ("cancelled", "unrouted")
        return [(fit(f"✗ {trial.status}", width), f"bold {p.bad if fault else p.dim}")]
    # What the model claims of itself stands for a probability where there is none.
    share = trial.confidence if trial.probabilities is None else trial.probabilities.get(trial.label)
    value = "" if share is None else probability(share)
    mark, colour = trial.correct, p.label(trial.label)
    return [
        (MARKS[mark] + " ", colour if mark is None else f"bold {p.mark(mark)}"),
        (fit(answered(trial), width - len(value) - 3), f"bold {p.warn if trial.abstained else colour}"),
        (" " + value, "bold"),
    ]


def _pending(view: PanelView) -> str:
    if view.phase == "busy":
        return "thinking…"
    if view.waiting:
        return "1 prompt waits" if view.waiting == 1 else f"{view.waiting} prompts wait"
    return "no answer yet" if view.phase == "ready" else ""


def _detail(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    """Bars; or the raw answer; or the loading bar; or the message of a fault and the end of the log.
    In as many lines whatever is shown."""
    trial = view.trial
    if view.phase in FAULTY and view.message:
        lines = _wrapped(view.message, width, p.bad, view.bar_lines)
        tail = view.log_tail[len(lines) - view.bar_lines :] if len(lines) < view.bar_lines else ()
        return _pad([*lines, *([(fit(line, width), p.dim)] for line in tail)], view.bar_lines)
    if trial is None:
        return _pad(_loading(view, width, p), view.bar_lines)
    if trial.probabilities is None:
        claim = "" if trial.confidence is None else f"claims confidence {probability(trial.confidence)}"
        lines = _wrapped(_said(trial), width, p.dim, view.bar_lines - 1)
        return _pad([*lines, [(fit(claim, width), p.dim)]], view.bar_lines)
    return _bars(view, trial, width, p)


def _said(trial: Trial) -> str:
    """What the model wrote, or why it wrote nothing."""
    return one_line(trial.answer or trial.error or "", LONGEST)


def _loading(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    if view.fraction is None:
        return _wrapped(view.message, width, p.warn, 3) if view.message else []
    shown = f"{view.fraction:4.0%}"
    size = width - len(shown) - 1
    done = round(size * view.fraction)
    return [[("━" * done, p.accent), ("━" * (size - done), p.faint), (" " + shown, p.dim)]]


def _bars(view: PanelView, trial: Trial, width: int, p: Palette) -> list[list[Part]]:
    """A bar a label, in the taxonomy's order; of more labels than there is room for, the likely ones."""
    scores, room = trial.probabilities or {}, view.bar_lines
    labels, more = view.labels, list[list[Part]]()
    if len(labels) > room:
        best = sorted(labels, key=lambda name: -scores.get(name, 0.0))[: room - 1]
        labels = tuple(name for name in labels if name in best)
        more = [[(fit(f"{len(view.labels) - len(best)} labels less likely", width), p.faint)]]
    names = _names(labels, width)
    return [_bar_line(name, scores.get(name, 0.0), trial, names, width, p) for name in labels] + more


def _names(labels: Sequence[str], width: int) -> int:
    """Columns of the names before bars."""
    return min(max(map(len, labels)), max(8, width - 13))


def _bar_line(name: str, score: float, trial: Trial, names: int, width: int, p: Palette) -> list[Part]:
    """One label: name, bar, probability, and ◂ where the gold label is another one than the predicted."""
    hit = name == trial.label
    gold = "◂" if name == trial.gold and not hit else " "
    room = max(1, width - names - 6)
    colour = p.label(name)
    return [
        (fit(name, names) + " ", f"bold {colour}" if hit else p.dim),
        (bar(score, room), colour if hit else p.faint),
        (probability(score).rjust(4), "bold" if hit else p.dim),
        (gold, p.good),
    ]


def _tail(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    if view.trial is None:
        return [[], _figures(view, width, p)]
    total = milliseconds(view.trial.latency_ms.total)
    rest = f"  {_tokens(view.trial)}"
    return [[(total, "bold"), (fit(rest, width - len(total)), p.dim)], _figures(view, width, p)]


def _figures(view: PanelView, width: int, p: Palette) -> list[Part]:
    return [(fit(_figures_text(view, width), width), p.dim)]


def _figures_text(view: PanelView, width: int) -> str:
    f = view.figures
    pieces = [f"n {f.n}"]
    if f.accuracy is not None:
        pieces.append(f"acc {probability(f.accuracy)}")
    if f.p50 is not None:
        pieces += [f"P50 {_short(f.p50)}", f"P95 {_short(f.p95)}"]
    gap = next((g for g in (3, 2, 1) if len((" " * g).join(pieces)) <= width), 1)
    return fit((" " * gap).join(pieces), width).rstrip()


def _tokens(trial: Trial) -> str:
    t = trial.tokens
    made = f"  wrote {t.generated}" if t.generated else ""
    mass = "" if trial.mass is None else f"  mass {probability(trial.mass)}"
    by = f"  by {printable(trial.member)}" if trial.member else ""
    return f"{t.evaluated}+{t.cached} tok{made}{mass}{by}"


def _split(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    """The narrow layout with room: two columns of bars under one line of answer, figures below."""
    lines = [_head(view, width, p)]
    room = -(-view.bar_lines // 2)
    trial, split = view.trial, ""
    if trial:
        t = trial.latency_ms
        split = (
            f"prefill {_short(t.prefill)} gen {_short(t.generate)} queue {_short(t.queue)}  {_tokens(trial)}"
        )
    if not trial or view.phase in FAULTY:
        lines += _detail(replace(view, bar_lines=room), width, p)
    elif trial.probabilities:
        column = _bars(view, trial, (width - 3) // 2, p)
        for left, right in zip_longest(column[:room], column[room:], fillvalue=list[Part]()):
            lines.append([*left, ("   ", ""), *right])
    else:
        lines += _pad(_wrapped(_said(trial), width, p.dim, room), room)
    figures = _figures_text(view, width)
    room_left = width - len(figures) - 2
    return [*lines, [(figures + "  ", p.dim), (fit(split, room_left), p.faint)], _state_short(view, width, p)]


def _head(view: PanelView, width: int, p: Palette) -> list[Part]:
    """Name, label, probability and latency in one line."""
    trial = view.trial
    time = milliseconds(trial.latency_ms.total) if trial and trial.label is not None else ""
    name = min(26, width // 3)
    rest = width - name - 9
    return [(fit(view.name, name), "bold"), *_label_line(view, rest, p), (time.rjust(9), "")]


def _foot(view: PanelView, width: int, p: Palette) -> list[Part]:
    figures = _figures_text(view, width // 2)
    room = width - len(figures) - 2
    return [*_state_short(view, room, p), ("  " + figures, p.dim)]


def _state(view: PanelView) -> str:
    return f"{DOTS[view.phase]} {view.phase}" + ("" if view.elapsed is None else f" {view.elapsed} s")


def _state_short(view: PanelView, width: int, p: Palette) -> list[Part]:
    if view.phase in FAULTY:
        return [(fit(f"{_state(view)}: {view.message}", width), p.bad)]
    if view.phase in LOADING:
        done = "" if view.fraction is None else f" {view.fraction:.0%}"
        return [(fit(f"{_state(view)}  {view.stage}{done}", width), p.accent)]
    text = f"{_state(view)}  "
    told = known(view.trial, width - len(text) - 2, p)
    about = " · ".join(s for s in (view.contract, view.device, view.layers) if s)
    told = [("  ", ""), *told] if told else []
    room = width - len(text) - sum(len(part) for part, _ in told)
    return [(text, state_style(view, p)), (fit(about, room), p.dim), *told]


def _wrapped(text: str, width: int, style: str, room: int) -> list[list[Part]]:
    lines = wrap(text, width, max_lines=max(1, room), placeholder=" …")
    return [[(fit(line, width), style)] for line in lines]


def _pad(lines: list[list[Part]], n: int) -> list[list[Part]]:
    return (lines + [[]] * n)[:n]


def _short(ms: float | None) -> str:
    return milliseconds(ms).removesuffix(" ms").replace(" ", "")
