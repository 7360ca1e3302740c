"""The text of a file that records are appended to: a head, then records, of which the last may be torn."""

import re
import tomllib
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from routerlab.core.errors import Faults, LabError
from routerlab.core.files.toml import in_words, line_of, validate
from routerlab.core.prediction import Record

R = TypeVar("R", bound=Record)
Kinds = Mapping[str, tuple[type[R], ...]]
"""What a record of each name may be; where there are several, its `kind` says which."""
Progress = Callable[[int, int], None]
"""Called with bytes read so far and bytes in all."""

# The start of a record: a line with "[[", or the last byte of the file where only half of that was written.
_RECORD = re.compile(rb"^\[(?=\[|\Z)", re.MULTILINE)
_PROGRESS_EVERY = 500


class _FaultError(Exception):
    """A record that cannot be read; `line` counts from its first, `torn` if being cut short explains it."""

    def __init__(self, line: int, message: str, torn: bool) -> None:
        super().__init__(message)
        self.line = line
        self.torn = torn


def written(data: bytes) -> int:
    """How many bytes were written: we escape NUL, so a NUL after the last head is space that was allocated
    and never written."""
    nul = data.find(b"\0", max(data.rfind(b"\n[["), 0))
    return nul if nul >= 0 else len(data)


def read_head(path: Path, data: bytes, model: type[R]) -> R:
    """What stands before the first record; LabError when that is not the head of a session."""
    first = _RECORD.search(data)
    try:
        text = data[: first.start() if first else len(data)].decode()
        tables = tomllib.loads(text)
        if "lab_version" not in tables:
            raise LabError(f"{path}: not a session: it has no lab_version")
        return validate(path, model, tables, text)
    except (ValueError, RecursionError) as e:
        raise LabError(f"{path}: not a session: {e}") from None


def read_records(
    path: Path,
    data: bytes,
    kinds: Kinds[R],
    add: Callable[[R], None],
    progress: Progress | None = None,
    known: int = 0,
) -> tuple[int, int]:
    """Give every record after the first `known` bytes to `add`; how many bytes of `data` are sound, which is
    without a last record that was cut short, and how many records there were. LabError with file and line for
    anything else that is wrong."""
    end = len(data)
    bounds = [*(m.start() for m in _RECORD.finditer(data, known)), end]
    line = 1 + data.count(b"\n", 0, bounds[0])
    faults = Faults(path)
    for n, (start, stop) in enumerate(pairwise(bounds)):
        try:
            add(_record(data[start:stop], kinds))
        except _FaultError as e:
            if e.torn and stop == end:
                end = start
                break
            faults.add(line + e.line, str(e))
        line += data.count(b"\n", start, stop)
        if progress and n % _PROGRESS_EVERY == 0:
            progress(stop, len(data))
    faults.end()
    if progress:
        progress(len(data), len(data))
    return end, len(bounds) - 1


def _record(data: bytes, kinds: Kinds[R]) -> R:
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise _FaultError(data.count(b"\n", 0, e.start), "not UTF-8 text", True) from None
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as e:
        at = re.search(r" \(at line (\d+), column \d+\)$", str(e))
        line = int(at[1]) - 1 if at else text.rstrip().count("\n")
        raise _FaultError(line, f"not valid TOML: {str(e)[: at.start()] if at else e}", True) from None
    kind, records = next(iter(tables.items()))
    if kind not in kinds or len(tables) > 1 or not isinstance(records, list):
        raise _FaultError(0, f"no record this version knows: {kind!r}", False)
    model = _type(kinds[kind], records[0])
    if model is None:
        raise _FaultError(0, f"no {kind} that this version knows: {records[0]['kind']!r}", False)
    try:
        return model.model_validate(records[0])
    except ValidationError as e:
        faults = e.errors()
        told = [f"{'.'.join(map(str, (kind, *fault['loc'])))}: {in_words(fault)}" for fault in faults]
        line = line_of(text, (kind, 0, *faults[0]["loc"])) or 1
        torn = any(fault["type"] == "missing" for fault in faults)
        raise _FaultError(line - 1, "; ".join(told), torn) from None


def _type(types: tuple[type[R], ...], data: dict[str, Any]) -> type[R] | None:
    if len(types) == 1 or "kind" not in data:
        return types[0]
    return next((t for t in types if data["kind"] in get_args(t.model_fields["kind"].annotation)), None)
