"""One reader for files of prompts: what a file is, is told by its content."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from routerlab.annotate.formats import annotators, chats, evals
from routerlab.annotate.formats.binary import Numbered, read_binary
from routerlab.annotate.formats.fields import Shape
from routerlab.annotate.formats.table import is_table, read_table
from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import read_bytes

SHAPES: tuple[Shape, ...] = (*annotators.SHAPES, *evals.SHAPES, *chats.SHAPES)

_JSON = (".jsonl", ".ndjson", ".json")
_YAML = (".yaml", ".yml")
_WITHIN = ("samples", "tests", "data", "rows", "records", "examples", "items")
"""Where a JSON object or YAML that is a whole file has its rows."""


@dataclass(frozen=True)
class Rows:
    """What a file holds, in its order: (number, object), with "prompt" as the only key where it is text.

    `kind` says what it was read as; the numbers count its lines, or the rows or items of what has none.
    `shape` is that of the tool which wrote it, None where keys mean what they say. `empty` lines are
    left out.
    """

    kind: str
    unit: Literal["line", "item", "row"]
    rows: Numbered
    shape: Shape | None = None
    empty: tuple[int, ...] = ()


def read_rows(path: Path, faults: Faults) -> Rows:
    """The rows of a file: text (one a line), JSONL, JSON, YAML, CSV, TSV, .xlsx, Parquet, an Inspect log.

    Faults of single lines go to `faults`; LabError for a file that cannot be read as what it is, with Exit
    MISSING where a library is missing.
    """
    data = read_bytes(path)
    suffix = path.suffix.lower()
    if suffix == ".toml":
        raise LabError(f"{path}: is TOML; a corpus or a session is named as it is, without an import")
    if found := read_binary(path, data):
        kind, rows = found
        return _shaped(Rows(kind, "item" if kind == "Inspect's log" else "row", rows))
    text, encoding = _text(path, data, suffix)
    told = "" if encoding == "UTF-8" else f", {encoding}"
    start = text.lstrip()[:1]
    if start == "[" and (items := _array(path, text, suffix)) is not None:
        return _shaped(Rows(f"JSON{told}", "item", items))
    if start == "{" and (inner := _inner(text)) is not None:
        return _shaped(Rows(f"JSON{told}", "item", inner))
    lines = _lines(text)
    empty = tuple(i for i, line in enumerate(lines, 1) if not line.strip())
    if suffix in _JSON or (start == "{" and _object(text.lstrip().split("\n", 1)[0]) is not None):
        return _shaped(Rows(f"JSONL{told}", "line", _objects(lines, faults), empty=empty))
    if suffix in _YAML:
        return _shaped(Rows("YAML", "item", _yaml(path, text)))
    if is_table(text, suffix):
        between, rows = read_table(path, text, faults)
        named = "TSV" if between == "\t" else "CSV" if between == "," else f"CSV with {between}"
        return _shaped(Rows(named + told, "line", rows))
    numbered = [(i, {"prompt": line}) for i, line in enumerate(lines, 1) if line.strip()]
    return Rows(f"text, a line a prompt{told}", "line", numbered, empty=empty)


def _shaped(rows: Rows) -> Rows:
    first = rows.rows[0][1] if rows.rows else {}
    shape = next((shape for shape in SHAPES if shape.fits(first)), None)
    return Rows(rows.kind, rows.unit, rows.rows, shape, rows.empty)


def _text(path: Path, data: bytes, suffix: str) -> tuple[str, str]:
    """(the text, its encoding): UTF-8, UTF-16 with or without its mark, and Windows-1252 for tables."""
    codec = _codec(data)
    name = "UTF-16" if codec.startswith("utf-16") else "UTF-8"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as e:
        with suppress(UnicodeDecodeError):
            if name == "UTF-8" and is_table(text := data.decode("cp1252"), suffix):
                return text, "Windows-1252"
        line = data.count(b"\n", 0, e.start) + 1
        raise LabError(f"{path}:{line}: not {name} text; save it as UTF-8") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise LabError(f"{path}:{line}: a NUL byte, so this is not UTF-8 text; save it as UTF-8")
    return text, name


def _codec(data: bytes) -> str:
    """By its mark; without one, text of which every other byte is 0, and hardly another one, is UTF-16."""
    if data.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    even, odd = (data[start:4000:2].count(0) for start in (0, 1))
    many, few = len(data[:4000]) // 4, len(data[:4000]) // 40
    return (
        "utf-16-be" if even > many and odd <= few else "utf-16-le" if odd > many and even <= few else "utf-8"
    )


def _lines(text: str) -> list[str]:
    """The lines without their ends. Only a line feed ends one: prompts may hold the other separators."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _listed(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _array(path: Path, text: str, suffix: str) -> Numbered | None:
    """The objects of a JSON array; None for text that only begins like one."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as e:
        if suffix not in _JSON:
            return None
        raise LabError(f"{path}: begins as a JSON array, but is none: {e}") from None
    if _listed(items) or items == []:
        return list(enumerate(items, 1))
    if suffix not in _JSON:
        return None
    if all(isinstance(item, str) for item in items):
        return [(i, {"prompt": item}) for i, item in enumerate(items, 1)]
    raise LabError(f'{path}: the array holds what is no object; its items are such as {{"prompt": "..."}}')


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that the text is; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _inner(text: str) -> Numbered | None:
    """The rows of a file that is one object: those under one of _WITHIN, else itself; None for JSONL."""
    whole = _object(text)
    if whole is None:
        return None
    found = next((whole[key] for key in _WITHIN if _listed(whole.get(key)) and "prompt" not in whole), None)
    if found is None and "\n" not in text.strip():
        return None
    return list(enumerate([whole] if found is None else found, 1))


def _objects(lines: Sequence[str], faults: Faults) -> Numbered:
    """(line number, object) of every line that is not empty; the others are faults."""
    rows: Numbered = []
    for i, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as e:
            row = e
        if isinstance(row, dict):
            rows.append((i, row))
        else:
            what = f"not valid JSON ({row})" if isinstance(row, Exception) else "not a JSON object"
            faults.add(i, f'{what}; every line is an object such as {{"prompt": "..."}}')
    return rows


def _yaml(path: Path, text: str) -> Numbered:
    """The list that a YAML file is, or has under "tests" or another of these names."""
    import yaml

    try:
        whole = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise LabError(f"{path}: not valid YAML: {' '.join(str(e).split())[:200]}") from None
    if isinstance(whole, dict):
        whole = next((whole[key] for key in _WITHIN if _listed(whole.get(key))), whole)
    if not _listed(whole):
        keys = ", ".join(map(str, whole)) if isinstance(whole, dict) else "none"
        raise LabError(f"{path}: holds no list of tests (keys: {keys}); name the file that has them")
    return [(i, {str(key): value for key, value in row.items()}) for i, row in enumerate(whole, 1)]
