"""The question in focus: a row an arm, and below them the whole prompt."""

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from routerlab.core.familiarity import familiarity_word
from routerlab.core.prediction import Trial
from routerlab.core.text import printable
from routerlab.tui.lab.agreement import FAULTS
from routerlab.tui.lab.known import ABSTAINED, style
from routerlab.tui.lab.state import PanelView
from routerlab.tui.lab.text import pending
from routerlab.tui.shared.line import Line
from routerlab.tui.shared.longtext import LongText
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import (
    MARKS,
    Part,
    abbreviations,
    bar,
    fit,
    fit_name,
    milliseconds,
    probability,
)

TIME, KNOWN, SHARE = 7, 10, 4
BAR = (6, 30)
"""Columns of a bar, at least and at most."""
LONGEST = 50_000
"""Characters of a prompt that are shown here; Enter shows more of it, w saves it all."""


class Focus(Vertical):
    """Draws what it is given; the prompt scrolls."""

    def __init__(self) -> None:
        super().__init__(id="focus")

    def compose(self) -> ComposeResult:
        """The arms' rows, the prompt."""
        yield Line("answers")
        yield LongText("whole")

    def show(self, rows: Content, prompt: str) -> None:
        """Show a question."""
        self.query_one("#answers", Line).show(rows)
        shown = printable(prompt[:LONGEST], keep_newlines=True)
        whole = self.query_one(LongText)
        if shown != whole.text:
            whole.show(shown)


def answers_text(arms: Sequence[PanelView], labels: Mapping[str, str], width: int, p: Palette) -> Content:
    """A row an arm: right or wrong, its label with a bar of the probability, how familiar the prompt is to it
    and how long it took. Labels are whole, or all by their short names where these leave room for bars."""
    if not arms:
        return Content()
    told = KNOWN + 1 if any(a.trial and a.trial.familiarity is not None for a in arms) else 0
    name = min(max(len(a.name) for a in arms), max(12, width // 4))
    rest = width - 2 - name - 1 - told - TIME - 1
    longest = max(map(len, labels))
    short = abbreviations(labels, longest if rest >= longest + SHARE + BAR[0] + 3 else 10)
    size = max(map(len, short.values()))
    room = min(BAR[1], rest - size - SHARE - 3)
    lines: list[list[Part]] = []
    for view in arms:
        trial = view.trial
        mark = trial.correct if trial else None
        sign = "·" if trial is None else "?" if trial.status == "unrouted" else MARKS[mark]
        if trial and trial.label is None and trial.status != "unrouted":
            sign, mark = "✗", False
        parts: list[Part] = [(sign + " ", f"bold {p.mark(mark)}"), (fit_name(view.name, name) + " ", "")]
        if trial is None:
            lines.append([*parts, (fit(pending(view), width - name - 3), p.dim)])
            continue
        parts += _answer(trial, short, size, max(0, room), p)
        if told:
            word = "" if trial.familiarity is None else familiarity_word(trial.familiarity)
            parts.append((" " + word.ljust(KNOWN), style(word, p) if word else p.dim))
        time = milliseconds(trial.latency_ms.total) if trial.latency_ms.total else ""
        lines.append([*parts, (" " + time.rjust(TIME), "")])
    return Content("\n").join(Content.assemble(*line) for line in lines)


def _answer(trial: Trial, short: dict[str, str], size: int, room: int, p: Palette) -> list[Part]:
    """The label with bar and probability; or what was said or done instead, in as many columns."""
    whole = size + 1 + (room + 1 if room >= BAR[0] else 0) + SHARE
    if trial.label is None:
        said = FAULTS.get(trial.status, "no label asked for")
        return [(fit(said, whole), p.dim if trial.status == "unrouted" else f"bold {p.bad}")]
    hue = p.label(trial.label)
    label = short.get(trial.label, printable(trial.label))
    if trial.abstained:
        text = f"{label} {ABSTAINED}" if whole >= len(label) + len(ABSTAINED) + 1 else f"→ default {label}"
        return [(fit(text, whole), f"bold {p.warn}")]
    share = trial.confidence if trial.probabilities is None else trial.probabilities.get(trial.label)
    parts: list[Part] = [(fit(label, size) + " ", f"bold {hue}")]
    if room >= BAR[0]:
        claimed = trial.probabilities is None and share is not None
        shown = "claims".ljust(room) if claimed else bar(share or 0.0, room)
        parts.append((shown + " ", p.dim if claimed else hue))
    return [*parts, (probability(share).rjust(SHARE), "bold" if trial.probabilities else p.dim)]
