"""The words for how familiar a prompt is."""

import pytest

from routerlab.core.familiarity import UNFAMILIAR, USUAL, familiarity_word, is_unfamiliar


@pytest.mark.parametrize(
    ("familiarity", "word"),
    [
        (1.0, "familiar"),
        (USUAL, "familiar"),
        (0.199, "unusual"),
        (UNFAMILIAR, "unusual"),
        (0.0199, "unfamiliar"),
        (0, "unfamiliar"),
    ],
)
def test_each_limit_belongs_to_the_more_familiar_word(familiarity: float, word: str) -> None:
    assert familiarity_word(familiarity) == word
    assert is_unfamiliar(familiarity) == (word == "unfamiliar")


def test_what_is_not_told_is_not_unfamiliar() -> None:
    assert not is_unfamiliar(None)
