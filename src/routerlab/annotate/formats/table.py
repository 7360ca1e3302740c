"""Tables as text: CSV and TSV as spreadsheets and programs write them."""

import csv
from collections.abc import Collection, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from routerlab.core.errors import Faults, LabError
from routerlab.core.text import plural

SUFFIXES = (".csv", ".tsv", ".tab")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What spreadsheets take for the begin of a formula."""

LONGEST = 1 << 24
"""Characters of a cell."""

_BETWEEN = (",", ";", "\t", "|")
_SAMPLE = 200
"""Records from which the dialect is told."""


def is_table(text: str, suffix: str, names: Collection[str]) -> bool:
    """Whether the text is a table: by its file's suffix, a first line `sep=`, or a header that has the first
    of `names` beside others of them, in any case."""
    if suffix in SUFFIXES or text[:4].lower() == "sep=":
        return True
    header = text.split("\n", 1)[0][:10_000]
    for between in _BETWEEN:
        cells = [cell.strip(' "\r').casefold() for cell in header.split(between)]
        if next(iter(names)) in cells and len(set(cells) & set(names)) > 1:
            return True
    return False


def read_table(
    path: Path, text: str, faults: Faults, exact: bool = False
) -> tuple[str, list[str], list[tuple[int, dict[str, Any]]]]:
    """What stands between the cells, the names in the header, and (line, row) of every record that is not
    empty. An empty cell is None, and a ' before what a spreadsheet would take for a formula is taken off. A
    record that is longer than the header is a fault, an `exact` table's also if it is shorter."""
    first, _, rest = text.partition("\n")
    skipped = 0
    between: str | None = None
    if first[:4].lower() == "sep=":
        between, text, skipped = first[4:5] or ",", rest, 1
    csv.field_size_limit(LONGEST)
    dialect = _dialect(text, [between] if between else _BETWEEN, path.suffix.lower())
    records = _records(path, text, dialect, skipped)
    line, header = next(records, (1, []))
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise LabError(f"{path}:{line}: two columns are named {twice!r}; give each a name of its own")
    rows = []
    with faults.told():  # below what is no record nothing can be told apart
        for line, record in records:
            if any(record[len(names) :]) or (exact and len(record) < len(names)):
                todo = f"; quote texts with {dialect[0]!r} in them" if len(record) > len(names) else ""
                faults.add(line, f"{plural(len(record), 'cell')}, and the header has {len(names)}{todo}")
                continue
            cells = zip(names, map(_plain, record), strict=False)
            row = {name: cell for name, cell in cells if name}
            if any(row.values()):
                rows.append((line, row))
    return dialect[0], [name for name in names if name], rows


def _records(
    path: Path, text: str, dialect: tuple[str, str | None], skipped: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of each record that is not an empty line."""
    reader = csv.reader(
        StringIO(text, newline=""), delimiter=dialect[0], escapechar=dialect[1], doublequote=True, strict=True
    )
    while True:
        line = reader.line_num + 1 + skipped
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as e:
            raise LabError(f"{path}:{line}: not a record of a table ({e}); see to its quotes") from None
        if record:
            yield line, record


def _dialect(text: str, betweens: tuple[str, ...] | list[str], suffix: str) -> tuple[str, str | None]:
    """(what stands between cells, what escapes a quote within a text if not another quote): those with which
    the fewest records have another length than the header, then those that make most columns."""
    header = text.split("\n", 1)[0]
    there = [b for b in betweens if b in header] or ["\t" if suffix in (".tsv", ".tab") else betweens[0]]
    choices = [(b, escape) for b in there for escape in ((None, "\\") if '\\"' in text else (None,))]
    return min(choices, key=lambda choice: _misfits(text, choice)) if len(choices) > 1 else choices[0]


def _misfits(text: str, dialect: tuple[str, str | None]) -> tuple[float, int]:
    misfits, n, width = 0, 0, 0
    try:
        for n, (_, record) in enumerate(_records(Path(), text, dialect)):
            width = width or len(record)
            misfits += len(record) != width
            if n == _SAMPLE:
                break
    except LabError:
        return 1.0, -width
    return misfits / (n + 1), -width


def _plain(cell: str) -> str | None:
    """The cell without the ' that keeps a spreadsheet from running it, as `safe` puts it there."""
    return (cell[1:] if cell[:1] == "'" and cell.lstrip("'").startswith(FORMULA) else cell) or None


def safe(cell: str) -> str:
    """The cell with a ' in front where a spreadsheet would run it, and where `_plain` would take one off."""
    return f"'{cell}" if cell.lstrip("'").startswith(FORMULA) else cell


def write_table(rows: list[dict[str, str]]) -> str:
    """The rows as CSV, their keys as its header; safe to open in a spreadsheet."""
    out = StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([safe(row.get(name, "")) for name in names] for row in rows)
    return out.getvalue()
