"""A report as GitHub Markdown: the same sections and tables, without figures."""

import re
from collections.abc import Iterator, Sequence

from routerlab.core.text import printable
from routerlab.study.report.blocks import Block, Cell, Code, Fold, Lines, Section, Table

_SPECIAL = re.compile(r"[\\`*_\[\]<|~&$]")
_AT_START = re.compile(r"^(\d+)(?=[.)](?:\s|$))|^(?=[-+=>#])")


def markdown(title: str, sections: Sequence[Section], facts: Sequence[str] = ()) -> str:
    """The report; nothing in foreign text is read as markup."""
    lines = [f"# {_text(title)}", ""]
    for fact in facts:
        lines += [_text(fact), ""]
    deeper = any(section.level == 1 for section in sections)
    for section in sections:
        inner = [line for block in section.blocks for line in _block(block)]
        if inner or not section.blocks:
            lines += [f"{'#' * (section.level + deeper)} {_text(section.title)}", "", *inner]
    return "\n".join(lines).rstrip() + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Lines():
            for line in block.lines:
                yield from (_text(line), "")
        case Table():
            yield from _table(block)
        case Code():
            fence = "`" * (1 + max([2, *(len(run) for run in re.findall(r"`+", block.text))]))
            yield from (fence, printable(block.text, keep_newlines=True), fence, "")
        case Fold():
            yield from (f"**{_text(block.summary)}**", "")
            for inner in block.blocks:
                yield from _block(inner)
        case _:  # figures and cases have no place here; what they show is in the tables
            return


def _table(found: Table) -> Iterator[str]:
    columns = len(found.heads) or max((len(row) for row in found.rows), default=0)
    heads = found.heads or ("",) * columns
    yield f"| {' | '.join(map(_text, heads))} |"
    yield f"| {' | '.join('---' if i < found.names else '---:' for i in range(columns))} |"
    for row in found.rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""
    if found.caption:
        yield from (f"_{_text(found.caption)}_", "")


def _cell(cell: Cell) -> str:
    return _text(cell.text) + (f" ({_text(cell.note)})" if cell.note else "")


def _text(text: str) -> str:
    """On one line, with nothing that Markdown obeys."""
    line = printable(" ".join(text.split()))
    return _AT_START.sub(lambda found: f"{found[1] or ''}\\", _SPECIAL.sub(r"\\\g<0>", line))
