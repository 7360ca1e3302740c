"""A log's file as records: its encoding, its dialect, and the tool that wrote it are told by its content."""

import re
from pathlib import Path
from typing import Any

from routerlab.annotate.formats.rows import Rows, read_file
from routerlab.core.errors import Faults, LabError
from routerlab.study.figures.columns import NEEDED
from routerlab.study.figures.tools import Numbered, told_apart

_WITHIN = ("data", "rows", "records", "items")


def read_records(path: Path, faults: Faults) -> tuple[Rows, str | None, list[Numbered]]:
    """The file as it was read, the tool that wrote it if it is known, and each record with its number there.
    Nested fields have dotted paths."""
    read = read_file(path, faults, ("arm", *NEEDED), _WITHIN, exact=True)
    if read.kind.startswith("text") and read.rows:
        raise LabError(
            f"{path}: nothing says what it is; a log ends in .csv, .tsv, .jsonl or .json, a session in "
            ".toml, and a vLLM server's own is known by its lines"
        )
    rows: list[Numbered] = list(read.rows)
    if read.kind == "Inspect's log":
        rows = [(1, {"eval": {}, "samples": [sample for _, sample in rows]})] if rows else []
    try:
        return read, *told_apart(rows)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise LabError(f"{path}: looks like a tool's log, but is not whole: {type(e).__name__} {e}") from None


def plain_number(value: Any, semicolons: bool) -> Any:
    """A number's text with a point where it has a decimal comma, as in 1,5 and 1.234,5; else the value.

    ValueError for 2,500 where nothing says which mark its comma is: between `semicolons` it is a decimal one.
    """
    if isinstance(value, str) and re.fullmatch(r"\s*(\d{1,3}(\.\d{3})+|\d+),\d+\s*", value):
        if not semicolons and re.fullmatch(r"\s*[1-9]\d{0,2},\d{3}\s*", value):
            whole = value.strip()
            raise ValueError(f"may be {whole.replace(',', '')} or {whole.replace(',', '.')}")
        return value.replace(".", "").replace(",", ".")
    return value
