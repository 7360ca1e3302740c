"""All answers at a glance: an arm a line, a question a column, a sign where they meet. Pure."""

from collections.abc import Sequence

from textual.content import Content

from routerlab.core.prediction import Trial
from routerlab.core.text import printable
from routerlab.tui.lab.sitting import Question
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, fit_name

CELL = 2
DIGITS = "0123456789"
EVERY = 10
"""Questions between two whose number stands above."""


def matrix_text(
    arms: Sequence[str], questions: Sequence[Question], at: int, width: int, height: int, p: Palette
) -> Content:
    """As many questions as have room, in bands of lines, the one at index `at` among them and marked.

    ✓ right, ✗ wrong, ? no label, ● nothing to compare with (in the label's colour), · no answer.
    """
    if not arms or not questions:
        return Content()
    name = min(max(map(len, arms)), max(10, width // 5))
    across = max(1, (width - name - 1) // CELL)
    bands = max(1, height // (len(arms) + 1))
    first = (
        max(0, min(len(questions), at + 1 + across) - across * bands)
        if len(questions) > across * bands
        else 0
    )
    lines: list[list[Part]] = []
    for start in range(first, min(len(questions), first + across * bands), across):
        band = questions[start : start + across]
        lines.append([(" " * (name + 1), ""), *_numbers(band, at - start, p)])
        for arm in arms:
            cells = [_cell(q.trials.get(arm), i == at - start, p) for i, q in enumerate(band)]
            lines.append([(fit_name(printable(arm), name) + " ", p.dim), *cells])
    return Content("\n").join(Content.assemble(*line) for line in lines)


def _numbers(band: Sequence[Question], at: int, p: Palette) -> list[Part]:
    """Every tenth number, and ▼ over the question that is marked, with its own."""
    size = CELL * len(band)
    line = " " * size
    for i, question in enumerate(band):
        if i == 0 or question.number % EVERY == 0:
            line = _put(line, f"{question.number}", CELL * i)
    if not 0 <= at < len(band):
        return [(line, p.dim)]
    number = f"{band[at].number}"
    left = CELL * at + 1 + len(number) > size
    text, start = (f"{number}▼", max(0, CELL * at - len(number))) if left else (f"▼{number}", CELL * at)
    line = _put(line, text, start)
    end = start + len(text)
    return [(line[:start], p.dim), (line[start:end], f"bold {p.accent}"), (line[end:], p.dim)]


def _put(line: str, text: str, at: int) -> str:
    """The line with the text in it; a number that it would cut into is taken away."""
    end = at + len(text)
    if end > len(line):
        return line
    before, after = line[:at], line[end:]
    return before.rstrip(DIGITS).ljust(at) + text + after.lstrip(DIGITS).rjust(len(after))


def _cell(trial: Trial | None, marked: bool, p: Palette) -> Part:
    if trial is None:
        sign, style = "·", p.dim
    elif trial.label is None and trial.status != "unrouted":
        sign, style = "?", p.bad
    elif trial.correct is None:
        sign, style = "●", p.label(trial.label)
    else:
        sign, style = ("✓", p.good) if trial.correct else ("✗", p.bad)
    return (sign + " ", f"{style} reverse" if marked else style)
