"""A log's file as records: its encoding, its dialect, and the tool that wrote it are told by its content."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import read_bytes, read_text
from routerlab.study.figures.tools import Numbered, told_apart

_TABLES = (".csv", ".tsv")
_LINES = (".jsonl", ".ndjson")
_BIGGEST_FIELD = 2**31 - 1
_BETWEEN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def read_records(path: Path, faults: Faults) -> tuple[str, str | None, list[Numbered]]:
    """What the file is ("CSV with commas", "JSON lines", "JSON"), the tool that wrote it if it is known, and
    each record with the number of its last line (in JSON, of the record). Nested fields have dotted paths."""
    suffix = path.suffix.lower()
    if suffix not in (*_TABLES, *_LINES, ".json"):
        raise LabError(
            f"{path}: the name says not what it is; a log ends in .csv, .tsv, .jsonl or .json, a session in "
            ".toml"
        )
    text, encoding = _text(path)
    if suffix in _TABLES:
        between = _delimiter(text, suffix)
        return f"CSV with {_BETWEEN[between]}{encoding}", None, list(_csv(path, text, between, faults))
    kind, records = ("JSON", _json(path, text)) if suffix == ".json" else ("JSON lines", [])
    records = records or list(_jsonl(text, faults))
    try:
        return kind, *told_apart(records)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
        raise LabError(f"{path}: looks like a tool's log, but is not whole: {type(e).__name__} {e}") from None


def plain_number(value: Any) -> Any:
    """A number's text with a point where it has a decimal comma, as in 1,5 and 1.234,5; else the value."""
    if isinstance(value, str) and re.fullmatch(r"\s*(\d{1,3}(\.\d{3})+|\d+),\d+\s*", value):
        return value.replace(".", "").replace(",", ".")
    return value


def _text(path: Path) -> tuple[str, str]:
    """The text, and its encoding where that is not UTF-8."""
    data = read_bytes(path)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        with suppress(UnicodeDecodeError):
            return data.decode("utf-16"), ", UTF-16"
    if path.suffix.lower() in _TABLES and b"\0" not in data:
        with suppress(UnicodeDecodeError):
            return data.decode("utf-8-sig"), ""
        with suppress(UnicodeDecodeError):
            return data.decode("cp1252"), ", Windows-1252"
    return read_text(path).removeprefix("\ufeff"), ""


def _delimiter(text: str, suffix: str) -> str:
    """What splits the header into most columns; by the file's name where none does."""
    header = text.split("\n", 1)[0]
    return max(("\t" if suffix == ".tsv" else ",", *_BETWEEN), key=header.count)


def _csv(path: Path, text: str, delimiter: str, faults: Faults) -> Iterator[tuple[int, Mapping[str, Any]]]:
    csv.field_size_limit(_BIGGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        twice = {name for name in header if header.count(name) > 1}
        if twice:
            raise LabError(f"{path}:1: column {sorted(twice)[0]!r} is there twice; rename one of them")
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(header):
                faults.add(reader.line_num, f"{len(fields)} fields where the header has {len(header)}")
                continue
            yield reader.line_num, dict(zip(header, fields, strict=True))
    except csv.Error as e:
        faults.add(reader.line_num, f"not valid CSV: {e}")  # nothing below can be told apart


def _jsonl(text: str, faults: Faults) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as e:
            faults.add(number, f"not JSON: {e}")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            faults.add(number, "not a JSON object; a log has one object a line")


def _json(path: Path, text: str) -> list[Numbered]:
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise LabError(f"{path}: not JSON: {e}; a log with an object a line ends in .jsonl") from None
    records = whole if isinstance(whole, list) else [whole]
    if not records or not all(isinstance(record, dict) for record in records):
        raise LabError(f"{path}: holds no JSON objects; a log is an object, or a list of them")
    return list(enumerate(records, 1))
