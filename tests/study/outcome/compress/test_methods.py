"""What stays of a prompt, on surprisals made by hand."""

from collections.abc import Sequence

import pytest

from routerlab.study.outcome.compress import methods
from routerlab.study.outcome.compress.methods import (
    Reading,
    budget,
    llmlingua,
    self_information,
    window,
    words,
)


def reading(pieces: Sequence[str | bytes], nats: Sequence[float] = ()) -> Reading:
    data = tuple(piece.encode() if isinstance(piece, str) else piece for piece in pieces)
    return Reading(tuple(range(100, 100 + len(data))), data, tuple(nats or [1.0] * len(data)))


def test_a_budget_is_never_more_than_the_share() -> None:
    assert [budget(n, 0.7) for n in (0, 1, 2, 10, 11, 100)] == [0, 1, 1, 7, 7, 70]


def test_window_keeps_head_and_tail() -> None:
    ten = reading([f" w{i}" for i in range(10)])
    assert window(ten, 0.7, mark=3) == " w0 w1 [...]  w8 w9"  # 7 - 3 for the mark: two of each end
    assert window(ten, 0.99, mark=1) == " w0 w1 w2 w3 [...]  w6 w7 w8 w9"
    assert window(reading([" a", " b"]), 0.5, mark=3) == " a b"  # a mark would save nothing


def test_a_word_is_all_its_tokens_and_the_space_before() -> None:
    pieces = [b"Py", b"thon", b" f", b"(x)", b"\n", b"\n", b"y", b" ", b" z\n", b"w"]
    assert words(pieces) == [[0, 1], [2, 3], [4, 5, 6], [7, 8], [9]]
    assert words("日,本,語x,語".encode().split(b",")) == [[0], [1], [2], [3]]
    assert words([]) == []


def test_self_information_drops_the_words_that_say_least() -> None:
    """Means 2 (Py-thon), 0.5, 3, 0.1, 4: of six tokens four may stay, so 0.1 and then 0.5 go."""
    read = reading(["Py", "thon", " is", " fast", " of", " C"], [1.0, 3.0, 0.5, 3.0, 0.1, 4.0])
    assert self_information(read, 0.7) == "Python fast C"
    assert self_information(read, 0.99) == "Python is fast C"
    assert self_information(reading(["one", "word"]), 0.5) == "oneword"  # the last word always stays
    assert self_information(reading(["a", " b"], [1.0, 2.0]), 0.5) == "b"


async def test_llmlingua_reads_each_segment_after_what_was_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "SEGMENT", 3)
    asked: list[list[int]] = []

    async def weigh(tokens: Sequence[int]) -> list[float]:
        """As if each token were the more of a surprise, the higher its number, but 104 none at all."""
        asked.append(list(tokens))
        return [0.0 if token == 104 else float(token) for token in tokens]

    read = reading(["a", "b", "c", "d", "e", "f", "g"], [5, 1, 9, 0, 0, 0, 0])
    assert await llmlingua(read, 0.7, weigh) == "acdfg"
    assert asked == [[100, 102, 103, 104, 105], [100, 102, 103, 105, 106]]
    assert await llmlingua(reading([]), 0.7, weigh) == ""


async def test_torn_characters_are_left_out() -> None:
    first, second = "é".encode()[:1], "é".encode()[1:]
    read = reading(["a", first, second, "b"], [3.0, 2.0, 0.0, 3.0])

    async def never(_: Sequence[int]) -> list[float]:
        raise AssertionError("one segment is read once")

    assert await llmlingua(read, 0.75, never) == "ab"
