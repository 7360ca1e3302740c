"""The records of a session as TOML text."""

import json
import re
from datetime import UTC, date, datetime

from routerlab.core.prediction import Record
from routerlab.core.session.session import KINDS, Event

# Legal in TOML as they are, but they act on a terminal or hide text when somebody prints the file: DEL and C1
# controls, line and paragraph separators, bidi marks, and the byte order mark.
_ACTIVE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FIRST = ("id", "at", "case", "prompt", "arm", "repeat", "gold")


def fragment(event: Event) -> bytes:
    """The event as one block of TOML that begins on a new line whatever stands before it.

    Every value is on one line (tables inline, control characters escaped), so nothing in the data can look
    like the head of a record. None is left out; milliseconds have 3 decimals, other floats 6.
    """
    return record_text(next(name for name, models in KINDS.items() if isinstance(event, models)), event)


def record_text(kind: str, record: Record) -> bytes:
    """Any record as such a block, under that name; sums of money have 12 decimals."""
    data = record.model_dump(exclude_none=True)
    ordered = {key: data[key] for key in (*_FIRST, *data) if key in data}
    return f"\n[[{kind}]]\n{_lines(ordered)}".encode()


def header_text(header: Record) -> bytes:
    """The header as the top of a session file."""
    return _lines(header.model_dump(exclude_none=True)).encode()


def toml_value(value: object) -> str:
    """The value on one line of TOML, as it stands in a record."""
    return _value(value, 6)


def _lines(data: dict[str, object]) -> str:
    return "".join(f"{_key(k)} = {_value(v, _digits(k))}\n" for k, v in data.items())


def _digits(key: str) -> int:
    return 3 if key.endswith("_ms") else 12 if key == "cost" else 6


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: object, digits: int) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(value)
        case int():
            return str(value)
        case float():
            return repr(round(value, digits))
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case dict():
            return "{ " + ", ".join(f"{_key(k)} = {_value(v, digits)}" for k, v in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(_value(v, digits) for v in value) + "]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _string(text: str) -> str:
    """A basic string on one line. A lone surrogate (a byte of the command line that was not UTF-8) is not
    text and becomes U+FFFD, because refusing it would lose the record."""
    quoted = json.dumps(_SURROGATE.sub("\ufffd", text), ensure_ascii=False)
    return _ACTIVE.sub(lambda m: f"\\u{ord(m[0]):04x}", quoted)
