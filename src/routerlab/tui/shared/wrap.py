"""Long texts wrapped a piece at a time: a prompt may be one line of a megabyte. Pure functions."""

from collections.abc import Iterator

from rich.cells import get_character_cell_size

from routerlab.core.text import printable

BLOCK = 1024
"""Characters that are made safe and cut at a time."""
TAB = "    "


def wrapped(text: str, width: int) -> Iterator[str]:
    """The lines that show `text` in `width` columns, with nothing in them that a terminal obeys.

    Lines break after a space where they have one; no character is left out but that space.
    """
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield from _paragraph(text, start, end - text.endswith("\r", start, end), width)
        start = end + 1
    yield from _paragraph(text, start, len(text), width)


def _paragraph(text: str, start: int, end: int, width: int) -> Iterator[str]:
    rest, blank = "", True
    for at in range(start, end, BLOCK):
        block = printable(text[at : min(at + BLOCK, end)], keep_newlines=True)
        *lines, rest = _cut(rest + block.replace("\t", TAB), max(2, width))
        blank = blank and not lines
        yield from lines
    if rest or blank:
        yield rest


def _cut(line: str, width: int) -> list[str]:
    lines: list[str] = []
    at = 0
    while (end := _fitting(line, at, width)) < len(line):
        space = line.rfind(" ", at, end + 1)
        if line[at : max(space, at)].isspace() or space <= at:  # only an indent before it, or one long word
            lines.append(line[at:end])
            at = end
        else:
            lines.append(line[at:space])
            at = space + 1
    lines.append(line[at:])
    return lines


def _fitting(line: str, at: int, width: int) -> int:
    """Where the part that fits ends. Signs without a width are as many as fit four times, and no more."""
    if line.isascii():
        return at + width
    used = 0
    for i in range(at, min(len(line), at + 4 * width)):
        used += get_character_cell_size(line[i])
        if used > width:
            return i
    return at + 4 * width
