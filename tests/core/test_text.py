"""Text from strangers cannot steer the terminal or hide itself."""

import pytest

from routerlab.core.text import plural, printable


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("Größe 漢字 🙂", "Größe 漢字 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x00b\x07c\x7f", "a\\x00b\\x07c\\x7f"),
        ("\x9b2J", "\\x9b2J"),  # a C1 control: the one-byte CSI
        ("a\rb", "a\\x0db"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),  # an invisible tag letter
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("a\nb\tc", "a\\x0ab\\x09c"),
        ("", ""),
    ],
)
def test_escapes(raw: str, shown: str) -> None:
    assert printable(raw) == shown


def test_newlines_stay_where_asked() -> None:
    assert printable("a\n\tb\r\x1b", keep_newlines=True) == "a\n\tb\\x0d\\x1b"


def test_every_control_is_escaped() -> None:
    for n in [*range(0x20), *range(0x7F, 0xA0)]:
        assert printable(chr(n)) == f"\\x{n:02x}"


def test_the_result_can_be_written_as_utf8() -> None:
    assert printable("\udcff" * 3).encode("utf-8")


@pytest.mark.parametrize(
    ("n", "many", "shown"),
    [(0, "", "0 cases"), (1, "", "1 case"), (1200, "", "1,200 cases"), (1, "x", "1 case"), (2, "x", "2 x")],
)
def test_one_is_not_many(n: int, many: str, shown: str) -> None:
    assert plural(n, "case", many) == shown
