"""A panel's lines at each density. Pure: from a view and a palette to text, `width` columns wide."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from textwrap import wrap

from textual.content import Content

from routerlab.core.prediction import Trial
from routerlab.core.text import plural, printable
from routerlab.engine.arms.arm import Phase
from routerlab.study.figures.rows import PARTS
from routerlab.tui.lab.known import answered, known, known_line
from routerlab.tui.lab.state import PanelView
from routerlab.tui.lab.times import time_bar
from routerlab.tui.shared.layout import Density
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import (
    MARKS,
    Part,
    abbreviations,
    bar,
    fit,
    milliseconds,
    one_line,
    probability,
    row,
)

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
            lines += [*_detail(view, width, p), _tail(view, width, p)]
        case "brief":
            lines = [state_line(view, width, p), _label_line(view, width, p)]
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
    lines.append(known_line(view.trial, _names(tuple(view.labels), width), width, p))
    if view.trial and view.trial.status != "refused":
        parts = {part: getattr(view.trial.latency_ms, part) for part in PARTS}
        return [
            *lines,
            _tail(view, width, p),
            [(_tokens(view.trial, width), p.dim)],
            time_bar(parts, width, p),
        ]
    return [*lines, [], [], []]


def _label_line(view: PanelView, width: int, p: Palette) -> list[Part]:
    trial = view.trial
    if trial is None:
        return [(fit(pending(view), width), p.dim)]
    if trial.label is None:
        fault = trial.status not in ("cancelled", "unrouted")
        return [(fit(f"✗ {trial.status}", width), f"bold {p.bad if fault else p.dim}")]
    # What the model claims of itself stands for a probability where there is none.
    share = trial.confidence if trial.probabilities is None else trial.probabilities.get(trial.label)
    value = "" if share is None else probability(share)
    mark, colour = trial.correct, p.label(trial.label)
    said, room = answered(trial), width - len(value) - 3
    if len(said) > room:
        said = answered(trial, view.labels)
    return [
        (MARKS[mark] + " ", colour if mark is None else f"bold {p.mark(mark)}"),
        (fit(said, room), f"bold {p.warn if trial.abstained else colour}"),
        (" " + value, "bold"),
    ]


def pending(view: PanelView) -> str:
    """Why there is no answer yet."""
    if view.phase == "busy":
        return "thinking…"
    if view.waiting:
        return plural(view.waiting, "prompt waits", "prompts wait")
    return "ready, no answer yet" if view.phase == "ready" else ""


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
    return [[("━" * done, p.accent), ("─" * (size - done), p.faint), (" " + shown, p.dim)]]


def _bars(view: PanelView, trial: Trial, width: int, p: Palette) -> list[list[Part]]:
    """A bar a label, in the taxonomy's order; of more labels than there is room for, the likely ones."""
    scores, room = trial.probabilities or {}, view.bar_lines
    labels, more = tuple(view.labels), list[list[Part]]()
    if len(labels) > room:
        best = sorted(labels, key=lambda name: -scores.get(name, 0.0))[: room - 1]
        labels = tuple(name for name in labels if name in best)
        more = [[(fit(f"{plural(len(view.labels) - len(best), 'label')} less likely", width), p.dim)]]
    names = _names(labels, width)
    short = abbreviations(view.labels, names)
    return [
        _bar_line(name, short[name], scores.get(name, 0.0), trial, names, width, p) for name in labels
    ] + more


def _names(labels: Sequence[str], width: int) -> int:
    """Columns of the names before bars."""
    return min(max(map(len, labels)), max(8, width - 13))


def _bar_line(
    name: str, shown: str, score: float, trial: Trial, names: int, width: int, p: Palette
) -> list[Part]:
    """One label: its name as it is `shown`, bar, probability, and ◂ where the gold label is another one than
    the predicted."""
    hit = name == trial.label
    gold = "◂" if name == trial.gold and not hit else " "
    room = max(1, width - names - 6)
    colour = p.label(name)
    return [
        (fit(shown, names) + " ", f"bold {colour}" if hit else p.dim),
        (bar(score, room), colour if hit else p.faint),
        (probability(score).rjust(4), "bold" if hit else p.dim),
        (gold, p.good),
    ]


def _tail(view: PanelView, width: int, p: Palette) -> list[Part]:
    """The time of the answer, and what else is known of it that fits."""
    if view.trial is None:
        return []
    total = milliseconds(view.trial.latency_ms.total)
    return [(total, "bold"), *row([[("", "")], *_facts(view.trial, p)], "  ", width - len(total))]


def _facts(trial: Trial, p: Palette) -> list[list[Part]]:
    facts = [f"by {printable(trial.member)}"] if trial.member else []
    facts += [f"label mass {probability(trial.mass)}"] if trial.mass is not None else []
    t = trial.latency_ms
    spent = [
        (name, ms)
        for name, ms in (("queue", t.queue), ("prefill", t.prefill), ("generate", t.generate))
        if ms >= 1
    ]
    return [[(fact, p.dim)] for fact in (*facts, *(f"{name} {milliseconds(ms)}" for name, ms in spent))]


def _tokens(trial: Trial, width: int) -> str:
    """How many tokens, in the longest form that fits."""
    t = trial.tokens
    wrote = f", {t.generated} written" if t.generated else ""
    forms = (
        f"{t.evaluated} tokens read, {t.cached} from cache{wrote}",
        f"{t.evaluated} read, {t.cached} cached{wrote}",
        f"{t.evaluated + t.cached} tokens{wrote}",
    )
    return next((form for form in forms if len(form) <= width), "")


def _split(view: PanelView, width: int, p: Palette) -> list[list[Part]]:
    """The narrow layout with room: two columns of bars under one line of answer, tokens and times below."""
    lines = [_head(view, width, p)]
    room = -(-view.bar_lines // 2)
    trial = view.trial
    if not trial or view.phase in FAULTY:
        lines += _detail(replace(view, bar_lines=room), width, p)
    elif trial.probabilities:
        column = _bars(view, trial, (width - 3) // 2, p)
        for left, right in zip_longest(column[:room], column[room:], fillvalue=list[Part]()):
            lines.append([*left, ("   ", ""), *right])
    else:
        lines += _pad(_wrapped(_said(trial), width, p.dim, room), room)
    return [
        *lines,
        row([[(_tokens(trial, width), "")], *_facts(trial, p)], "   ", width) if trial else [],
        state_short(view, width, p),
    ]


def _head(view: PanelView, width: int, p: Palette) -> list[Part]:
    """Name, label, probability and latency in one line."""
    trial = view.trial
    time = milliseconds(trial.latency_ms.total) if trial and trial.label is not None else ""
    name = min(26, width // 3)
    rest = width - name - 9
    return [(fit(view.name, name), "bold"), *_label_line(view, rest, p), (time.rjust(9), "")]


def _foot(view: PanelView, width: int, p: Palette) -> list[Part]:
    return state_short(view, width, p)


def _state(view: PanelView) -> str:
    return f"{DOTS[view.phase]} {view.phase}" + ("" if view.elapsed is None else f" {view.elapsed} s")


def state_short(view: PanelView, width: int, p: Palette) -> list[Part]:
    """The state in one line: a fault with its message, how far the loading is, or where the model is."""
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
