"""How familiar a prompt is, in a word: the one place that says where one word ends and the next begins."""

from typing import Literal

USUAL = 0.2
"""From here on a prompt is familiar: one in five of those that a router was fitted for is as far off."""
UNFAMILIAR = 0.02
"""Below it is unfamiliar: of prompts like those that a router was fitted for, 2 % are. Promises and cascades
trust no answer to one, however probable: fixed in advance, so that nothing is chosen by it."""

Word = Literal["familiar", "unusual", "unfamiliar"]


def familiarity_word(familiarity: float) -> Word:
    """The word for a familiarity (0..1, see Prediction)."""
    return "familiar" if familiarity >= USUAL else "unusual" if familiarity >= UNFAMILIAR else "unfamiliar"


def is_unfamiliar(familiarity: float | None) -> bool:
    """Whether it is told, and below what is but unusual."""
    return familiarity is not None and familiarity < UNFAMILIAR
