"""Long texts, wrapped: nothing lost, nothing too wide, nothing that a terminal obeys."""

from itertools import islice
from random import Random

import pytest
from rich.cells import cell_len

from routerlab.core.text import printable
from routerlab.tui.shared import wrap
from routerlab.tui.shared.wrap import wrapped


def test_lines_break_at_spaces_and_long_words_anywhere() -> None:
    assert list(wrapped("one two three", 8)) == ["one two", "three"]
    assert list(wrapped("one two", 7)) == ["one two"]
    assert list(wrapped("abcdefghij kl", 4)) == ["abcd", "efgh", "ij", "kl"]
    assert list(wrapped("    deep indent", 8)) == ["    deep", "indent"]
    assert list(wrapped("        deeper", 8)) == ["        ", "deeper"]


def test_paragraphs_blank_lines_tabs_and_carriage_returns() -> None:
    assert list(wrapped("a\n\n\tb\r\nc\n", 20)) == ["a", "", "    b", "c", ""]
    assert list(wrapped("", 20)) == [""]
    assert list(wrapped("a\rb", 20)) == ["a\\x0db"]


def test_wide_signs_count_twice_and_signs_without_width_are_bounded() -> None:
    assert list(wrapped("日本語日本", 6)) == ["日本語", "日本"]
    lines = list(wrapped("e" + "\u0301" * 10_000, 10))
    assert max(map(len, lines)) <= 40


def test_nothing_a_terminal_obeys_is_left() -> None:
    text = "\x1b[2J\x00\u202eabc\u200b[red]x[/red]\u2028\x9b1m"
    assert "".join(wrapped(text, 500)) == "\\x1b[2J\\x00\\u202eabc\\u200b[red]x[/red]\\u2028\\x9b1m"


@pytest.mark.parametrize("seed", range(20))
def test_any_text_fits_and_keeps_every_sign(seed: int) -> None:
    random = Random(seed)
    text = "".join(random.choices("ab  日é\u0301\x1b\n\t-", k=3000))
    for width in (2, 7, 40):
        lines = list(wrapped(text, width))
        assert all(cell_len(line) <= width for line in lines)
        whole = printable(text.replace("\t", ""), keep_newlines=True)
        assert "".join("".join(lines).split()) == "".join(whole.split())


@pytest.mark.parametrize("block", [1, 3, 64])
def test_blocks_leave_no_trace(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    text = "some words 日本 and  more\x1b of them " * 40
    expected = list(wrapped(text, 23))
    monkeypatch.setattr(wrap, "BLOCK", block)
    assert list(wrapped(text, 23)) == expected


def test_the_first_lines_of_a_megabyte_cost_no_more_than_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(s: str, *, keep_newlines: bool = False) -> str:
        seen.append(len(s))
        return printable(s, keep_newlines=keep_newlines)

    monkeypatch.setattr(wrap, "printable", counted)
    assert len(list(islice(wrapped("\x1bword " * 200_000, 80), 40))) == 40
    assert sum(seen) < 10_000
