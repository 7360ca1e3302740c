"""What is no text: workbooks, Parquet, Inspect's zipped logs. Limits keep memory from filling."""

import io
import json
import zlib
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from routerlab.core.errors import Exit, LabError

MOST_BYTES = 1 << 29
"""What a packed file may hold, unpacked."""

MOST_CELLS = 5_000_000
"""Cells of a workbook's sheet or of a Parquet file."""

Numbered = list[tuple[int, dict[str, Any]]]

_REFUSED = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls); save it as .xlsx or CSV",
    b"\x1f\x8b": "packed with gzip; unpack it first",
    b"(\xb5/\xfd": "packed with zstd; unpack it first",
    b"%PDF": "a PDF; its text is wanted",
    b"SQLite format 3": "a database; export its table as CSV",
}


def library(name: str, path: Path) -> Any:
    """A library of the extra `formats`; LabError that says what to install where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        what = f"the library {name.partition('.')[0]} is needed for it, and not here"
        raise LabError(f"{path}: {what}: pip install 'routerlab[formats]'", Exit.MISSING) from None


def read_binary(path: Path, data: bytes) -> tuple[str, list[str], Numbered] | None:
    """(kind, header, rows with their numbers) of what is no text; None for what may be one. LabError for what
    is damaged, too large, or none of these."""
    for magic, what in _REFUSED.items():
        if data.startswith(magic):
            raise LabError(f"{path}: is {what}")
    if data.startswith(b"PAR1"):
        return ("Parquet", *_parquet(path, data))
    if not data.startswith(b"PK\x03\x04"):
        return None
    try:
        with ZipFile(io.BytesIO(data)) as z:
            if sum(member.file_size for member in z.infolist()) > MOST_BYTES:
                raise LabError(
                    f"{path}: unpacks to more than {MOST_BYTES >> 20} MiB; split it, or save it as CSV"
                )
            names = z.namelist()
            if "xl/workbook.xml" in names:
                return ("Excel", *_sheet(path, data))
            samples = sorted(name for name in names if name.startswith("samples/") and name.endswith(".json"))
            if samples:
                read = [json.loads(z.read(name)) for name in samples]
                return (
                    "Inspect's log",
                    [],
                    [(i, row) for i, row in enumerate(read, 1) if isinstance(row, dict)],
                )
    except (BadZipFile, EOFError, OSError, RuntimeError, ValueError, zlib.error) as e:
        raise LabError(f"{path}: cannot be unpacked: {e}") from None
    raise LabError(f"{path}: a zip with neither a workbook nor an Inspect log in it; unpack it first")


def _sheet(path: Path, data: bytes) -> tuple[list[str], Numbered]:
    """The first sheet with rows, else the first header; the first row with something in it is the header."""
    openpyxl = library("openpyxl", path)
    header: list[str] = []
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # they are the file's word, and may name a billion cells
            names, rows = _rows(path, sheet)
            if rows:
                return names, rows
            header = header or names
    except LabError:
        raise
    except Exception as e:  # openpyxl raises whatever its parsers do
        raise LabError(f"{path}: not a sound workbook ({type(e).__name__}: {e}); save it anew") from None
    return header, []


def _rows(path: Path, sheet: Any) -> tuple[list[str], Numbered]:
    names: list[str] = []
    rows: Numbered = []
    cells = 0
    for number, record in enumerate(sheet.iter_rows(values_only=True), 1):
        cells += len(record) + 1
        if cells > MOST_CELLS:
            raise LabError(f"{path}: has more than {MOST_CELLS:,} cells; save what is wanted as CSV")
        if all(cell is None for cell in record):
            continue
        if not names:
            names = ["" if cell is None else str(cell).strip() for cell in record]
            continue
        named = zip(names, record, strict=False)
        rows.append((number, {n: None if cell is None else str(_cell(cell)) for n, cell in named if n}))
    return [name for name in names if name], rows


def _cell(value: Any) -> Any:
    """A date as text, without the midnight that sheets add; other values as they are."""
    return str(value.isoformat()).removesuffix("T00:00:00") if hasattr(value, "isoformat") else value


def _parquet(path: Path, data: bytes) -> tuple[list[str], Numbered]:
    parquet = library("pyarrow.parquet", path)
    try:
        file = parquet.ParquetFile(io.BytesIO(data))
        facts = file.metadata
        size = sum(facts.row_group(i).total_byte_size for i in range(facts.num_row_groups))
        if size > MOST_BYTES or facts.num_rows * facts.num_columns > MOST_CELLS:
            raise LabError(
                f"{path}: holds more than {MOST_BYTES >> 20} MiB or {MOST_CELLS:,} cells; write what is "
                "wanted to a file of its own"
            )
        rows = [row for batch in file.iter_batches(batch_size=1000) for row in batch.to_pylist()]
    except LabError:
        raise
    except Exception as e:  # pyarrow has errors of its own beside those of Python
        raise LabError(f"{path}: not sound Parquet ({' '.join(str(e).split())[:200]})") from None
    header = list(file.schema_arrow.names)
    return header, [(i, {k: _cell(value) for k, value in row.items()}) for i, row in enumerate(rows, 1)]
