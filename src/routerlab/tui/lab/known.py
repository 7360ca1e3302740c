"""How familiar a prompt is to an arm, and whether the arm abstained, as they stand on the screen."""

from collections.abc import Mapping

from routerlab.core.familiarity import Word, familiarity_word
from routerlab.core.prediction import Trial
from routerlab.core.text import printable
from routerlab.tui.shared.palette import Palette
from routerlab.tui.shared.text import Part, bar, fit, probability

BAR = 6
"""Columns of a bar beside the word."""
EMPTY = "░"
"""What the rest of it is filled with: most that is unfamiliar has no bar to see."""
ABSTAINED = "abstained → default"
"""What the label line says first: where a routing table sends what it has no label for."""


def style(word: Word, p: Palette) -> str:
    """The colour of the word."""
    return {"familiar": p.dim, "unusual": p.warn, "unfamiliar": p.bad}[word]


def known(trial: Trial | None, width: int, p: Palette) -> list[Part]:
    """Word and bar, in at most `width` columns; what does not fit is left out, the bar first."""
    if trial is None or trial.familiarity is None:
        return []
    word = familiarity_word(trial.familiarity)
    if len(word) > width:
        return []
    room = min(BAR, max(0, width - len(word) - 1))
    full = bar(trial.familiarity, room).rstrip()
    shown = f"{word} {full}" if room else word
    return [(shown, style(word, p)), (EMPTY * (room - len(full)), p.faint)]


def known_line(trial: Trial | None, names: int, width: int, p: Palette) -> list[Part]:
    """Word, bar and figure, like the bars of labels whose names have so many columns."""
    if trial is None or trial.familiarity is None:
        return []
    word = familiarity_word(trial.familiarity)
    colour = style(word, p)
    room = max(1, width - names - 6)
    shown = (bar(trial.familiarity, room), colour)
    return [(fit(word, names) + " ", colour), shown, (probability(trial.familiarity).rjust(4), p.dim)]


def answered(trial: Trial, short: Mapping[str, str] | None = None) -> str:
    """The label, by its name in `short`, and if it is not to be acted on, what is done instead."""
    label = printable((short or {}).get(trial.label or "", trial.label or trial.status))
    return f"{ABSTAINED} · {label}" if trial.abstained else label
