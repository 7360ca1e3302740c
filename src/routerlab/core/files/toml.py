"""Reading and hashing TOML: every file goes through here, so every error names file, key and line."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from routerlab.core.errors import LabError, several

M = TypeVar("M", bound=BaseModel)
Loc = tuple[int | str, ...]
"""A key path in a file, such as ("case", 3, "label")."""


def read_bytes(path: Path) -> bytes:
    """What the file holds; LabError when it is missing or unreadable."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise LabError(f"{path}: no such file") from None
    except OSError as e:
        raise LabError(f"{path}: cannot be read: {e.strerror}") from None


def read_text(path: Path) -> str:
    """The file as UTF-8 text; LabError when it is missing, unreadable or not text."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as e:
        raise LabError(f"{path}: not UTF-8 text (byte {e.start}); save it as UTF-8") from None


def load_toml(path: Path, model: type[M]) -> M:
    """The file, parsed and validated as `model`; LabError naming file, key and line otherwise."""
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as e:  # the parser's own error is a ValueError
        line = re.search(r"at line (\d+)", str(e))
        where = f"{path}:{line[1]}" if line else str(path)
        raise LabError(f"{where}: not valid TOML: {e}") from None
    return validate(path, model, data, text)


def validate(path: Path, model: type[M], data: dict[str, Any], text: str) -> M:
    """`data` as `model`; LabError with every fault, its key and its line in `text` where known."""
    try:
        return model.model_validate(data)
    except ValidationError as e:
        raise invalid(path, e, text) from None


class SeveralError(ValueError):
    """What a validator raises that found more than one fault: (key path below what it validates, message)."""

    def __init__(self, found: Sequence[tuple[Loc, str]]) -> None:
        super().__init__("; ".join(message for _, message in found))
        self.found = tuple(found)


def once(key: str, field: str, names: Sequence[str], says: str) -> Iterator[tuple[Loc, str]]:
    """A fault for every name in the table `key` that stands there before already; `says` has {} for it."""
    for i, name in enumerate(names):
        if name in names[:i]:
            yield (key, i, field), says.format(repr(name))


def unless(*faults: Iterable[tuple[Loc, str]]) -> None:
    """SeveralError when there are faults; for validators."""
    if found := tuple(chain(*faults)):
        raise SeveralError(found)


def invalid(where: object, error: ValidationError, text: str = "") -> LabError:
    """All faults that pydantic found as one error; their lines are looked for in `text`, which is TOML."""
    lines = line_numbers(text) if text else {}
    faults = []
    for loc, message in _faults(error):
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in loc).lstrip(".")
        line = _nearest(lines, loc)
        faults.append(LabError(f"{where}{f':{line}' if line else ''}: {key + ': ' if key else ''}{message}"))
    return several(where, faults)


def in_words(fault: ErrorDetails) -> str:
    """What pydantic says of a fault, in words of people who write files."""
    plain = {"missing": "missing", "extra_forbidden": "no key of this name is known here"}
    return plain.get(fault["type"]) or fault["msg"].removeprefix("Value error, ").replace(
        "Input should", "should"
    )


def _faults(error: ValidationError) -> Iterator[tuple[Loc, str]]:
    found = error.errors()
    for fault in found:
        raised = fault.get("ctx", {}).get("error")
        within = (other["loc"][: len(fault["loc"])] == fault["loc"] for other in found if other is not fault)
        if fault["type"] == "too_short" and any(within):
            continue  # what is in it was not counted because of its own faults
        if isinstance(raised, SeveralError):
            yield from ((fault["loc"] + loc, message) for loc, message in raised.found)
        else:
            yield fault["loc"], in_words(fault)


TOKEN = re.compile(
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"""(?:"{0,2})'
    r"|'''(?:[^']++|'(?!''))*+'''(?:'{0,2})"
    r'|"(?:[^"\\\n]++|\\.)*+"'
    r"|'[^'\n]*+'"
    r"|#[^\n]*+",
    re.DOTALL,
)
"""A string or a comment of TOML, whichever begins first; a long string may end in quotes of its own."""

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=")
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]")


def line_numbers(text: str) -> dict[Loc, int]:
    """Key path such as ("case", 3, "label") -> its 1-based line in TOML text, tables at their header's.

    What stands inside an inline table or array has the line of the key that it is the value of.
    """
    found: dict[Loc, int] = {}
    counts: dict[Loc, int] = {}
    table: Loc = ()
    for number, line in enumerate(TOKEN.sub(_blank, text).split("\n"), 1):
        if header := _HEADER.match(line):
            table = ()
            *above, last = _parts(header[2])
            for part in above:  # of an array of tables the latest is meant
                table += (part, counts[*table, part]) if (*table, part) in counts else (part,)
            table += (last,)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table += (counts[table],)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(table + tuple(_parts(key[1])), number)
    return found


def line_of(text: str, loc: Loc) -> int | None:
    """The line of a key path in TOML text, or that of what it lies in; None where nothing of it is there."""
    return _nearest(line_numbers(text), loc)


def _nearest(lines: dict[Loc, int], loc: Loc) -> int | None:
    return next((lines[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in lines), None)


def _parts(key: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, key)]


def _blank(match: re.Match[str]) -> str:
    """Multi-line strings and comments go, lines stay: what looks like a key in a prompt is none."""
    text = match[0]
    return "\n" * text.count("\n") if text.startswith(("#", '"""', "'''")) else text


def canonical_json(value: BaseModel | dict[str, Any]) -> str:
    """The value as JSON in its one form: sorted keys, no spaces, no None; comments never count."""
    data = value.model_dump(mode="json", exclude_none=True) if isinstance(value, BaseModel) else value
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_sha256(value: BaseModel | dict[str, Any]) -> str:
    """SHA-256 (hex) of the value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
