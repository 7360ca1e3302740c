"""One reader for files of rows, be they prompts or a log: what a file is, is told by its content."""

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from routerlab.annotate.formats import annotators, chats, evals, vllm
from routerlab.annotate.formats.binary import Numbered, read_binary
from routerlab.annotate.formats.fields import FIELDS, Shape
from routerlab.annotate.formats.table import is_table, read_table
from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import read_bytes

SHAPES: tuple[Shape, ...] = (*annotators.SHAPES, *evals.SHAPES, *chats.SHAPES, vllm.SHAPE)

_JSON = (".jsonl", ".ndjson", ".json")
_YAML = (".yaml", ".yml")
_WITHIN = ("samples", "tests", "data", "rows", "records", "examples", "items", "prompts")
"""Where a JSON object or YAML that is a whole file has its rows."""


@dataclass(frozen=True)
class Rows:
    """What a file holds, in its order: (number, object), with "prompt" as the only key where it is text.

    `kind` says what it was read as; the numbers count its lines, or the rows or items of what has none.
    `shape` is that of the tool which wrote it, None where keys mean what they say. `empty` lines are
    left out. `header` are the names in a table's.
    """

    kind: str
    unit: Literal["line", "item", "row"]
    rows: Numbered
    shape: Shape | None = None
    empty: tuple[int, ...] = ()
    header: tuple[str, ...] = ()

    @property
    def lack(self) -> str:
        """Why there are no rows, in words that follow the file's name."""
        if self.header:
            return f"has a header ({', '.join(self.header)}) and no row below it"
        return "holds an empty list" if self.kind.startswith("JSON,") or self.kind == "JSON" else "is empty"


def read_rows(path: Path, faults: Faults) -> Rows:
    """The rows of a file of prompts: text (one a line), JSONL, JSON, YAML, CSV, TSV, .xlsx, Parquet, an
    Inspect log, a vLLM server's; and the tool that wrote it, if one is known.

    Faults of single lines go to `faults`; LabError for a file that cannot be read as what it is, with Exit
    MISSING where a library is missing.
    """
    found = read_file(path, faults, FIELDS)
    first = found.rows[0][1] if found.rows else {}
    if found.kind.startswith("text"):
        return found
    return replace(found, shape=next((shape for shape in SHAPES if shape.fits(first)), None))


def read_file(
    path: Path, faults: Faults, names: Collection[str], within: Collection[str] = _WITHIN, exact: bool = False
) -> Rows:
    """The same, whatever the rows are about and whoever wrote them. A table is known also by a header with
    the first of `names` and another one, and has records as long as its header if it is to be `exact`; JSON
    that is an object may have its rows under one of the keys `within`."""
    data = read_bytes(path)
    suffix = path.suffix.lower()
    if suffix == ".toml":
        raise LabError(f"{path}: is TOML; a corpus or a session is named as it is, without an import")
    if found := read_binary(path, data):
        kind, header, rows = found
        return Rows(kind, "item" if kind == "Inspect's log" else "row", rows, header=tuple(header))
    text, encoding = _text(path, data, suffix, names)
    told = "" if encoding == "UTF-8" else f", {encoding}"
    start = text.lstrip()[:1]
    if start == "[" and (items := _array(path, text, suffix)) is not None:
        return Rows(f"JSON{told}", "item", items)
    if start == "{" and (inner := _inner(text, within)) is not None:
        return Rows(f"JSON{told}", "item", inner)
    lines = _lines(text)
    empty = tuple(i for i, line in enumerate(lines, 1) if not line.strip())
    first = text.lstrip().split("\n", 1)[0]
    if suffix == ".json" and start == "{" and _object(first) is None:
        raise LabError(f"{path}: begins as a JSON object, but is none; rows with an object a line are .jsonl")
    if suffix in _JSON or (start == "{" and _object(first) is not None):
        return Rows(f"JSONL{told}", "line", _objects(lines, faults), empty=empty)
    if suffix in _YAML:
        return Rows("YAML", "item", _yaml(path, text, within))
    if is_table(text, suffix, names):
        between, header, rows = read_table(path, text, faults, exact)
        named = "TSV" if between == "\t" else "CSV" if between == "," else f"CSV with {between}"
        return Rows(named + told, "line", rows, header=tuple(header))
    if vllm.is_log(text):
        kind, rows = vllm.read_log(lines)
        return Rows(kind + told, "line", rows)
    numbered = [(i, {"prompt": line}) for i, line in enumerate(lines, 1) if line.strip()]
    return Rows(f"text, a line a prompt{told}", "line", numbered, empty=empty)


def _text(path: Path, data: bytes, suffix: str, names: Collection[str]) -> tuple[str, str]:
    """(the text, its encoding): UTF-8, UTF-16 with or without its mark, and Windows-1252 for tables."""
    codec = _codec(data)
    name = "UTF-16" if codec.startswith("utf-16") else "UTF-8"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as e:
        with suppress(UnicodeDecodeError):
            text = data.decode("cp1252") if name == "UTF-8" and suffix not in _JSON else ""
            if is_table(text, suffix, names):
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
    raise LabError(f"{path}: the array holds what is no object; each of its items is one")


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that the text is; None for anything else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _inner(text: str, within: Collection[str]) -> Numbered | None:
    """The rows of a file that is one object: those `within` it, else itself; None for JSONL."""
    whole = _object(text)
    if whole is None:
        return None
    found = next((whole[key] for key in within if _listed(whole.get(key)) and "prompt" not in whole), None)
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
            faults.add(i, f"{what}; every line is one")
    return rows


def _yaml(path: Path, text: str, within: Collection[str]) -> Numbered:
    """The list that a YAML file is, or has under one of the keys `within`."""
    import yaml

    try:
        whole = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as e:
        raise LabError(f"{path}: not valid YAML: {' '.join(str(e).split())[:200]}") from None
    if isinstance(whole, dict):
        whole = next((whole[key] for key in within if _listed(whole.get(key))), whole)
    if not _listed(whole):
        keys = ", ".join(map(str, whole)) if isinstance(whole, dict) else "none"
        raise LabError(f"{path}: holds no list of tests (keys: {keys}); name the file that has them")
    return [(i, {str(key): value for key, value in row.items()}) for i, row in enumerate(whole, 1)]
